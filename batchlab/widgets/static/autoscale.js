// A place to work on a formula: an editor, what it decides, the pool over time, what might have been.
//
// What is written here is read, examined and evaluated by the kernel a moment after the last key;
// what is wrong comes back with its place. Nothing changes before "Apply" was pressed twice.

import { button, fill, fit, h, say } from "./dom.js";
import { clock, duration, plural } from "./format.js";
import { chartLayout, colourOf, drawChart, LINE_LOOK, valuesAt } from "./chart.js";
import { offsetOf, pieces, stillTrue } from "./formula.js";

const REST_MS = 150; // after the last key, or the last move of a slider
const ASK_S = 60;
const CHART = 176;
const WINDOWS = [[900, "15 minutes"], [3600, "hour"], [6 * 3600, "6 hours"], [86400, "day"], [604800, "week"]];
const INTERVALS = [5, 10, 15, 30, 60, 240];
const KNOBS = [
  ["load", "Tasks", { min: -3, max: 3, step: 0.5, value: 0 }, (at) => 2 ** at, (v) => `× ${Number(v.toPrecision(2))}`],
  ["task_length", "Task length", { min: -3, max: 3, step: 0.5, value: 0 }, (at) => 2 ** at, (v) => `× ${Number(v.toPrecision(2))}`],
  ["boot", "A node starts in", { min: 0, max: 900, step: 30, value: 90 }, (at) => at, (v) => duration(v)],
];
const FIGURES = ["Node-hours", "Cost", "Median wait", "Longest of 95 %", "Most nodes", "Tasks"];
const TABS = { values: "Values", samples: "Samples", why: "Why", history: "History", whatif: "What if" };
const OUTCOMES = { tried: "only tried", resized: "began a resize", unchanged: "changed nothing",
  resizing: "still resizing", failed: "failed" };
// What has the focus is meant by keys; a notebook has its own for arrows and letters.
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };
const viewers = new WeakMap(); // model -> how many look
let labs = 0;

export class AutoScaleView {
  constructor(model) {
    this.model = model;
    this.pool = model.get("pool");
    this.text = model.get("formula");
    this.asked = this.text;
    this.marks = [];
    this.markedText = this.text;
    this.run = null;
    this.state = null;
    this.other = null;
    this.window = 3600;
    this.cursor = null;
    this.questions = new Map();
    this.number = 0;
    this.key = `bl-lab-${++labs}`;
    this.build();
    this.live();
  }

  build() {
    this.heading = h("h3", { class: "bl-heading", title: this.pool },
      h("small", {}, this.pool ? "Autoscale of pool " : "Autoscale formula"), this.pool);
    this.where = h("span", { class: "bl-where" });
    this.tally = h("span", { class: "bl-tally" });
    const names = this.pool ? Object.keys(TABS) : Object.keys(TABS).filter((one) => one !== "history");
    this.tab = "values";
    this.tabs = names.map((name) => h("button", {
      type: "button", role: "tab", ...OWN_KEYS, class: "bl-tab", "data-tab": name, onclick: () => this.open(name),
      onkeydown: (event) => this.tabKey(event),
    }, TABS[name]));
    this.body = h("div", { class: "bl-body", role: "tabpanel", tabindex: 0, "aria-label": "details" });
    this.buildKnobs();
    this.tipped = h("div", { class: "bl-tip", "aria-hidden": "true", hidden: true });
    this.element = h("div", { class: "bl-view bl-lab" },
      h("div", { class: "bl-header" }, h("span", { class: "bl-logo", "aria-hidden": "true" }),
        this.heading, this.where, h("span", { class: "bl-space" }), this.tally),
      h("div", { class: "bl-desk" }, this.buildEditor(),
        h("aside", { class: "bl-side", "aria-label": "what it does" },
          h("div", { class: "bl-tabs", role: "tablist" }, this.tabs), this.body)),
      this.buildChart(), this.tipped);
    this.open(this.tab);
    this.paint();
  }

