// The pool over time and in the what-if: a chart for pointer and keyboard.

import { fill, fit, h, OWN_KEYS, say } from "./dom.js";
import { clock, plural } from "./format.js";
import { chartLayout, colourOf, drawChart, LINE_LOOK, valuesAt } from "./chart.js";

const CHART = 176;
const WINDOWS = [[900, "15 minutes"], [3600, "hour"], [6 * 3600, "6 hours"], [86400, "day"], [604800, "week"]];

export class Curve {
  constructor(view) {
    this.view = view;
    this.window = 3600;
    this.cursor = null;
    this.tip = h("div", { class: "bl-tip", "aria-hidden": "true", hidden: true });
    this.canvas = h("canvas", { class: "bl-canvas", ...OWN_KEYS, tabindex: 0, role: "img", "aria-label": "nodes and tasks over time",
      onmousemove: (event) => this.hover(event), onmouseleave: () => this.point(null),
      onkeydown: (event) => this.chartKey(event), onblur: () => this.point(null) });
    const span = h("select", { class: "bl-chooser", onchange: () => {
      this.window = Number(span.value);
      view.follow();
      view.whatIf.play();
    } }, WINDOWS.map(([seconds, name]) => h("option", { value: seconds, selected: seconds === this.window }, name)));
    this.legend = h("div", { class: "bl-legend" });
    this.spoken = h("span", { class: "bl-hidden", "aria-live": "polite" });
    this.chart = h("div", { class: "bl-chart" }, this.canvas, this.spoken);
    this.silent = h("p", { class: "bl-empty" });
    this.element = h("div", { class: "bl-chartbox" },
      h("div", { class: "bl-bar-tools" }, this.legend, h("span", { class: "bl-space" }),
        h("label", {}, view.pool ? "last" : "first", span)),
      this.silent, this.chart);
  }

  draw(theme) {
    const { state } = this.view;
    const played = this.view.whatIf.other;
    const lines = state && state.lines && state.lines.at.length ? state.lines : null;
    const other = played && played.lines;
    const nothing = !lines && !other;
    this.chart.hidden = nothing;
    this.silent.hidden = !nothing;
    if (nothing) {
      say(this.silent, this.view.pool ? "Nothing has happened to this pool yet."
        : "Open “What if” to see what the formula would do.");
    } else {
      const begin = other ? played.begin : state.begin;
      const end = other ? Math.max(played.end, state && lines ? state.end : 0) : state.end;
      const wide = this.chart.clientWidth;
      const context = fit(this.canvas, wide, CHART);
      const sets = [lines, other].filter(Boolean);
      if (context) {
        this.layout = chartLayout(wide, CHART, begin, end, sets);
        drawChart(context, wide, CHART, { layout: this.layout, lines, other, theme, cursor: this.cursor,
          marks: state ? state.history.map((row) => row.at) : [] });
      }
    }
    this.tellLegend(lines, other, theme);
  }

  tellLegend(lines, other, theme) {
    const key = `${Boolean(lines)} ${Boolean(other)} ${theme.dark}`;
    if (this.legendKey === key) return;
    this.legendKey = key;
    fill(this.legend, lines || other ? Object.entries(LINE_LOOK).map(([name, [, label]]) => h("span", { class: "bl-key" },
      h("i", { class: name === "current" || name === "waiting" ? "bl-area" : "", style: { background: colourOf(name, theme) } }), label)) : "",
    other ? h("span", { class: "bl-key bl-dashed" }, h("i", {}), "what if") : "",
    lines && this.view.pool ? h("span", { class: "bl-key" }, "▴ evaluated") : "");
  }

  hover(event) {
    const box = this.canvas.getBoundingClientRect();
    if (this.layout) this.point(this.layout.time(event.clientX - box.left), event);
  }

  point(time, event) {
    this.cursor = time;
    this.tip.hidden = time === null || !event;
    if (time !== null) {
      const text = this.wordsAt(time);
      if (event) {
        fill(this.tip, text.map((one, i) => h(i ? "div" : "b", {}, one)));
        const box = this.view.element.getBoundingClientRect();
        const left = event.clientX - box.left;
        const wide = this.tip.offsetWidth;
        this.tip.style.left = `${Math.max(4, left + wide + 24 > box.width ? left - wide - 14 : left + 14)}px`;
        this.tip.style.top = `${Math.min(event.clientY - box.top + 14, box.height - this.tip.offsetHeight - 4)}px`;
      } else say(this.spoken, text.join(", "));
    }
    this.view.changed();
  }

  wordsAt(time) {
    const found = [clock(time)];
    const told = (values, before) => values && found.push(
      `${before}${plural(values.current, "node")}, target ${values.target}`,
      `${before}${values.waiting} waiting, ${values.running} running`);
    const { state, whatIf } = this.view;
    if (state && state.lines) told(valuesAt(state.lines, time), "");
    if (whatIf.other) told(valuesAt(whatIf.other.lines, time), "what if: ");
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
