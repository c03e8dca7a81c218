// What a formula decides and why, and what it decided before.

import { h, withCode } from "./dom.js";
import { clock } from "./format.js";

const OUTCOMES = { tried: "evaluated only", resized: "started a resize", unchanged: "changed nothing",
  resizing: "still resizing", failed: "failed" };

function headRow(...names) {
  return h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name))));
}

function sentences(why) {
  return h("ul", { class: "bl-sentences" }, why.map((one) => h("li", {}, withCode(one))));
}

function change([before, after]) {
  return before === after ? `stay at ${after}` : `${before} → ${after}`;
}

function decision(run) {
  if (run.failed) return h("p", { class: "bl-decision bl-failure" }, "The formula fails, so the pool stays as it is.");
  const spot = run.before[1] || run.after[1];
  return h("p", { class: "bl-decision" }, "Now: dedicated nodes ", h("b", {}, change([run.before[0], run.after[0]])),
    spot ? [", spot nodes ", h("b", {}, change([run.before[1], run.after[1]]))] : "",
    h("small", { class: "bl-muted" }, `  deallocation option: ${run.option}`));
}

export function valuesPanel(run) {
  return [decision(run), run.statements.length ? h("table", { class: "bl-table" },
    h("caption", { class: "bl-hidden" }, "the value of each statement"),
    headRow("line", "variable", "value", "type"),
    h("tbody", {}, run.statements.map((one) => h("tr", {}, h("td", {}, String(one.line)),
      h("th", { scope: "row", title: one.source }, h("code", {}, one.target || one.source.slice(0, 60))),
      h("td", { class: "bl-value" }, one.value), h("td", { class: "bl-muted" }, one.type)))))
    : h("p", { class: "bl-muted" }, "No statement has a value.")];
}

export function samplesPanel(run) {
  if (!run.samples.length) {
    return h("p", { class: "bl-empty" }, "It does not use samples.");
  }
  return h("table", { class: "bl-table" }, h("caption", { class: "bl-hidden" }, "the samples that each call got"),
    headRow("line", "samples", "window", "received of requested"),
    h("tbody", {}, run.samples.map((one) => h("tr", {}, h("td", {}, String(one.line)),
      h("th", { scope: "row" }, h("code", {}, `${one.variable}.${one.method}`)),
      h("td", {}, one.end > one.start ? `${clock(one.start)} to ${clock(one.end)}` : clock(one.end)),
      h("td", {}, h("span", { class: "bl-whole" }, share(one), `${one.received} of ${one.wanted}`),
        (one.required ?? null) === null ? "" : h("small", { class: "bl-muted" }, ` at least ${Math.round(one.required)} %`))))));
}

function share(one) {
  const short = one.received < one.wanted;
  return h("span", { class: `bl-share${short ? " bl-short" : ""}`, "aria-hidden": "true" },
    h("i", { style: { width: `${Math.min(100, one.percent)}%` } }));
}

export function whyPanel(run) {
  return [decision(run), sentences(run.why)];
}

// The evaluations of the pool, newest first; one of them may be expanded.
export class Evaluations {
  constructor(view) {
    this.view = view;
    this.opened = null;
  }

  panel() {
    const history = this.view.state ? this.view.state.history : [];
    if (!history.length) {
      return h("p", { class: "bl-empty" }, "No evaluations yet: apply a formula, and the pool will follow it.");
    }
    return h("table", { class: "bl-table" }, h("caption", { class: "bl-hidden" }, "evaluations, newest first"),
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
      this.view.curve.cursor = null;
      this.view.redraw();
      return this.view.changed();
    }
    const answer = await this.view.ask({ what: "explain", at });
    this.opened = at;
    this.why = answer.error ? [answer.error] : answer.value.why;
    this.view.curve.cursor = at;
    this.view.redraw();
    this.view.changed();
  }
}
