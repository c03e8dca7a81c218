// A live view of a thing in a lab: pictures drawn here, text from the kernel.
//
// A view holds only what its user has chosen (a moment, a selection, a tab). The history comes
// through one feed for all views of a lab; questions and buttons go through the view's own channel,
// which the feed never writes to.

import { button, fill, h, keepFocus, say } from "./dom.js";
import { logOf } from "./feed.js";
import { Ending } from "./ending.js";
import { ofTask } from "./format.js";
import { Header } from "./header.js";
import { Snapshot } from "./snapshot.js";
import { Grid } from "./grid.js";
import { LoadArea } from "./load_area.js";
import { Timeline } from "./timeline.js";
import { TimeMachine } from "./time_machine.js";
import { Questions } from "./questions.js";
import { inOrder, rowsOf } from "./shown_runs.js";
import { Tabs } from "./tabs.js";
import { live } from "./places.js";
import { readTheme } from "./theme.js";
import { Tip } from "./tip.js";
import { Viewer } from "./viewer.js";
import { drawPast, movedOn } from "./past_panels.js";
import { PANELS, ROOMY, tabsOf } from "./panel_tabs.js";

const ASK_S = 20;
const SMALL = new Set(["task", "node", "tasks"]); // kinds without a grid of nodes

export class View {
  constructor(model, feed) {
    this.model = model;
    this.kind = model.get("kind");
    this.aim = model.get("target");
    const schema = model.get("schema");
    this.shared = logOf(feed, schema);
    this.log = this.shared.log;
    this.snapshot = new Snapshot(this.log);
    this.selection = null;
    this.memory = {};
    this.questions = new Questions(model, ASK_S);
    this.viewer = new Viewer(model);
    this.ending = new Ending(this);
    this.pool = "";
    this.visible = true;
    this.cost = this.tries = 0;
    this.header = new Header(this);
    this.grid = new Grid(this);
    this.load = new LoadArea(this);
    this.timeline = new Timeline(this);
    this.machine = new TimeMachine(this);
    this.tip = new Tip();
    this.build();
    this.live();
  }

  build() {
    const tabs = tabsOf(this.kind, this.model.get("read_only"));
    this.said = h("div", { class: "bl-notice", role: "status" });
    const titles = Object.fromEntries(tabs.map((name) => [name, PANELS[name].title]));
    this.tabs = new Tabs(titles, (name) => this.open(name));
    this.body = h("div", { class: "bl-body", role: "tabpanel", tabindex: 0, "aria-label": "details" });
    this.presentSaid = h("span", {});
    this.presentBack = button("", { class: "bl-link", onclick: () => this.machine.goLive() });
    this.present = h("p", { class: "bl-present", role: "note", hidden: true }, this.presentSaid, this.presentBack);
    const pictures = h("div", { class: "bl-pictures" }, SMALL.has(this.kind) ? [] : [this.load.element, this.grid.element], this.timeline.element);
    this.element = h("div", { class: `bl-view bl-kind-${this.kind}` },
      this.header.element, this.machine.element,
      h("div", { class: "bl-main" }, pictures,
        h("div", { class: "bl-side" }, this.tabs.element, this.present, this.body)),
      this.said, this.tip.element);
    this.open(tabs[0]);
  }

  live() {
    this.heard = () => {
      if (this.shared.gone) this.lose();
      this.changed();
    };
    this.shared.watchers.add(this.heard);
    this.answered = (content, buffers) => this.hear(content, buffers);
    this.model.on("msg:custom", this.answered);
    this.resized = new ResizeObserver(() => this.changed());
    this.resized.observe(this.element);
    this.seen = new IntersectionObserver((entries) => { // the last entry is current
      this.visible = entries.at(-1).isIntersecting;
      this.changed();
    });
    this.seen.observe(this.element);
    this.themed = new MutationObserver(() => {
      this.theme = null;
      this.changed();
    });
    this.themed.observe(document.body, { attributes: true });
    // While lab time runs, bars of running tasks grow.
    this.ticking = setInterval(() => {
      if (this.log.speed && this.snapshot.at === Infinity && this.visible && !this.quiet()) this.changed();
    }, 250);
    this.shared.ask();
    this.heard();
  }

  // The kernel has stopped: what is here remains visible.
  lose() {
    if (this.questions.over) return;
    this.questions.end(this.shared.gone);
    this.viewer.rest();
    clearTimeout(this.noticed);
    this.redrawPanel();
  }

  close() {
    clearInterval(this.ticking);
    clearTimeout(this.noticed);
    this.shared.watchers.delete(this.heard);
    this.model.off("msg:custom", this.answered);
    this.resized.disconnect();
    this.seen.disconnect();
    this.themed.disconnect();
    this.tip.hide();
    this.viewer.bye();
  }

