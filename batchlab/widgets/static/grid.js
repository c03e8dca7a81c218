// The nodes of a pool, one cell each: colour and letter for the state, marks for slots in use.

import { drawGrid } from "./draw.js";
import { fill, fit, h, OWN_KEYS, say, tell } from "./dom.js";
import { nodeName, duration, plural } from "./format.js";
import { cellAt, gridLayout } from "./layout.js";

export class Grid {
  constructor(view) {
    this.view = view;
    this.hovered = -1;
    this.lit = null;
    this.nodes = [];
    this.canvas = h("canvas", {
      class: "bl-canvas", tabindex: 0, ...OWN_KEYS, role: "application", "aria-roledescription": "node grid",
      onpointermove: (event) => this.hover(event),
      onpointerleave: () => this.unhover(),
      onclick: (event) => this.pick(this.nodeAt(event)),
      onkeydown: (event) => this.key(event),
    });
    this.empty = h("p", { class: "bl-empty" });
    this.legend = h("div", { class: "bl-legend", role: "group", "aria-label": "nodes by state" });
    this.live = h("div", { class: "bl-hidden", "aria-live": "polite" });
    this.box = h("div", { class: "bl-gridbox" }, this.canvas, this.empty);
    this.element = h("div", { class: "bl-grid", role: "group", "aria-label": "nodes" },
      this.legend, this.box, this.live);
  }

  draw(width, theme) {
    const { log, snapshot } = this.view;
    const states = log.schema.states.node;
    const gone = states.indexOf("deleted");
    this.nodes = this.view.nodesNow(gone);
    const tall = this.view.gridHeight();
    const size = this.view.lanes() > 1 ? 40 : 34;
    this.layout = gridLayout(this.nodes.length, width, tall, size);
    const counts = {};
    for (const node of this.nodes) {
      const name = states[snapshot.state[node]];
      counts[name] = (counts[name] || 0) + 1;
    }
    this.drawLegend(counts, theme);
    this.legend.hidden = this.canvas.hidden = !this.nodes.length;
    this.element.classList.toggle("bl-blank", !this.nodes.length && !this.view.shown().order.length);
    this.empty.hidden = this.nodes.length > 0;
    if (!this.nodes.length) {
      tell(this.empty, this.whyNone());
      return;
    }
    const height = Math.max(this.layout.height, 1) + 4;
    const context = fit(this.canvas, width, height);
    if (!context) return;
    context.translate(2, 2);
    const words = Object.entries(counts).map(([name, count]) => `${count} ${log.schema.nodes[name].label}`);
    const label = `${plural(this.nodes.length, "node")}: ${words.join(", ")}. Arrow keys move.`;
    if (this.canvas.getAttribute("aria-label") !== label) {
      this.canvas.setAttribute("aria-label", label);
    }
    drawGrid(context, width, height, {
      layout: this.layout, nodes: this.nodes, schema: log.schema, snapshot, lanes: this.view.lanes(),
      dedicated: log.tables.nodes.dedicated, selected: this.view.selectedNode(),
      hovered: this.hovered, lit: this.lit, theme,
    });
  }

  whyNone() {
    const { view } = this;
    const pool = view.poolNumber();
    const { schema } = view.log;
    if (view.kind === "lab" && !view.log.names.pools.some((_, i) => view.alive(i))) {
      return `${view.log.names.pools.length ? "No pool is left." : "No pools yet."} `
        + "`lab.create_pool(\"render\", target_dedicated_nodes=2)` creates one.";
    }
    if (pool === -2) return "The pool of this job does not exist.";
    const sizes = view.snapshot.pools.filter((size, i) => size && (pool < 0 || i === pool));
    if (!sizes.length) return "Nothing existed at this moment.";
    if (sizes.every((size) => schema.states.pool[size.state] === "deleted")) return "The pool was deleted.";
    const target = sizes.reduce((sum, size) => sum + size.target + size.spot, 0);
    const resizing = sizes.some((size) => schema.states.allocation[size.allocation] === "resizing");
    if (resizing) return `No nodes yet: the pool is resizing (0 of ${target}).`;
    if (!target) return "No nodes: the target is 0. `pool.resize(2)` requests two, unless autoscale is on.";
    return `No nodes although the target is ${target}: see the pool's resize errors.`;
  }

  drawLegend(counts, theme) {
    const key = JSON.stringify([counts, this.lit, theme.inks]);
    if (key === this.legendKey) return;
    this.legendKey = key;
    const focused = this.legend.contains(document.activeElement)
      ? document.activeElement.dataset.state : null;
    const { schema } = this.view.log;
    const order = schema.states.node.filter((name) => counts[name]);
    fill(this.legend, order.map((name) => {
      const { letter, colour, label } = schema.nodes[name];
      const light = () => this.light(name);
      return h("button", {
        type: "button", class: "bl-key", "aria-pressed": this.lit === name, "data-state": name,
        title: "highlight only these", onclick: light,
      }, h("span", { class: "bl-swatch", style: { background: `var(--bl-${colour})`, color: theme.inks[colour] } },
        letter),
      h("b", {}, counts[name].toLocaleString("en")), ` ${label}`);
    }));
    if (focused) this.legend.querySelector(`[data-state="${CSS.escape(focused)}"]`)?.focus();
  }

  light(name) {
    this.lit = this.lit === name ? null : name;
    this.view.changed();
  }

  nodeAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const index = this.layout
      ? cellAt(this.layout, this.nodes.length, event.clientX - box.left - 2, event.clientY - box.top - 2)
      : -1;
    return index < 0 ? -1 : this.nodes[index];
  }

  hover(event) {
    const node = this.nodeAt(event);
    this.canvas.style.cursor = node < 0 ? "default" : "pointer";
    if (node !== this.hovered) {
      this.hovered = node;
      this.view.changed();
    }
    if (node < 0) this.view.tip.hide();
    else this.view.tip.show(event, this.describe(node));
  }

  unhover() {
    this.hovered = -1;
    this.view.tip.hide();
    this.view.changed();
  }

  describe(node) {
    const { log, snapshot } = this.view;
    const name = log.schema.states.node[snapshot.state[node]];
    const lanes = this.view.lanes();
    const since = duration(this.view.time() - snapshot.since[node]);
    return [
      nodeName(log.names.nodes[node]),
      `${log.schema.nodes[name].label} for ${since}`,
      `${snapshot.used[node]} of ${plural(lanes, "slot")} in use`,
      log.tables.nodes.dedicated[node] ? "" : "spot node",
    ].filter(Boolean);
  }

  pick(node) {
    if (node < 0) return;
    this.view.select({ kind: "node", node });
    say(this.live, this.describe(node).join(", "));
  }

  key(event) {
    const here = this.nodes.indexOf(this.view.selectedNode());
    const steps = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.layout?.columns, ArrowUp: -this.layout?.columns,
    };
    let next = here;
    if (event.key in steps) next = here < 0 ? 0 : here + steps[event.key];
    else if (event.key === "Home") next = 0;
    else if (event.key === "End") next = this.nodes.length - 1;
    else if (event.key === "Escape" && this.view.selection) {
      event.stopPropagation();
      return this.view.unselect();
    }
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.pick(this.nodes[Math.max(0, Math.min(next, this.nodes.length - 1))] ?? -1);
  }
}
