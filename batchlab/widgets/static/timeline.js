// What ran where and when: a row for each node, a lane for each slot, a bar for each run.

import { AXIS, drawTimeline, runAt } from "./draw.js";
import { button, fill, fit, h, OWN_KEYS, say } from "./dom.js";
import { clock, duration, nodeName, ofTask, plural, runKey } from "./format.js";
import { panned, rowLayout, zoomed } from "./layout.js";
import { namesSeen } from "./shown_runs.js";

export class Timeline {
  constructor(view) {
    this.view = view;
    this.win = null; // null: everything
    this.follow = true;
    this.offset = 0;
    this.hovered = -1;
    this.canvas = h("canvas", {
      class: "bl-canvas", tabindex: 0, ...OWN_KEYS, role: "application", "aria-roledescription": "timeline",
      onpointerdown: (event) => this.down(event),
      onpointermove: (event) => this.move(event),
      onpointerup: (event) => this.up(event),
      onpointercancel: () => (this.drag = null),
      onpointerleave: () => this.leave(),
      onkeydown: (event) => this.key(event),
      ondblclick: (event) => this.zoom(0.4, this.timeAt(event)),
    });
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    const tool = (text, label, act) =>
      button(text, { class: "bl-tool", "aria-label": label, title: label, onclick: act });
    this.followButton = tool("follow", "follow the present", () => this.followNow());
    this.legend = h("div", { class: "bl-legend bl-runs" });
    this.live = h("div", { class: "bl-hidden", "aria-live": "polite" });
    this.empty = h("p", { class: "bl-empty", hidden: true });
    this.toolbar = h("div", { class: "bl-toolbar" }, this.legend, h("div", { class: "bl-tools" },
      tool("−", "zoom out", () => this.zoom(1.6)), tool("+", "zoom in", () => this.zoom(0.6)),
      tool("fit", "show all", () => this.fitAll()), this.followButton));
    this.element = h("div", { class: "bl-timeline", role: "group", "aria-label": "timeline" },
      this.toolbar, this.canvas, this.empty, this.live);
  }

  draw(width, height, theme) {
    const { log, view } = { log: this.view.log, view: this.view };
    const { order } = view.shown();
    const blank = !order.length;
    this.canvas.hidden = blank;
    // Without any node there is nothing else to say.
    this.empty.hidden = !blank || (view.grid.element.isConnected && !view.grid.nodes.length);
    this.toolbar.hidden = blank;
    this.element.classList.toggle("bl-blank", blank);
    this.element.hidden = blank && this.empty.hidden;
    if (blank) {
      say(this.empty, "Nothing has run here yet. Runs will appear as bars in the row of their node.");
      return;
    }
    this.drawLegend();
    const rowOf = new Int32Array(log.rows.nodes).fill(-1);
    order.forEach((node, row) => (rowOf[node] = row));
    const few = order.length < 4; // there is room for their names
    const rows = rowLayout(order.length, height - AXIS, this.offset, 3, few ? 56 : 34);
    this.offset = rows.offset;
    const bodyHeight = Math.min(height, Math.ceil(rows.each * order.length) + AXIS);
    const several = new Set(order.map((node) => log.tables.nodes.pool[node])).size > 1;
    const gutter = several ? 104 : 64;
    this.picture = {
      log, kinds: log.schema.kinds, outcomes: log.schema.outcomes, win: this.window(),
      rows, rowOf, order, lanesOf: (node) => view.lanesOf(node), time: view.snapshot.at,
      now: view.now(), selected: view.selectedRun(), hovered: this.hovered, job: view.jobNumber(),
      label: view.label(), theme, gutter, nameOf: (node) => this.nameOf(node, several),
    };
    const context = fit(this.canvas, width, bodyHeight);
    if (!context) return;
    this.width = width;
    this.height = bodyHeight;
    drawTimeline(context, width, bodyHeight, this.picture);
    this.followButton.setAttribute("aria-pressed", String(this.follow));
    const runs = log.rows.runs.toLocaleString("en");
    this.canvas.setAttribute("aria-label",
      `${plural(runs, "run")} on ${plural(order.length, "node")}. Arrow keys pan, plus and minus zoom, 0 shows all.`);
  }

  // With several pools: the pool of the node before its number.
  nameOf(node, several) {
    const { names, tables } = this.view.log;
    const name = nodeName(names.nodes[node]);
    if (!several) return name;
    const pool = names.pools[tables.nodes.pool[node]];
    return `${pool.length > 11 ? `${pool.slice(0, 10)}…` : pool} ${name.replace("node ", "")}`;
  }

  // Only visible colours are explained.
  drawLegend() {
    const { schema } = this.view.log;
    const names = namesSeen(schema, this.view.shown().seen);
    const key = [...names].sort().join(" ");
    if (this.legendKey === key) return;
    this.legendKey = key;
    fill(this.legend, Object.entries(schema.runs).filter(([name]) => names.has(name)).map(([, { label, colour }]) =>
      h("span", { class: "bl-key" },
        h("span", { class: "bl-swatch bl-bar", style: { background: `var(--bl-${colour})` } }),
        label)));
  }

  // The time span with anything to show: from the first run to the last, or to now while one runs.
  span() {
    const { view } = this;
    const [begin, now] = [view.log.begin(), view.now()];
    const { first, last } = view.shown();
    if (!Number.isFinite(first)) return [begin, Math.max(now, begin + 1)];
    const end = Math.max(Math.min(now, last), first + 1);
    return [first - (end - first) * 0.02, end];
  }

  window() {
    const [begin, end] = this.span();
    const room = (end - begin) * 0.02;
    if (!this.win) return { from: begin, to: end + room };
    if (this.follow) {
      const length = this.win.to - this.win.from;
      const to = Math.max(end + length * 0.02, begin + length);
      this.win = { from: to - length, to };
    }
    return this.win;
  }