  buildEditor() {
    this.shown = h("pre", { class: "bl-shown", "aria-hidden": "true" });
    this.numbers = h("div", {});
    this.area = h("textarea", {
      class: "bl-text", ...OWN_KEYS, spellcheck: "false", autocomplete: "off", autocapitalize: "off", wrap: "off",
      "aria-label": "formula", "aria-describedby": `${this.key}-problems`,
      oninput: () => this.typed(), onscroll: () => this.scrolled(),
    });
    this.area.value = this.text;
    this.problems = h("div", { class: "bl-problems", role: "status", id: `${this.key}-problems` });
    const library = h("select", { class: "bl-chooser", "aria-label": "begin with",
      onchange: () => this.begin(library.value) },
    h("option", { value: "" }, "Begin with…"),
    this.model.get("library").map(([name], i) => h("option", { value: i }, name.replaceAll("_", " "))));
    this.library = library;
    this.every = h("select", { class: "bl-chooser", onchange: () => this.play() },
      INTERVALS.map((minutes) => h("option", { value: minutes * 60, selected: minutes === 15 },
        minutes < 60 ? `${minutes} min` : `${minutes / 60} h`)));
    this.applier = button("Apply", { class: "bl-apply", onclick: () => this.apply(), hidden: !this.pool });
    this.applier.addEventListener("blur", () => this.unsure());
    return h("div", { class: "bl-writing" },
      h("div", { class: "bl-bar-tools" }, library, h("span", { class: "bl-space" }),
        h("label", {}, "evaluated every", this.every), this.applier),
      h("div", { class: "bl-editor" },
        h("div", { class: "bl-numbers", "aria-hidden": "true" }, this.numbers),
        h("div", { class: "bl-layer" }, this.shown), this.area),
      this.problems);
  }

  buildKnobs() {
    this.settings = {};
    this.knobs = KNOBS.flatMap(([name, label, props, read, write]) => {
      const id = `${this.key}-${name}`;
      const shown = h("output", { for: id }, write(read(props.value)));
      const slider = h("input", { type: "range", id, ...OWN_KEYS, ...props, oninput: () => {
        this.settings[name] = read(Number(slider.value));
        say(shown, write(this.settings[name]));
        slider.setAttribute("aria-valuetext", shown.textContent);
        this.play();
      } });
      slider.setAttribute("aria-valuetext", shown.textContent);
      this.settings[name] = read(props.value);
      return [h("label", { for: id }, label), slider, shown];
    });
    this.knobBox = h("div", { class: "bl-knobs" }, this.knobs);
    this.figures = h("div", {});
  }

  buildChart() {
    this.canvas = h("canvas", { class: "bl-canvas", ...OWN_KEYS, tabindex: 0, role: "img", "aria-label": "nodes and tasks over time",
      onmousemove: (event) => this.hover(event), onmouseleave: () => this.point(null),
      onkeydown: (event) => this.chartKey(event), onblur: () => this.point(null) });
    const span = h("select", { class: "bl-chooser", onchange: () => {
      this.window = Number(span.value);
      this.follow();
      this.play();
    } }, WINDOWS.map(([seconds, name]) => h("option", { value: seconds, selected: seconds === this.window }, name)));
    this.legend = h("div", { class: "bl-legend" });
    this.spoken = h("span", { class: "bl-hidden", "aria-live": "polite" });
    this.chart = h("div", { class: "bl-chart" }, this.canvas, this.spoken);
    this.silent = h("p", { class: "bl-empty" });
    return h("div", { class: "bl-chartbox" },
      h("div", { class: "bl-bar-tools" }, this.legend, h("span", { class: "bl-space" }),
        h("label", {}, this.pool ? "the last" : "the first", span)),
      this.silent, this.chart);
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
    viewers.set(this.model, (viewers.get(this.model) || 0) + 1);
    this.follow();
    this.check();
    this.changed();
  }

