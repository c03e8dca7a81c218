// A question, answered before something runs: a number, a choice, an order, or a curve.
//
// Each change of the answer goes to the kernel at once; other views of it, and pages that reload, follow.

import { button, fill, h, OWN_KEYS, say } from "./dom.js";
import { live } from "./places.js";
import { CurveInput } from "./prediction_curve.js";
import { moved, textOf } from "./prediction_text.js";

let views = 0;

class PredictionView {
  constructor(model) {
    this.model = model;
    this.kind = model.get("kind");
    this.options = model.get("options");
    this.key = `bl-prediction-${++views}`;
    this.status = h("p", { class: "bl-said", role: "status" });
    this.question = h("p", { class: "bl-asked", id: this.key }, h("b", {}, "Predict. "), model.get("question"));
    this.input = { number: () => this.number(), choice: () => this.choice(), order: () => this.order(),
      curve: () => this.curve() }[this.kind]();
    this.element = h("div", { class: "bl-view bl-prediction", "data-jp-suppress-context-menu": true },
      this.question, this.input, this.status);
    this.heard = () => this.show();
    model.on("change:value", this.heard);
    this.show();
  }

  close() {
    this.model.off("change:value", this.heard);
  }

  get value() {
    return this.model.get("value") ?? null; // Python in a browser sends None as undefined
  }

  answer(value) {
    this.model.set("value", value);
    this.model.save_changes();
    this.show();
  }

  show() {
    this.put(this.value);
    say(this.status, this.value === null ? "" : `Your prediction: ${textOf(this.kind, this.options, this.value)}. `
      + "Now run what follows.");
  }

  number() {
    const field = h("input", { type: "number", step: "any", class: "bl-field", "aria-labelledby": this.key, ...OWN_KEYS,
      oninput: () => this.answer(field.value === "" || !Number.isFinite(field.valueAsNumber) ? null : field.valueAsNumber) });
    this.put = (value) => {
      if (document.activeElement !== field) field.value = value === null ? "" : String(value);
    };
    return h("label", { class: "bl-answer" }, field, " ", this.options.unit);
  }

  choice() {
    const radios = this.options.choices.map((one) => h("input", { type: "radio", name: this.key, value: one, ...OWN_KEYS,
      onchange: () => this.answer(one) }));
    this.put = (value) => radios.forEach((radio) => { radio.checked = radio.value === value; });
    return h("div", { class: "bl-answer", role: "radiogroup", "aria-labelledby": this.key },
      radios.map((radio) => h("label", { class: "bl-choice" }, radio, " ", radio.value)));
  }

  order() {
    const list = h("ol", { class: "bl-order" });
    const now = () => this.value || this.options.items;
    let dragged = null;
    const move = (from, to) => {
      this.answer(moved(now(), from, to));
      list.children[to]?.querySelector("button:not([disabled])").focus();
    };
    const row = (item, place, all) => h("li", { draggable: true,
      ondragstart: (event) => {
        dragged = place;
        event.dataTransfer.setData("text/plain", item);
      },
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => {
        event.preventDefault();
        if (dragged !== null && dragged !== place) move(dragged, place);
        dragged = null;
      } },
    button("↑", { class: "bl-tool", "aria-label": `${item} earlier`, disabled: !place, ...OWN_KEYS, onclick: () => move(place, place - 1) }),
    button("↓", { class: "bl-tool", "aria-label": `${item} later`, disabled: place === all.length - 1, ...OWN_KEYS,
      onclick: () => move(place, place + 1) }), h("span", {}, item));
    const keep = button("This order", { class: "bl-tool", onclick: () => this.answer(now()) });
    this.put = (value) => {
      fill(list, now().map(row));
      keep.hidden = value !== null;
    };
    return h("div", { class: "bl-answer", role: "group", "aria-labelledby": this.key }, list, keep);
  }

  curve() {
    const input = new CurveInput(this.options, this.key, (value) => this.answer(value));
    this.put = (value) => input.put(value);
    return input.element;
  }
}

async function mount({ model, el }) {
  const view = new PredictionView(model);
  el.replaceChildren(view.element);
  el.batchlab = view;
  return () => view.close();
}

export default live(mount);