  zoom(factor, about) {
    const [begin, end] = this.span();
    const win = this.window();
    const { at } = this.view.snapshot;
    const shown = at >= win.from && at <= win.to ? at : (win.from + win.to) / 2;
    const middle = about ?? (this.follow && !Number.isFinite(at) ? win.to : shown);
    if (middle < Math.min(end, win.to)) this.follow = false;
    this.win = zoomed(win, factor, middle, begin, end + (end - begin) * 0.02);
    this.view.changed();
  }

  pan(by) {
    const [begin, end] = this.span();
    this.follow = false;
    this.win = panned(this.window(), by, begin, end + (end - begin) * 0.02);
    this.view.changed();
  }

  fitAll() {
    this.win = null;
    this.follow = true;
    this.offset = 0;
    this.view.changed();
  }

  followNow() {
    this.follow = !this.follow;
    if (!this.follow && !this.win) this.win = this.window();
    this.view.changed();
  }

  timeAt(event) {
    const { win, gutter } = this.picture;
    const left = event.clientX - this.canvas.getBoundingClientRect().left - gutter;
    return win.from + (left / (this.width - gutter)) * (win.to - win.from);
  }

  runAt(event) {
    if (!this.picture) return -1;
    const box = this.canvas.getBoundingClientRect();
    return runAt(this.picture, this.width, this.height, event.clientX - box.left,
      event.clientY - box.top);
  }

  // The wheel alone scrolls the page, as usual; with Ctrl (or a pinch) it zooms.
  wheel(event) {
    if (!this.picture) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY / 200))), this.timeAt(event));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      const { win } = this.picture;
      this.pan(((event.deltaX || event.deltaY) / this.width) * (win.to - win.from));
    }
  }

  down(event) {
    if (!this.picture || event.button) return;
    this.drag = { x: event.clientX, y: event.clientY, moved: false, win: this.window(),
      offset: this.offset };
    this.canvas.setPointerCapture?.(event.pointerId);
  }

  move(event) {
    if (this.drag) {
      const [dx, dy] = [event.clientX - this.drag.x, event.clientY - this.drag.y];
      if (!this.drag.moved && Math.hypot(dx, dy) < 4) return;
      this.drag.moved = true;
      const { from, to } = this.drag.win;
      const [begin, end] = this.span();
      this.follow = false;
      this.win = panned(this.drag.win, (-dx / (this.width - this.picture.gutter)) * (to - from),
        begin, end + (end - begin) * 0.02);
      this.offset = this.drag.offset - dy;
      this.view.tip.hide();
      this.view.changed();
      return;
    }
    const run = this.runAt(event);
    this.canvas.style.cursor = run < 0 ? "grab" : "pointer";
    if (run !== this.hovered) {
      this.hovered = run;
      this.view.changed();
    }
    if (run < 0) this.view.tip.hide();
    else this.view.tip.show(event, this.describe(run));
  }

  up(event) {
    const clicked = this.drag && !this.drag.moved;
    this.drag = null;
    if (clicked) this.pick(this.runAt(event));
  }

  leave() {
    this.hovered = -1;
    this.view.tip.hide();
    this.view.changed();
  }

  pick(run) {
    if (run < 0) return;
    this.view.select({ kind: "run", run });
    say(this.live, this.describe(run).join(", "));
  }

  describe(run) {
    const { log } = this.view;
    const { kind, start, node, job, attempt } = log.tables.runs;
    const name = log.schema.kinds[kind[run]];
    const over = log.endAt[run] <= this.view.snapshot.at;
    const outcome = over ? log.schema.outcomes[log.outcome[run]] : "";
    const end = over ? log.endAt[run] : this.view.time();
    const what = log.names.labels[run] || log.schema.runs[name].label;
    const words = log.schema.runs[ofTask(name) ? runKey(name, outcome) : outcome || "running"].label;
    return [
      name === "waiting" ? `${what}: waiting for preparation`
        : name === "subtask" ? `${what}: a subtask, on another node` : what,
      `${name === "waiting" ? "" : `${words}, `}${duration(end - start[run])}`,
      log.names.jobs[job[run]] ? `job ${log.names.jobs[job[run]]}` : "",
      `${nodeName(log.names.nodes[node[run]])}, from ${clock(start[run])}`,
      attempt[run] ? `attempt ${attempt[run] + 1}` : "",
      over && log.why[run] ? log.names.reasons[log.why[run]] : "",
    ].filter(Boolean);
  }

  key(event) {
    const win = this.picture ? this.picture.win : { from: 0, to: 1 };
    const step = (win.to - win.from) / 8;
    const acts = {
      ArrowLeft: () => this.pan(-step), ArrowRight: () => this.pan(step),
      ArrowUp: () => this.scroll(-30), ArrowDown: () => this.scroll(30),
      "+": () => this.zoom(0.6), "=": () => this.zoom(0.6), "-": () => this.zoom(1.6),
      0: () => this.fitAll(), Escape: () => this.view.unselect(), f: () => this.followNow(), n: () => this.step(1),
      p: () => this.step(-1),
    };
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  scroll(by) {
    this.offset = Math.max(0, this.offset + by);
    this.view.changed();
  }

  // To the next or the previous run on the same node.
  step(by) {
    const { node } = this.view.log.tables.runs;
    const { rowOf } = this.picture;
    const here = this.view.selectedRun();
    for (let run = here + by; run >= 0 && run < this.view.log.rows.runs; run += by) {
      if (here < 0 ? rowOf[node[run]] >= 0 : node[run] === node[here]) return this.pick(run);
    }
  }
}