  close() {
    clearTimeout(this.resting);
    clearTimeout(this.playing);
    this.model.off("msg:custom", this.heard);
    this.model.off("change:formula", this.renamed);
    this.resized.disconnect();
    this.themed.disconnect();
    const left = viewers.get(this.model) - 1;
    viewers.set(this.model, left);
    try {
      if (!left) this.model.send({ type: "bye" });
    } catch {
      // the kernel has gone before us
    }
  }

  // -- questions ----------------------------------------------------------------------------

  ask(question) {
    const id = `${this.key}-${++this.number}`;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(id, { error: "the kernel does not answer" }), ASK_S * 1000);
      this.questions.set(id, { resolve, timer });
      this.model.send({ type: "ask", id, question });
    });
  }

  answer(id, answer) {
    const question = this.questions.get(id);
    if (!question) return;
    this.questions.delete(id);
    clearTimeout(question.timer);
    question.resolve(answer);
  }

  hear(content) {
    if (content.type === "answer") this.answer(content.id, content);
    else if (content.type === "state") this.told(content);
  }

  follow() {
    if (this.pool) this.model.send({ type: "follow", window: this.window });
  }

  told(content) {
    if (content.error) {
      say(this.where, content.error);
      return;
    }
    const before = this.state;
    this.state = content.value;
    const { pool, end, history } = this.state;
    if (!before && pool.interval) this.chooseInterval(pool.interval);
    // A new sample, or evaluation: what the formula decides may be another thing now.
    const newest = history.length ? history[0].at : 0;
    if (!before || end - this.triedAt >= 30 || newest !== this.newest) {
      this.newest = newest;
      this.triedAt = end;
      if (before) this.check();
      if (before && this.tab === "whatif") this.play(1000);
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

  // -- writing ------------------------------------------------------------------------------

  typed() {
    this.text = this.area.value;
    this.said = null;
    this.unsure();
    this.paint();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.check(), REST_MS);
  }

  begin(choice) {
    const found = this.model.get("library")[Number(choice)];
    this.library.value = "";
    if (choice === "" || !found) return;
    this.area.value = found[1];
    this.typed();
    this.area.focus();
  }

  // Somebody writes in another view of this.
  otherText() {
    const text = this.model.get("formula");
    if (text === this.text || this.area === document.activeElement) return;
    this.area.value = this.text = text;
    this.paint();
    this.check();
  }

  async check() {
    const { text } = this;
    const number = (this.checks = (this.checks || 0) + 1);
    const answer = await this.ask({ what: "try", text });
    if (number !== this.checks) return; // there is a newer question
    this.refusal = answer.error || "";
    this.marks = answer.error ? [] : answer.value.marks;
    this.markedText = text;
    this.run = answer.error ? null : answer.value.run;
    this.valid = !answer.error && Boolean(this.run);
    this.paint();
    this.tellProblems();
    this.tellApply();
    if (this.tab !== "history") this.redraw();
    if (this.asked !== text) {
      this.asked = text;
      this.play(0);
    }
    this.element.dataset.checks = String(Number(this.element.dataset.checks || 0) + 1);
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
  }

  tellProblems() {
    const key = JSON.stringify([this.marks, this.refusal, this.said]);
    if (key === this.problemKey) return;
    this.problemKey = key;
    if (this.refusal) return fill(this.problems, h("p", { class: "bl-failure" }, this.refusal));
    const said = this.said && h("p", { class: this.said.error ? "bl-failure" : "bl-good" },
      this.said.error || this.said.value.text);
    fill(this.problems, said, this.marks.length ? this.marks.map((mark) => h("button", {
      type: "button", class: `bl-problem bl-${mark.severity}`, onclick: () => this.goTo(mark),
    }, `Line ${mark.line}, column ${mark.column}: ${mark.message}`,
    mark.hint ? h("small", {}, mark.hint) : ""))
      : !said && h("p", { class: "bl-good" }, "Reads well, and evaluates."));
  }

  goTo(mark) {
    this.area.focus();
    this.area.setSelectionRange(offsetOf(this.text, mark.line, mark.start), offsetOf(this.text, mark.line, mark.end));
  }

  // -- apply --------------------------------------------------------------------------------

  tellApply() {
    if (!this.state) return;
    this.applier.disabled = !this.valid || this.state.pool.state !== "active";
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
    const answer = await this.ask({ what: "apply", text: this.text, interval: Number(this.every.value) });
    this.said = answer;
    this.tellProblems();
  }

  // -- what if ------------------------------------------------------------------------------

  play(rest = REST_MS) {
    if (this.tab !== "whatif") return;
    clearTimeout(this.playing);
    this.playing = setTimeout(() => this.playNow(), rest);
  }

  async playNow() {
    if (!this.valid) {
      this.other = null;
      fill(this.figures, h("p", { class: "bl-empty" }, "A formula that can be read is needed first."));
      return this.changed();
    }
    const number = (this.plays = (this.plays || 0) + 1);
    this.busy = true;
    this.figures.setAttribute("aria-busy", "true");
    const answer = await this.ask({ what: "what_if", text: this.text, window: this.window,
      interval: Number(this.every.value), ...this.settings });
    if (number !== this.plays) return;
    this.busy = false;
    this.figures.removeAttribute("aria-busy");
    this.element.dataset.plays = String(number);
    if (answer.error) {
      fill(this.figures, h("p", { class: "bl-failure" }, answer.error));
      this.other = null;
    } else this.showPlay(answer.value);
    this.changed();
  }

  showPlay(value) {
    this.other = value;
    fill(this.figures, h("table", { class: "bl-table" },
      h("caption", { class: "bl-hidden" }, "what it would have come to"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, `${clock(value.begin)} to ${clock(value.end)}`),
        value.columns.map(([name]) => h("th", { scope: "col", class: "bl-right" }, name)))),
      h("tbody", {}, FIGURES.map((name, i) => h("tr", {}, h("th", { scope: "row" }, name),
        value.columns.map(([, figures]) => h("td", { class: "bl-right" }, figures[i])))))),
    value.notes.map((note) => h("p", { class: "bl-muted" }, note)));
  }

  // -- panels -------------------------------------------------------------------------------

  open(name) {
    const before = this.tab;
    this.tab = name;
    for (const tab of this.tabs) {
      const here = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
    }
    if (before === "whatif" && name !== "whatif") this.other = null;
    this.redraw();
    this.play(0);
    this.changed();
  }

  tabKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const here = this.tabs.findIndex((tab) => tab.dataset.tab === this.tab);
    const next = this.tabs[(here + step + this.tabs.length) % this.tabs.length];
    this.open(next.dataset.tab);
    next.focus();
  }

  redraw() {
    if (this.tab === "whatif") {
      if (!this.body.contains(this.knobBox)) fill(this.body, this.knobBox, this.figures);
      return;
    }
    const scroll = this.body.scrollTop;
    const focused = this.body.contains(document.activeElement) && document.activeElement.textContent;
    if (this.tab === "history") fill(this.body, this.historyPanel());
    else if (!this.run) {
      fill(this.body, h("p", { class: "bl-empty" }, this.marks.length
        ? "The formula cannot be read: see the mark." : "…"));
    } else fill(this.body, { values: valuesPanel, samples: samplesPanel, why: whyPanel }[this.tab](this.run));
    this.body.scrollTop = scroll;
    if (focused) ([...this.body.querySelectorAll("button")].find((one) => one.textContent === focused) || this.body).focus();
  }

  historyPanel() {
    const history = this.state ? this.state.history : [];
    if (!history.length) {
      return h("p", { class: "bl-empty" }, "No evaluation yet: apply a formula, and the pool follows it.");
    }
    return h("table", { class: "bl-table" }, h("caption", { class: "bl-hidden" }, "evaluations, the newest first"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "evaluated"),
        h("th", { scope: "col", class: "bl-right" }, "nodes"), h("th", { scope: "col" }, "outcome"))),
      h("tbody", {}, history.map((row) => [h("tr", {},
        h("th", { scope: "row" }, h("button", { type: "button", class: "bl-link",
          "aria-expanded": String(this.opened === row.at), onclick: () => this.explain(row.at) }, clock(row.at))),
        h("td", { class: "bl-right" }, row.before === row.after ? String(row.after) : `${row.before} → ${row.after}`),
        h("td", {}, row.error ? `failed: ${row.error}` : OUTCOMES[row.outcome] || row.outcome)),
      this.opened === row.at ? h("tr", {}, h("td", { colspan: 3 }, sentences(this.why))) : ""])));
  }

  async explain(at) {
    if (this.opened === at) {
      this.opened = null;
      this.cursor = null;
      this.redraw();
      return this.changed();
    }
    const answer = await this.ask({ what: "explain", at });
    this.opened = at;
    this.why = answer.error ? [answer.error] : answer.value.why;
    this.cursor = at;
    this.redraw();
    this.changed();
  }

  // -- chart --------------------------------------------------------------------------------

  changed() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.pending = false;
    const width = this.element.clientWidth;
    if (!width) return;
    this.element.classList.toggle("bl-narrow", width < 700);
    this.theme = this.theme || themeOf(this.element);
    const lines = this.state && this.state.lines && this.state.lines.at.length ? this.state.lines : null;
    const other = this.other && this.other.lines;
    const nothing = !lines && !other;
    this.chart.hidden = nothing;
    this.silent.hidden = !nothing;
    if (nothing) {
      say(this.silent, this.pool ? "Nothing has happened to this pool yet."
        : "Open “What if” to see what the formula would do.");
    } else {
      const begin = other ? this.other.begin : this.state.begin;
      const end = other ? Math.max(this.other.end, this.state && lines ? this.state.end : 0) : this.state.end;
      const wide = this.chart.clientWidth;
      const context = fit(this.canvas, wide, CHART);
      const sets = [lines, other].filter(Boolean);
      if (context) {
        this.layout = chartLayout(wide, CHART, begin, end, sets);
        drawChart(context, wide, CHART, { layout: this.layout, lines, other, theme: this.theme, cursor: this.cursor,
          marks: this.state ? this.state.history.map((row) => row.at) : [] });
      }
    }
    this.tellLegend(lines, other);
    this.element.dataset.draws = String(Number(this.element.dataset.draws || 0) + 1);
  }

  tellLegend(lines, other) {
    const key = `${Boolean(lines)} ${Boolean(other)} ${this.theme.dark}`;
    if (this.legendKey === key) return;
    this.legendKey = key;
    fill(this.legend, lines || other ? Object.entries(LINE_LOOK).map(([name, [, label]]) => h("span", { class: "bl-key" },
      h("i", { class: name === "current" || name === "waiting" ? "bl-area" : "", style: { background: colourOf(name, this.theme) } }), label)) : "",
    other ? h("span", { class: "bl-key bl-dashed" }, h("i", {}), "what would have been") : "",
    lines && this.pool ? h("span", { class: "bl-key" }, "▴ evaluated") : "");
  }

  hover(event) {
    const box = this.canvas.getBoundingClientRect();
    if (this.layout) this.point(this.layout.time(event.clientX - box.left), event);
  }

  point(time, event) {
    this.cursor = time;
    this.tipped.hidden = time === null || !event;
    if (time !== null) {
      const text = this.wordsAt(time);
      if (event) {
        fill(this.tipped, text.map((one, i) => h(i ? "div" : "b", {}, one)));
        const box = this.element.getBoundingClientRect();
        const left = event.clientX - box.left;
        const wide = this.tipped.offsetWidth;
        this.tipped.style.left = `${Math.max(4, left + wide + 24 > box.width ? left - wide - 14 : left + 14)}px`;
        this.tipped.style.top = `${Math.min(event.clientY - box.top + 14, box.height - this.tipped.offsetHeight - 4)}px`;
      } else say(this.spoken, text.join(", "));
    }
    this.changed();
  }

  wordsAt(time) {
    const found = [clock(time)];
    const told = (values, before) => values && found.push(
      `${before}${plural(values.current, "node")}, target ${values.target}`,
      `${before}${values.waiting} waiting, ${values.running} running`);
    if (this.state && this.state.lines) told(valuesAt(this.state.lines, time), "");
    if (this.other) told(valuesAt(this.other.lines, time), "would be: ");
    return found;
  }

  chartKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!this.layout || (!step && !["Home", "End"].includes(event.key))) return;
    event.preventDefault();
    event.stopPropagation();
    const { from, to } = this.layout;
    const at = this.cursor === null ? to : this.cursor;
    const next = { Home: from, End: to }[event.key] ?? at + (step * (to - from)) / 60;
    this.point(Math.min(Math.max(next, from), to));
  }
}