  // Whether nothing is running, so that only the clock would move.
  quiet() {
    return this.log.rows.runs === this.log.rows.ends && performance.now() - this.log.heardAt > 3000
      && performance.now() - (this.drawnAt || 0) < 1000;
  }

  // -- time and numbers ---------------------------------------------------------------------

  now() {
    return this.log.clock(performance.now());
  }

  time() {
    return this.snapshot.at === Infinity ? this.now() : this.snapshot.at;
  }

  goTo(time) {
    this.wanted = time;
    this.changed();
  }

  jobNumber() {
    return this.aim.job ? this.log.names.jobs.indexOf(this.aim.job) : -1;
  }

  poolNumber() {
    const name = this.pool || this.aim.pool;
    if (name) return this.log.names.pools.indexOf(name);
    const job = this.jobNumber();
    if (job >= 0 && this.snapshot.jobs[job]) {
      const { pool } = this.snapshot.jobs[job];
      return pool < this.log.names.pools.length ? pool : -2;
    }
    return this.aim.job ? -2 : -1;
  }

  label() {
    return this.kind === "task" ? this.aim.task : null;
  }

  lanesOf(node) {
    return this.snapshot.pools[this.log.tables.nodes.pool[node]]?.slots || 1;
  }

  lanes() {
    const pool = this.poolNumber();
    const sizes = this.snapshot.pools.filter((size, i) => size && (pool < 0 || i === pool));
    return Math.max(1, ...sizes.map((size) => size.slots));
  }

  nodesNow(gone) {
    const pool = this.poolNumber();
    return pool === -2 ? [] : inOrder(this.log, this.snapshot.nodes(pool, gone));
  }

  // The runs that the timeline shows, and the nodes with a row there.
  shown() {
    const key = `${this.log.version} ${this.pool}`;
    if (this.shownKey === key) return this.shownFound;
    this.shownKey = key;
    const number = (names, name) => (name ? names.indexOf(name) + 1 || -1 : 0) - 1; // -2: not there
    const node = number(this.log.names.nodes, this.aim.node);
    const job = number(this.log.names.jobs, this.aim.job);
    const wanted = { job, label: this.label(), pool: this.poolNumber(), node };
    this.shownFound = rowsOf(this.log, wanted);
    return this.shownFound;
  }

  alive(pool) {
    const size = this.snapshot.pools[pool];
    return size && this.log.schema.states.pool[size.state] !== "deleted";
  }

  // -- what is chosen -----------------------------------------------------------------------

  select(selection) {
    this.selection = selection;
    this.memory.path = this.memory.file = "";
    const stays = selection.kind === "node" ? ["files", "faults"] : ["files", "waiting"];
    if (stays.includes(this.tab)) this.refresh();
    else this.open("selected");
    this.changed();
  }

  // The number of the last run of a task; -1 if it has not run.
  runOf(job, task) {
    const number = this.log.names.jobs.indexOf(job);
    const { labels } = this.log.names;
    let run = -1;
    for (let i = this.log.rows.runs - 1; i >= 0 && run < 0; i--) {
      if (labels[i] === task && this.log.tables.runs.job[i] === number) run = i;
    }
    return run;
  }

  point(job, task) {
    this.selection = { kind: "task", job, task, run: this.runOf(job, task) };
    this.memory.path = this.memory.file = "";
    this.changed();
  }

  selectTask(job, task) {
    this.point(job, task);
    this.open("selected");
  }

  selectedNode() {
    const { selection } = this;
    if (!selection) return -1;
    if (selection.kind === "node") return selection.node;
    return selection.run >= 0 ? this.log.tables.runs.node[selection.run] : -1;
  }

  selectedRun() {
    return this.selection && this.selection.run >= 0 ? this.selection.run : -1;
  }

  // What panels are about: the selection, or what the view was opened for.
  target() {
    const { selection, log } = this;
    const node = (number) => ({
      pool: log.names.pools[log.tables.nodes.pool[number]], node: log.names.nodes[number],
    });
    if (selection && selection.kind === "node") return { ...this.jobOnly(), ...node(selection.node) };
    if (selection && selection.kind === "task") return { job: selection.job, task: selection.task };
    if (selection && selection.kind === "run") {
      const { kind, job } = log.tables.runs;
      const number = selection.run;
      const name = log.schema.kinds[kind[number]];
      if (ofTask(name) || name === "waiting") {
        return { job: log.names.jobs[job[number]], task: log.names.labels[number] };
      }
      const jobName = log.names.jobs[job[number]];
      return { ...(jobName ? { job: jobName } : {}), ...node(log.tables.runs.node[number]) };
    }
    return { ...this.aim, ...(this.pool ? { pool: this.pool } : {}) };
  }

