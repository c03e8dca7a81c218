// Running and waiting tasks over time, above the nodes. What comes after a past moment is faint.

import { fit, h } from "./dom.js";
import { plural } from "./format.js";
import { LoadSeries } from "./load_series.js";

const HIGH = 38;
const LOOK = { running: "going", waiting: "asked" }; // from the bottom up

export class LoadArea {
  constructor(view) {
    this.view = view;
    this.series = new LoadSeries();
    this.canvas = h("canvas", { class: "bl-canvas", role: "img", title: "go to this moment",
      onclick: (event) => this.go(event) });
    this.element = h("div", { class: "bl-load" }, this.canvas);
  }

  // The jobs that count, as a key and a test.
  subject() {
    const { view } = this;
    if (view.aim.job) {
      const job = view.jobNumber();
      return [`job ${job}`, (one) => one === job];
    }
    const pool = view.poolNumber();
    if (pool === -1) return ["", () => true];
    const { job, pool: pools } = view.log.tables.job_states;
    const rows = view.log.rows.job_states;
    const last = new Map();
    for (let i = 0; i < rows; i++) last.set(job[i], pools[i]);
    return [`pool ${pool} ${rows}`, (one) => last.get(one) === pool];
  }

  draw(width, theme) {
    const series = this.series.update(this.view.log, ...this.subject());
    this.element.hidden = !series.at.length;
    if (this.element.hidden) return;
    const context = fit(this.canvas, width, HIGH);
    if (!context) return;
    const [begin, end] = (this.span = this.view.machine.span());
    const columns = Math.max(1, Math.floor(width));
    const found = series.columns(begin, end, columns);
    const time = this.view.time();
    const edge = Math.round(((time - begin) / (end - begin)) * columns);
    context.clearRect(0, 0, width, HIGH);
    const tall = (HIGH - 14) / Math.max(found.total, 1);
    let base = new Float64Array(columns);
    for (const [name, role] of Object.entries(LOOK)) {
      const top = found[name].map((value, i) => base[i] + value);
      context.fillStyle = theme.colours[role];
      for (const [from, to, alpha] of [[0, edge, 1], [edge, columns, 0.3]]) {
        context.globalAlpha = alpha;
        context.beginPath();
        for (let x = from; x < to; x++) {
          let until = x + 1;
          while (until < to && top[until] === top[x] && base[until] === base[x]) until++;
          if (top[x] > base[x]) context.rect(x, HIGH - 1 - top[x] * tall, until - x, Math.max((top[x] - base[x]) * tall, 0.5));
          x = until - 1;
        }
        context.fill();
      }
      base = top;
    }
    context.globalAlpha = 1;
    this.label(context, width, found.total, theme);
    if (edge < columns) {
      context.fillStyle = theme.accent;
      context.fillRect(edge - 0.75, 12, 1.5, HIGH - 12);
    }
    const [running, waiting] = series.when(time);
    const words = `${running} running and ${waiting} waiting tasks; at most ${found.total} at a time`;
    if (this.canvas.getAttribute("aria-label") !== words) this.canvas.setAttribute("aria-label", words);
  }

  label(context, width, most, theme) {
    context.fillStyle = theme.line;
    context.fillRect(0, HIGH - 1, width, 1);
    context.font = `11px ${theme.font}`;
    context.textBaseline = "top";
    context.fillStyle = theme.muted;
    context.fillText(`up to ${plural(most, "task")}`, 0, 0);
    let x = width;
    for (const [name, role] of Object.entries(LOOK)) {
      x -= context.measureText(name).width;
      context.fillStyle = theme.muted;
      context.fillText(name, x, 0);
      x -= 14;
      context.fillStyle = theme.colours[role];
      context.fillRect(x, 1, 10, 9);
      x -= 12;
    }
  }

  go(event) {
    const box = this.canvas.getBoundingClientRect();
    const [begin, end] = this.span;
    this.view.machine.pause();
    this.view.goTo(begin + ((event.clientX - box.left) / box.width) * (end - begin));
  }
}
