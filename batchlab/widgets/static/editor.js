// The editor of a formula: a text area, and below it the same text with colours and marks.

import { fill, h, OWN_KEYS } from "./dom.js";
import { offsetOf, pieces, stillTrue } from "./formula.js";

const EDITOR_EDGES = 42; // beside the text, in pixels
const LENS = 140; // the least width of a message behind its line

export class Editor {
  // `problems` is the id of the element that lists them; `typed` is called when the text changes here.
  constructor(text, problems, typed) {
    this.typed = typed;
    this.marks = [];
    this.markedText = text;
    this.shown = h("pre", { class: "bl-shown", "aria-hidden": "true" });
    this.numbers = h("div", {});
    this.area = h("textarea", {
      class: "bl-text", ...OWN_KEYS, spellcheck: "false", autocomplete: "off", autocapitalize: "off", wrap: "off",
      "aria-label": "formula", "aria-describedby": problems,
      oninput: () => this.heard(), onscroll: () => this.scrolled(),
    });
    this.element = h("div", { class: "bl-editor" },
      h("div", { class: "bl-numbers", "aria-hidden": "true" }, this.numbers),
      h("div", { class: "bl-layer" }, this.shown), this.area);
    new ResizeObserver(() => this.scrolled()).observe(this.element);
    this.put(text);
  }

  put(text) {
    this.area.value = this.text = text;
    this.paint();
  }

  heard() {
    this.text = this.area.value;
    this.paint();
    this.typed();
  }

  mark(marks, text) {
    this.marks = marks;
    this.markedText = text;
    this.paint();
  }

  paint() {
    const marks = stillTrue(this.marks, this.markedText, this.text);
    const lines = this.text.split("\n");
    fill(this.shown, lines.map((line, i) => {
      const here = marks.filter((mark) => mark.line === i + 1);
      return h("div", {}, pieces(line, here).map((piece) => h("span", {
        class: `${piece.kind ? `bl-word-${piece.kind}` : ""}${piece.mark ? ` bl-mark-${piece.mark}` : ""}`,
      }, piece.text)), here.length ? h("span", { class: `bl-lens bl-${here[0].severity}` }, here[0].message) : "");
    }));
    fill(this.numbers, lines.map((_, i) => {
      const here = marks.filter((mark) => mark.line === i + 1).map((mark) => mark.severity);
      const look = here.includes("error") ? "bl-error" : here.length ? "bl-warning" : "";
      return h("b", { class: look }, String(i + 1));
    }));
    this.area.setAttribute("aria-invalid", String(marks.some((mark) => mark.severity === "error")));
    this.scrolled();
  }

  scrolled() {
    const { scrollLeft, scrollTop } = this.area;
    this.shown.style.transform = `translate(${-scrollLeft}px, ${-scrollTop}px)`;
    this.numbers.style.transform = `translateY(${-scrollTop}px)`;
    for (const lens of this.shown.querySelectorAll(".bl-lens")) { // the list below says all of it
      const room = this.element.clientWidth - EDITOR_EDGES + scrollLeft - lens.offsetLeft;
      lens.style.maxWidth = `${Math.max(0, room)}px`;
      lens.style.visibility = room < LENS ? "hidden" : "";
    }
  }

  goTo(mark) {
    this.area.focus();
    this.area.setSelectionRange(offsetOf(this.text, mark.line, mark.start), offsetOf(this.text, mark.line, mark.end));
  }
}
