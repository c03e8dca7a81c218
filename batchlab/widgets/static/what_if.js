// What if: a formula simulated on the recorded load, and on other loads.

import { fill, h, OWN_KEYS, say } from "./dom.js";
import { clock, duration } from "./format.js";

export const REST_MS = 150; // after the last key, or the last move of a slider
const KNOBS = [
  ["load", "Tasks", { min: -3, max: 3, step: 0.5, value: 0 }, (at) => 2 ** at, (v) => `× ${Number(v.toPrecision(2))}`],
  ["task_length", "Task length", { min: -3, max: 3, step: 0.5, value: 0 }, (at) => 2 ** at, (v) => `× ${Number(v.toPrecision(2))}`],
  ["boot", "Node start time", { min: 0, max: 900, step: 30, value: 90 }, (at) => at, (v) => duration(v)],
];
const FIGURES = ["Node-hours", "Cost", "Median wait", "95 % wait at most", "Most nodes", "Tasks"];

export class WhatIf {
  constructor(view) {
    this.view = view;
    this.other = null; // the result of the last one
    this.settings = {};
    const knobs = KNOBS.flatMap(([name, label, props, read, write]) => {
      const id = `${view.key}-${name}`;
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
    this.knobs = h("div", { class: "bl-knobs" }, knobs);
    this.figures = h("div", {});
  }

  play(rest = REST_MS) {
    if (this.view.tab !== "whatif") return;
    clearTimeout(this.playing);
    this.playing = setTimeout(() => this.playNow(), rest);
  }

  async playNow() {
    const { view } = this;
    if (!view.valid) {
      this.other = null;
      fill(this.figures, h("p", { class: "bl-empty" }, "Correct the formula first."));
      return view.changed();
    }
    const number = (this.plays = (this.plays || 0) + 1);
    this.figures.setAttribute("aria-busy", "true");
    const answer = await view.ask({ what: "what_if", text: view.editor.text, window: view.curve.window,
      interval: view.interval(), ...this.settings });
    if (number !== this.plays) return;
    this.figures.removeAttribute("aria-busy");
    view.element.dataset.plays = String(number);
    if (answer.error) {
      fill(this.figures, h("p", { class: "bl-failure" }, answer.error));
      this.other = null;
    } else this.showPlay(answer.value);
    view.changed();
  }

  showPlay(value) {
    this.other = value;
    fill(this.figures, h("table", { class: "bl-table" },
      h("caption", { class: "bl-hidden" }, "results of the what-if"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, `${clock(value.begin)} to ${clock(value.end)}`),
        value.columns.map(([name]) => h("th", { scope: "col", class: "bl-right" }, name)))),
      h("tbody", {}, FIGURES.map((name, i) => h("tr", {}, h("th", { scope: "row" }, name),
        value.columns.map(([, figures]) => h("td", { class: "bl-right" }, figures[i] || "–")))))),
    value.notes.map((note) => h("p", { class: "bl-muted" }, note)));
  }

  draw(body) {
    if (!body.contains(this.knobs)) fill(body, this.knobs, this.figures);
  }

  close() {
    clearTimeout(this.playing);
  }
}
