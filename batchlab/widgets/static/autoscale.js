// An editor for a formula: what it decides, the pool over time, what it would have done.
//
// The kernel parses, checks and evaluates the text shortly after the last key press; errors come back
// with their positions. Nothing changes before "Apply" has been pressed twice.

import { Curve } from "./curve.js";
import { button, fill, h, say } from "./dom.js";
import { Editor } from "./editor.js";
import { Evaluations, samplesPanel, valuesPanel, whyPanel } from "./evaluations.js";
import { duration, plural } from "./format.js";
import { GONE, whenGone } from "./kernel_gone.js";
import { Questions, TRIES } from "./questions.js";
import { Tabs } from "./tabs.js";
import { live } from "./places.js";
import { readTheme } from "./theme.js";
import { Viewer } from "./viewer.js";
import { REST_MS, WhatIf } from "./what_if.js";

const ASK_S = 60;
const INTERVALS = [5, 10, 15, 30, 60, 240];
const TABS = { values: "Values", samples: "Samples", why: "Why", history: "History", whatif: "What if" };
let labs = 0;

export class AutoScaleView {
  constructor(model) {
    this.model = model;
    this.pool = model.get("pool");
    this.run = null;
    this.state = null;
    this.questions = new Questions(model, ASK_S);
    this.viewer = new Viewer(model);
    this.key = `bl-lab-${++labs}`;
    this.editor = new Editor(model.get("formula"), `${this.key}-problems`, () => this.typed());
    this.asked = this.editor.text;
    this.whatIf = new WhatIf(this);
    this.curve = new Curve(this);
    this.evaluations = new Evaluations(this);
    this.build();
    this.live();
  }

  build() {
    this.heading = h("h3", { class: "bl-heading", title: this.pool },
      h("small", {}, this.pool ? "Autoscale of pool " : "Autoscale formula"), this.pool);
    this.where = h("span", { class: "bl-where" });
    this.tally = h("span", { class: "bl-tally" });
    const { history, ...others } = TABS;
    this.tabs = new Tabs(this.pool ? TABS : others, (name) => this.open(name));
    this.body = h("div", { class: "bl-body", role: "tabpanel", tabindex: 0, "aria-label": "details" });
    this.element = h("div", { class: "bl-view bl-lab" },
      h("div", { class: "bl-header" }, h("span", { class: "bl-logo", "aria-hidden": "true" }),
        this.heading, this.where, h("span", { class: "bl-space" }), this.tally),
      h("div", { class: "bl-desk" }, this.buildEditor(),
        h("div", { class: "bl-side" },
          this.tabs.element, this.body)),
      this.curve.element, this.curve.tip);
    this.open("values");
  }

  buildEditor() {
    this.problems = h("div", { class: "bl-problems", role: "status", id: `${this.key}-problems` });
    const library = h("select", { class: "bl-chooser", "aria-label": "start with",
      onchange: () => this.begin(library.value) },
    h("option", { value: "" }, "Start with…"),
    this.model.get("library").map(([name], i) => h("option", { value: i }, name.replaceAll("_", " "))));
    this.library = library;
    this.every = h("select", { class: "bl-chooser", onchange: () => this.whatIf.play() },
      INTERVALS.map((minutes) => h("option", { value: minutes * 60, selected: minutes === 15 },
        minutes < 60 ? `${minutes} min` : `${minutes / 60} h`)));
    this.applier = button("Apply", { class: "bl-apply", onclick: () => this.apply(), hidden: !this.pool || this.model.get("read_only"), disabled: true });
    this.applier.addEventListener("blur", () => this.unsure());
    return h("div", { class: "bl-writing" },
      h("div", { class: "bl-bar-tools" }, library, h("span", { class: "bl-space" }),
        h("label", {}, "evaluated every", this.every), this.applier),
      this.editor.element, this.problems);
  }

  live() {
    this.heard = (content) => this.hear(content);
    this.model.on("msg:custom", this.heard);
    this.renamed = () => this.otherText();
    this.model.on("change:formula", this.renamed);
    this.resized = new ResizeObserver(() => this.changed());
    this.resized.observe(this.element);
    this.themed = new MutationObserver(() => {
      this.theme = null;
      this.changed();
    });
    this.themed.observe(document.body, { attributes: true });
    this.unhear = whenGone(this.model, () => this.lose());
    this.follow();
    this.check();
    this.changed();
  }

  // The kernel has stopped: nothing can be evaluated or applied.
  lose() {
    if (this.questions.over) return;
    this.questions.end(GONE);
    this.viewer.rest();
    this.refusal = GONE;
    this.valid = false;
    say(this.where, "no kernel");
    this.tellProblems();
    this.tellApply();
  }

  close() {
    clearTimeout(this.resting);
    this.unhear();
    this.whatIf.close();
    this.model.off("msg:custom", this.heard);
    this.model.off("change:formula", this.renamed);
    this.resized.disconnect();
    this.themed.disconnect();
    this.viewer.bye();
  }

  // -- questions ----------------------------------------------------------------------------

  ask(question) {
    return this.questions.ask(question);
  }

  hear(content) {
    if (content.type === "answer") this.questions.answer(content.id, content);
    else if (content.type === "state" && content.window === this.curve.window) this.told(content);
  }

  follow() {
    if (this.pool && !this.questions.over) this.viewer.follow({ window: this.curve.window });
  }

