// Below the display of a lab or a pool: the pools and jobs there are, each with its own address. They
// come from the history that displays draw from, so nothing is asked.

import { button, fill, h, keepFocus } from "./dom.js";
import { plural } from "./format.js";
import { addressOf } from "./page_address.js";
import { Snapshot } from "./snapshot.js";

const CONTENTS_MS = 500;
const CONTENTS_MOST = 25;
const COUNTED = [["success", 2, "succeeded"], ["failure", 3, "failed"], ["running", 1, "running"], ["active", 0, "waiting"]];

export class PageContents {
  // `about` is the display that is shown.
  constructor(shared, about) {
    this.shared = shared;
    this.about = about;
    this.log = shared.log;
    this.snapshot = new Snapshot(this.log);
    this.whole = new Set();
    this.element = h("div", { class: "bl-contents" });
    this.heard = () => {
      this.timer ||= setTimeout(() => this.draw(), CONTENTS_MS);
    };
    shared.watchers.add(this.heard);
    this.draw();
  }

  close() {
    clearTimeout(this.timer);
    this.shared.watchers.delete(this.heard);
  }

  draw() {
    this.timer = 0;
    this.snapshot.seek(Infinity);
    const parts = this.about.kind === "lab" ? [this.pools(), this.jobs(-1)]
      : this.about.kind === "pool" ? [this.jobs(this.log.names.pools.indexOf(this.about.target.pool))] : [];
    const key = JSON.stringify(parts.map(({ rows }) => rows.map(({ key: row }) => row)));
    if (key === this.drawn) return;
    this.drawn = key;
    keepFocus(this.element, () => fill(this.element, parts.map((part) => this.section(part))));
  }

  section({ title, columns, rows, none }) {
    const all = this.whole.has(title);
    const shown = all ? rows : rows.slice(0, CONTENTS_MOST);
    const more = rows.length - shown.length;
    return h("section", { class: "bl-content" }, h("h2", {}, title, " ", h("small", {}, rows.length || "")),
      rows.length ? h("table", { class: "bl-content-table" }, h("caption", { class: "bl-hidden" }, title),
        h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, shown.map(({ cells: [first, ...others] }) => h("tr", {}, h("th", { scope: "row" }, first),
          others.map((cell) => h("td", {}, cell))))))
        : h("p", { class: "bl-page-muted" }, none),
      more ? button(`show ${more.toLocaleString("en")} more`, { class: "bl-page-button", onclick: () => this.showAll(title) }) : "");
  }

  showAll(title) {
    this.whole.add(title);
    this.drawn = "";
    this.draw();
  }

  // The pools that exist, the newest first.
  pools() {
    const { log, snapshot } = this;
    const { states } = log.schema;
    const nodes = log.names.pools.map(() => 0);
    const gone = states.node.indexOf("deleted");
    for (const node of snapshot.nodes(-1, gone)) nodes[log.tables.nodes.pool[node]] += 1;
    const rows = log.names.pools.flatMap((pool, i) => {
      const size = snapshot.pools[i];
      if (!size || states.pool[size.state] === "deleted") return [];
      const state = states.pool[size.state] === "active" ? states.allocation[size.allocation] : states.pool[size.state];
      const target = size.target + size.spot;
      const count = nodes[i] === target ? plural(nodes[i], "node") : `${nodes[i]} of ${plural(target, "node")}`;
      return [{ key: [pool, state, count], cells: [linkTo(pool, "pool", { pool }), state, count,
        linkTo("formula", "formula", { pool })] }];
    });
    return { title: "Pools", columns: ["pool", "state", "size", "autoscale"], rows: rows.reverse(), none: "No pools yet." };
  }

  // The jobs that exist, those that are not completed first, then the newest.
  jobs(pool) {
    const { log, snapshot } = this;
    const rows = log.names.jobs.flatMap((job, i) => {
      const row = snapshot.jobs[i];
      const state = row && log.schema.states.job[row.state];
      if (!row || state === "deleted" || (pool >= 0 && row.pool !== pool)) return [];
      const counts = snapshot.counts[i] || [0, 0, 0, 0];
      const on = log.names.pools[row.pool];
      return [{ key: [job, state, on, counts], over: state === "completed", cells: [linkTo(job, "job", { job }), state,
        ...(pool >= 0 ? [] : [on ? linkTo(on, "pool", { pool: on }) : ""]), progress(job, counts)] }];
    }).reverse();
    const sorted = [...rows.filter(({ over }) => !over), ...rows.filter(({ over }) => over)];
    return { title: "Jobs", columns: ["job", "state", ...(pool >= 0 ? [] : ["pool"]), "tasks"], rows: sorted, none: "No jobs yet." };
  }
}

export function linkTo(words, kind, target) {
  return h("a", { href: addressOf(kind, target) }, words);
}

function progress(job, counts) {
  const parts = COUNTED.filter(([, i]) => counts[i]);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const words = parts.map(([name, i, word]) => [name, `${counts[i].toLocaleString("en")} ${word}`]);
  if (!total) return "no tasks";
  return h("a", { class: "bl-content-tasks", href: addressOf("tasks", { job }) },
    h("span", { class: "bl-progress", "aria-hidden": "true" }, parts.map(([name, i]) =>
      h("span", { class: `bl-part bl-${name}`, style: { flexGrow: counts[i] } }))),
    h("span", {}, words.map(([name, text], i) => [i ? ", " : "", name === "failure" ? h("b", {}, text) : text])));
}
