// Above the pictures: what is shown, its state, the pool selector, and tasks by state.

import { button, fill, h, keepFocus, say } from "./dom.js";
import { nodeName, plural } from "./format.js";
import { showTasks } from "./task_panel.js";

export class Header {
  constructor(view) {
    this.view = view;
    this.heading = h("h3", { class: "bl-heading" });
    this.where = h("span", { class: "bl-where" });
    this.bar = h("div", { class: "bl-progress", role: "img" });
    this.tally = h("span", { class: "bl-tally" });
    this.chooser = h("select", { class: "bl-chooser", "aria-label": "pool", hidden: true,
      onchange: () => this.view.choosePool(this.chooser.value) });
    this.element = h("div", { class: "bl-header" }, h("span", { class: "bl-logo", "aria-hidden": "true" }),
      this.heading, this.where, this.chooser, h("span", { class: "bl-space" }),
      h("div", { class: "bl-total" }, this.bar, this.tally));
  }

  draw() {
    const { aim, kind, log } = this.view;
    const name = { lab: this.view.model.get("title"), pool: aim.pool, job: aim.job, tasks: aim.job, task: aim.task,
      node: aim.node && nodeName(aim.node).replace("node ", "") }[kind];
    const kindName = { lab: "", pool: "Pool ", job: "Job ", tasks: "Tasks of job ", task: "Task ", node: "Node " }[kind];
    if (this.shownName !== name) {
      this.shownName = name;
      fill(this.heading, kindName ? h("small", {}, kindName) : "", name);
      this.heading.title = name;
    }
    say(this.where, this.state());
    const pools = log.names.pools.filter((_, i) => this.view.alive(i));
    this.chooser.hidden = kind !== "lab" || pools.length < 2;
    if (this.chooserKey !== pools.join("\n")) {
      this.chooserKey = pools.join("\n");
      if (!pools.includes(this.view.pool)) this.view.pool = "";
      fill(this.chooser, h("option", { value: "" }, "all pools"),
        pools.map((pool) => h("option", { value: pool }, pool)));
      this.chooser.value = this.view.pool;
    }
    this.drawTally();
  }

  state() {
    const { view } = this;
    const { schema } = view.log;
    if (view.kind === "job" || view.kind === "tasks") {
      const row = view.snapshot.jobs[view.jobNumber()];
      return row ? schema.states.job[row.state] : "not created yet";
    }
    if (view.kind === "pool" || view.pool) {
      const size = view.snapshot.pools[view.poolNumber()];
      if (!size) return "not created yet";
      const state = schema.states.pool[size.state];
      return state === "active" ? schema.states.allocation[size.allocation] : state;
    }
    return "";
  }

  drawTally() {
    const { view } = this;
    if (view.kind === "node" || view.kind === "task") {
      this.bar.hidden = true;
      return;
    }
    const { counts, total, parts, words } = this.tasks();
    this.bar.hidden = !total;
    const text = this.words();
    if (this.tallyText === text) return;
    this.tallyText = text;
    keepFocus(this.tally, () => fill(this.tally, total ? [`${plural(total, "task")}: `, parts.map(([name, , word], i) => [
      i ? ", " : "", name === "failure" ? this.failures(words[i]) : words[i]])] : text));
    this.bar.setAttribute("aria-label", text);
    fill(this.bar, parts.map(([name, count]) =>
      h("span", { class: `bl-part bl-${name}`, style: { flexGrow: count } })));
    view.element.dataset.counts = counts.join(" ");
  }

  // Leads to the tasks that failed.
  failures(words) {
    return button(words, { class: "bl-link bl-alarm", title: "show what failed", onclick: () => showTasks(this.view, "failed") });
  }

  // Tasks by state: all counts, and those that are not zero with their class and words.
  tasks() {
    const { view } = this;
    const counts = view.aim.job ? view.snapshot.total(view.jobNumber()) : this.poolTotal();
    const [active, running, succeeded, failed] = counts;
    const parts = [["success", succeeded, "succeeded"], ["failure", failed, "failed"],
      ["running", running, "running"], ["active", active, "waiting"]].filter(([, count]) => count);
    const words = parts.map(([, count, word]) => `${count.toLocaleString("en")} ${word}`);
    return { counts, total: active + running + succeeded + failed, parts, words };
  }

  words() {
    const { total, words } = this.tasks();
    return total ? `${plural(total, "task")}: ${words.join(", ")}` : "no tasks yet";
  }

  // Tasks of the jobs on the pool shown, or of all jobs.
  poolTotal() {
    const { snapshot } = this.view;
    const pool = this.view.poolNumber();
    if (pool < 0) return snapshot.total(-1);
    const sum = [0, 0, 0, 0];
    snapshot.jobs.forEach((row, job) => {
      if (row && row.pool === pool) snapshot.total(job).forEach((count, i) => (sum[i] += count));
    });
    return sum;
  }
}