  told(content) {
    this.viewer.heard();
    if (content.error) {
      say(this.where, content.error);
      return;
    }
    const before = this.state;
    this.state = content.value;
    const { pool, end, history } = this.state;
    if (!before && pool.interval) this.chooseInterval(pool.interval);
    // After a new sample or evaluation the formula may decide differently.
    const newest = history.length ? history[0].at : 0;
    if (!before || end - this.triedAt >= 30 || newest !== this.newest) {
      this.newest = newest;
      this.triedAt = end;
      if (before) this.check();
      if (before && this.tab === "whatif") this.whatIf.play(1000);
    }
    say(this.where, pool.state !== "active" ? pool.state : pool.enabled
      ? `on, every ${duration(pool.interval)}${pool.allocation === "steady" ? "" : `, ${pool.allocation}`}` : "off");
    say(this.tally, pool.current === pool.target ? plural(pool.current, "node")
      : `${plural(pool.current, "node")}, target ${pool.target.toLocaleString("en")}`);
    this.element.dataset.nodes = `${pool.current} ${pool.target}`;
    this.tellApply();
    if (this.tab === "history") this.redraw();
    this.changed();
  }

  chooseInterval(seconds) {
    if (![...this.every.options].some((one) => Number(one.value) === seconds)) {
      this.every.append(h("option", { value: seconds }, duration(seconds)));
    }
    this.every.value = String(seconds);
  }

  interval() {
    return Number(this.every.value);
  }

  // -- writing ------------------------------------------------------------------------------

  typed() {
    this.said = null;
    this.unsure();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.check(), REST_MS);
  }

  begin(choice) {
    const found = this.model.get("library")[Number(choice)];
    this.library.value = "";
    if (choice === "" || !found) return;
    this.editor.area.value = found[1];
    this.editor.heard();
    this.editor.area.focus();
  }

  // The text was changed in another view.
  otherText() {
    const text = this.model.get("formula");
    if (text === this.editor.text || this.editor.area === document.activeElement) return;
    this.editor.put(text);
    this.check();
  }

  async check() {
    const { text } = this.editor;
    const number = (this.checks = (this.checks || 0) + 1);
    const answer = await this.questions.ask({ what: "try", text }, TRIES);
    if (number !== this.checks) return; // there is a newer question
    this.refusal = answer.error || "";
    this.editor.mark(answer.error ? [] : answer.value.marks, text);
    this.run = answer.error ? null : answer.value.run;
    this.valid = !answer.error && Boolean(this.run);
    this.tellProblems();
    this.tellApply();
    if (this.tab !== "history") this.redraw();
    if (this.asked !== text) {
      this.asked = text;
      this.whatIf.play(0);
    }
  }

  tellProblems() {
    const key = JSON.stringify([this.editor.marks, this.refusal, this.said]);
    if (key === this.problemKey) return;
    this.problemKey = key;
    if (this.refusal) return fill(this.problems, h("p", { class: "bl-failure" }, this.refusal));
    const said = this.said && h("p", { class: this.said.error ? "bl-failure" : "bl-good" },
      this.said.error || this.said.value.text);
    fill(this.problems, said, this.editor.marks.length ? this.editor.marks.map((mark) => h("button", {
      type: "button", class: `bl-problem bl-${mark.severity}`, onclick: () => this.editor.goTo(mark),
    }, `Line ${mark.line}, column ${mark.column}: ${mark.message}`,
    mark.hint ? h("small", {}, mark.hint) : ""))
      : !said && h("p", { class: "bl-good" }, "Valid."));
  }

  // -- apply --------------------------------------------------------------------------------

  tellApply() {
    this.applier.disabled = !this.valid || this.state?.pool.state !== "active";
  }

  unsure() {
    if (!this.sure) return;
    this.sure = false;
    this.applier.textContent = "Apply";
    this.applier.classList.remove("bl-sure");
  }

  async apply() {
    if (!this.sure) {
      this.sure = true;
      this.applier.textContent = "Apply: sure?";
      this.applier.classList.add("bl-sure");
      return;
    }
    this.unsure();
    const answer = await this.ask({ what: "apply", text: this.editor.text, interval: this.interval() });
    this.said = answer;
    this.tellProblems();
  }

  // -- panels -------------------------------------------------------------------------------

  open(name) {
    const before = this.tab;
    this.tab = name;
    this.tabs.show(name);
    if (before === "whatif" && name !== "whatif") this.whatIf.other = null;
    this.redraw();
    this.whatIf.play(0);
    this.changed();
  }

  redraw() {
    if (this.tab === "whatif") return this.whatIf.draw(this.body);
    const scroll = this.body.scrollTop;
    const focused = this.body.contains(document.activeElement) && document.activeElement.textContent;
    if (this.tab === "history") fill(this.body, this.evaluations.panel());
    else if (!this.run) {
      fill(this.body, h("p", { class: "bl-empty" }, this.editor.marks.length
        ? "The formula has an error: see the mark." : "…"));
    } else fill(this.body, { values: valuesPanel, samples: samplesPanel, why: whyPanel }[this.tab](this.run));
    this.body.scrollTop = scroll;
    if (focused) ([...this.body.querySelectorAll("button")].find((one) => one.textContent === focused) || this.body).focus();
  }

  // -- drawing ------------------------------------------------------------------------------

  changed() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.pending = false;
    const width = this.element.clientWidth;
    if (!width) return this.tries-- > 0 && setTimeout(() => this.changed(), 100); // hidden for a moment
    this.tries = 10;
    this.element.classList.toggle("bl-narrow", width < 760);
    this.theme = this.theme || readTheme(this.element);
    this.curve.draw(this.theme);
    this.element.dataset.draws = String(Number(this.element.dataset.draws || 0) + 1);
  }
}

async function mount({ model, el }) {
  const view = new AutoScaleView(model);
  el.replaceChildren(view.element);
  el.batchlab = view;
  return () => view.close();
}

export default live(mount);