// -- what a formula decides ---------------------------------------------------------------------

function headRow(...names) {
  return h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name))));
}

function sentences(why) {
  return h("ul", { class: "bl-sentences" }, why.map((one) => h("li", {}, one)));
}

function change([before, after]) {
  return before === after ? `stays at ${after}` : `${before} → ${after}`;
}

function decision(run) {
  if (run.failed) return h("p", { class: "bl-decision bl-failure" }, "It fails, and the pool stays as it is.");
  const spot = run.before[1] || run.after[1];
  return h("p", { class: "bl-decision" }, "Now: dedicated nodes ", h("b", {}, change([run.before[0], run.after[0]])),
    spot ? [", spot nodes ", h("b", {}, change([run.before[1], run.after[1]]))] : "",
    h("small", { class: "bl-muted" }, `  nodes that go: ${run.option}`));
}

function valuesPanel(run) {
  return [decision(run), run.statements.length ? h("table", { class: "bl-table" },
    h("caption", { class: "bl-hidden" }, "the value of each statement"),
    headRow("line", "variable", "value", "type"),
    h("tbody", {}, run.statements.map((one) => h("tr", {}, h("td", {}, String(one.line)),
      h("th", { scope: "row", title: one.source }, h("code", {}, one.target || one.source.slice(0, 60))),
      h("td", { class: "bl-value" }, one.value), h("td", { class: "bl-muted" }, one.type)))))
    : h("p", { class: "bl-muted" }, "No statement came to a value.")];
}