  jobOnly() {
    return this.aim.job ? { job: this.aim.job } : {};
  }

  subject() {
    const target = this.target();
    if (target.task) return { what: "task", job: target.job, task: target.task };
    return target.node ? { what: "node", pool: target.pool, node: target.node } : null;
  }

  unselect() {
    this.selection = null;
    this.memory.path = this.memory.file = "";
    this.refresh();
    this.changed();
  }

  choosePool(name) {
    this.pool = name;
    this.selection = null;
    this.refresh();
    this.changed();
  }

  // -- questions ----------------------------------------------------------------------------

  ask(question) {
    return this.questions.ask(question);
  }

  hear(content, buffers) {
    if (content.type === "answer") {
      this.questions.answer(content.id, { ...content, buffer: buffers && buffers[0] });
    } else if (content.type === "news" && content.key === this.key) {
      this.viewer.heard();
      this.value = content;
      this.ending.keep(content);
      this.redrawPanel();
    }
  }

  notice(text) {
    say(this.said, text);
    clearTimeout(this.noticed);
    this.noticed = setTimeout(() => say(this.said, this.ending.why()), 8000);
  }

  // -- panels -------------------------------------------------------------------------------

  open(name) {
    this.tab = name;
    this.tabs.show(name);
    this.element.classList.toggle("bl-roomy", ROOMY.has(name));
    this.refresh();
    this.changed();
  }

  // Ask for what the open panel wants, now and whenever it changes.
  refresh() {
    const wants = PANELS[this.tab].wants(this);
    const key = wants ? JSON.stringify([this.tab, wants]) : "";
    if (key === this.key && key) return;
    this.key = key;
    this.value = null;
    this.memory.output = this.memory.said = "";
    if (!this.shared.gone) this.viewer.follow({ key: this.key, question: wants });
    if (!wants) this.viewer.heard();
    this.redrawPanel();
  }

  redrawPanel() {
    this.ending.tell();
    keepFocus(this.body, () => drawPast(this) || this.drawPresent());
  }

  drawPresent() {
    const panel = PANELS[this.tab];
    if (panel.alone?.(this.body, this)) return;
    const value = this.ending.why() ? this.ending.last() || this.value : this.value;
    if (!this.key || value?.value === null) fill(this.body, h("p", { class: "bl-empty" }, panel.empty));
    else if (!value || value.error) fill(this.body, h("p", { class: "bl-empty" }, value?.error || this.shared.gone || "…"));
    else {
      const scroll = this.body.scrollTop;
      panel.draw(this.body, value.value, this);
      this.body.scrollTop = scroll;
    }
  }

  // -- drawing ------------------------------------------------------------------------------

  changed() {
    if (this.pending || !this.visible) return;
    this.pending = true;
    // At most a third of the page's time: expensive drawings are drawn less often.
    const wait = Math.max(0, 2 * this.cost - (performance.now() - (this.drawnAt || 0)));
    setTimeout(() => requestAnimationFrame(() => this.draw()), wait);
  }

  draw() {
    this.pending = false;
    const began = performance.now();
    const width = this.element.clientWidth;
    if (!width) return this.tries-- > 0 && setTimeout(() => this.changed(), 100); // hidden for a moment
    this.tries = 10;
    this.element.classList.toggle("bl-narrow", width < 760);
    if (this.wanted !== undefined) {
      this.snapshot.seek(this.wanted);
      this.wanted = undefined;
    } else this.snapshot.seek(this.snapshot.at === -Infinity ? Infinity : this.snapshot.at);
    this.theme = this.theme || readTheme(this.element, this.log.schema.colours);
    this.header.draw();
    this.machine.draw();
    const inner = this.grid.element.clientWidth || this.timeline.element.clientWidth;
    if (this.grid.element.isConnected) [this.load, this.grid].forEach((one) => one.draw(inner - 4, this.theme));
    this.timeline.draw(this.timeline.element.clientWidth, this.timelineHeight(), this.theme);
    this.element.classList.toggle("bl-past", this.snapshot.at !== Infinity);
    if (movedOn(this)) this.redrawPanel();
    this.drawnAt = performance.now();
    this.cost = this.drawnAt - began;
    this.element.dataset.draws = String(Number(this.element.dataset.draws || 0) + 1);
  }

  gridHeight() {
    return this.grid.nodes.length > 1500 ? 230 : this.kind === "job" ? 90 : 150;
  }

  timelineHeight() {
    return SMALL.has(this.kind) ? 110 : this.kind === "job" ? 210 : 190;
  }
}

async function mount({ model, el }) {
  const view = new View(model, await model.widget_manager.get_model(model.get("feed")));
  el.replaceChildren(view.element);
  el.batchlab = view;
  return () => view.close();
}

export default live(mount);
