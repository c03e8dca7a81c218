// A curve over time that is drawn with a pointer, or with arrow keys.

import { button, h, OWN_KEYS, say } from "./dom.js";
import { duration } from "./format.js";
import { amount, drawn, stepOf, whereText } from "./prediction_text.js";

const [WIDE, HIGH, LEFT, BOTTOM, TOP] = [640, 190, 46, 24, 8];
const HINT = "Draw with the mouse; or use the arrow keys: ← → go, ↑ ↓ change the rest of the curve.";

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

export class CurveInput {
  constructor(options, label, answer) {
    Object.assign(this, { options, answer, values: null, column: 0, from: null, step: stepOf(options.most) });
    this.line = svg("path", { class: "bl-drawn" });
    this.handle = svg("circle", { class: "bl-handle", r: 4.5 });
    this.chart = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "bl-curve", role: "slider", tabindex: 0,
      "aria-labelledby": label, "aria-valuemin": 0, "aria-valuemax": options.most, ...OWN_KEYS },
    ...this.axes(), this.line, this.handle);
    for (const [name, act] of [["pointerdown", "start"], ["pointermove", "move"], ["pointerup", "end"], ["pointercancel", "end"], ["keydown", "key"]]) {
      this.chart.addEventListener(name, (event) => this[act](event));
    }
    this.clear = button("Clear", { class: "bl-tool", onclick: () => this.answer(null) });
    this.hint = h("span", { class: "bl-hint" }, HINT);
    this.element = h("div", { class: "bl-answer" }, this.chart, h("div", { class: "bl-bar-tools" }, this.hint, h("span", { class: "bl-space" }), this.clear));
  }

  axes() {
    const { most, seconds, unit } = this.options;
    const parts = [];
    for (const part of [0, 0.5, 1]) {
      const y = this.y(most * part);
      parts.push(svg("line", { class: "bl-rule", x1: LEFT, x2: WIDE - 8, y1: y, y2: y }),
        svg("text", { class: "bl-mark", x: LEFT - 6, y: y + 4, "text-anchor": "end" }, amount(most * part, "")),
        svg("text", { class: "bl-mark", x: LEFT + (WIDE - 8 - LEFT) * part, y: HIGH - 8, "text-anchor": ["start", "middle", "end"][part * 2] },
          part ? duration(seconds * part) : unit ? `start (${unit})` : "start"));
    }
    return parts;
  }

  x(column) {
    return LEFT + (WIDE - 8 - LEFT) * column / this.options.columns;
  }

  y(value) {
    return TOP + (HIGH - BOTTOM - TOP) * (1 - value / this.options.most);
  }

  point(event) {
    const box = this.chart.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) * WIDE / box.width, (event.clientY - box.top) * HIGH / box.height];
    const { columns, most } = this.options;
    const column = Math.floor((x - LEFT) / (WIDE - 8 - LEFT) * columns);
    const value = most * (1 - (y - TOP) / (HIGH - BOTTOM - TOP));
    return { column: Math.min(Math.max(column, 0), columns - 1), value: this.round(value) };
  }

  round(value) {
    const steps = Math.round(Math.min(Math.max(value, 0), this.options.most) / this.step);
    return Math.min(Number((steps * this.step).toPrecision(6)), this.options.most);
  }

  start(event) {
    if (event.button) return;
    event.preventDefault();
    this.chart.focus();
    this.chart.setPointerCapture(event.pointerId);
    this.from = this.point(event);
    this.draw(this.from);
  }

  move(event) {
    if (this.from) this.draw(this.point(event));
  }

  draw(to) {
    const next = drawn(this.values, this.options.columns, this.from, to).map((value) => this.round(value));
    this.from = to;
    this.column = to.column;
    this.show(next);
  }

  end() {
    if (!this.from) return;
    this.from = null;
    this.answer(this.values);
  }

  key(event) {
    const { columns, most } = this.options;
    const last = columns - 1;
    const go = { ArrowLeft: this.column - 1, ArrowRight: this.column + 1, PageUp: this.column - 10, PageDown: this.column + 10, Home: 0, End: last }[event.key];
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (go === undefined && !by) return;
    event.preventDefault();
    event.stopPropagation();
    if (by) {
      const step = Math.max(this.step, this.round(most / 40)) * by;
      const values = this.values || Array(columns).fill(0);
      const value = this.round(values[this.column] + step);
      this.answer(values.map((old, column) => (column < this.column ? old : value)));
    } else {
      this.column = Math.min(Math.max(go, 0), last);
      this.show(this.values);
    }
  }

  put(values) {
    if (!this.from) this.show(values);
  }

  show(values) {
    this.values = values;
    const value = values ? values[this.column] : 0;
    this.line.setAttribute("d", values ? values.map((one, column) => `${column ? "L" : "M"}${this.x(column)} ${this.y(one)}H${this.x(column + 1)}`).join("") : "");
    this.handle.setAttribute("cx", this.x(this.column + 0.5));
    this.handle.setAttribute("cy", this.y(value));
    this.chart.setAttribute("aria-valuenow", value);
    const text = whereText(this.options, this.column, value);
    this.chart.setAttribute("aria-valuetext", text);
    say(this.hint, values ? text : HINT);
    this.clear.hidden = !values;
  }
}