function samplesPanel(run) {
  if (!run.samples.length) {
    return h("p", { class: "bl-empty" }, "It looks at no samples.");
  }
  return h("table", { class: "bl-table" }, h("caption", { class: "bl-hidden" }, "what each look at samples saw"),
    headRow("line", "looks at", "window", "got of wanted"),
    h("tbody", {}, run.samples.map((one) => h("tr", {}, h("td", {}, String(one.line)),
      h("th", { scope: "row" }, h("code", {}, `${one.variable}.${one.method}`)),
      h("td", {}, one.end > one.start ? `${clock(one.start)} to ${clock(one.end)}` : clock(one.end)),
      h("td", {}, share(one), `${one.received} of ${one.wanted}`,
        one.required === null ? "" : h("small", { class: "bl-muted" }, ` at least ${Math.round(one.required)} %`))))));
}

function share(one) {
  const short = one.received < one.wanted;
  return h("span", { class: `bl-share${short ? " bl-short" : ""}`, "aria-hidden": "true" },
    h("i", { style: { width: `${Math.min(100, one.percent)}%` } }));
}

function whyPanel(run) {
  return [decision(run), sentences(run.why)];
}

function themeOf(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  return { ink: read("--bl-ink"), muted: read("--bl-muted"), line: read("--bl-line"), grid: read("--bl-grid"),
    font: style.fontFamily, dark: document.body.dataset.jpThemeLight === "false" };
}

export default {
  render({ model, el }) {
    const view = new AutoScaleView(model);
    el.replaceChildren(view.element);
    el.batchlab = view;
    return () => view.close();
  },
};
