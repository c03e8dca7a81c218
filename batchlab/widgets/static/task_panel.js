// The tasks of a lab, pool or job: found, understood, and terminated, reactivated or deleted.

import { button, fill, h, OWN_KEYS, say } from "./dom.js";
import { plural } from "./format.js";
import { lastLines } from "./panels.js";
import { pastTasks } from "./past_tasks.js";
import { TASK_PAGE, taskKey, taskRow, TaskTable } from "./task_table.js";

const TASK_GROUPS = ["failed", "running", "waiting", "succeeded"];
const TASK_ACTS = { terminate: "Terminate", reactivate: "Reactivate", delete: "Delete" };
const SEARCH_MS = 250;

// What a view wants to see of its tasks: failures first.
function wishOf(view) {
  return (view.memory.tasks ??= { show: "", search: "", sort: "", down: false, from: 0 });
}

// Open the table with only one group of tasks, and the first of them.
export function showTasks(view, show) {
  view.memory.tasks = { ...wishOf(view), show, search: "", from: 0 };
  view.memory.first = true;
  view.open("tasks");
}

export const tasks = {
  title: "Tasks",
  empty: "No tasks yet.",
  wants(view) {
    const { show, search, sort, down, from } = wishOf(view);
    if (view.shared.gone) return null;
    const { job } = view.aim;
    const pool = job ? "" : view.pool || view.aim.pool;
    return { what: "tasks", ...(job ? { job } : {}), ...(pool ? { pool } : {}), show, search, sort, down, from, count: TASK_PAGE };
  },
  draw(body, value, view) {
    panelOf(view, body).show(value, false);
  },
  // What is drawn without an answer of the kernel: the rows that are there until others come, and, when
  // the kernel has stopped, what the log knows.
  alone(body, view) {
    if (view.shared.gone) tasksThen(body, view);
    return view.shared.gone || (!view.value && view.tasks && body.contains(view.tasks.element));
  },
};

// The tasks at a past moment.
export function tasksThen(body, view) {
  panelOf(view, body).show(pastTasks(view, wishOf(view)), true);
}

function panelOf(view, body) {
  view.tasks ??= new TaskPanel(view);
  if (!body.contains(view.tasks.element)) fill(body, view.tasks.element);
  return view.tasks;
}

class TaskPanel {
  constructor(view) {
    this.view = view;
    this.looked = "";
    this.table = new TaskTable(`bl-task-${view.viewer.id}`, {
      sort: (column) => this.sort(column), lacks: (from) => this.page(from), open: (row) => this.look(row),
      chosen: () => this.drawActs(),
    });
    this.filters = Object.fromEntries(["", ...TASK_GROUPS].map((group) => [group,
      button("", { class: "bl-tool", onclick: () => this.want({ show: group }) })]));
    this.search = h("input", { type: "search", class: "bl-search", placeholder: "search", "aria-label": "search tasks",
      ...OWN_KEYS, oninput: () => this.typed(), title: "id, job, node, reason, or exit:1" });
    this.acts = h("div", { class: "bl-task-acts", hidden: true });
    this.said = h("p", { class: "bl-task-said", role: "status" });
    this.none = h("p", { class: "bl-empty", hidden: true });
    this.more = h("section", { class: "bl-task-more", "aria-label": "the chosen task", hidden: true });
    this.element = h("div", { class: "bl-tasks" },
      h("div", { class: "bl-task-bar" },
        h("div", { class: "bl-tools", role: "group", "aria-label": "tasks shown" }, Object.values(this.filters)), this.search),
      this.acts, this.said, this.table.element, this.none, this.more);
  }

  // A page has come, of the present or of a past moment.
  show(value, past) {
    const { view, table } = this;
    const wish = wishOf(view);
    const { ended } = view.log;
    this.frozen = past || Boolean(ended || view.model.get("read_only"));
    this.value = value;
    this.past = past;
    for (const [group, filter] of Object.entries(this.filters)) {
      const count = group ? value.counts[group] : value.all;
      say(filter, `${group || "all"} ${count.toLocaleString("en")}`);
      filter.setAttribute("aria-pressed", String(wish.show === group));
      filter.classList.toggle("bl-alarm", group === "failed" && count > 0);
    }
    if (!this.typing) this.search.value = wish.search;
    table.element.hidden = !value.total; // before it draws what is visible
    table.show({ total: value.total, from: value.from, rows: value.rows.map(taskRow), sort: wish.sort, down: wish.down,
      jobs: value.jobs, label: this.label(value, wish), now: view.time(), frozen: this.frozen, marked: this.looked });
    this.none.hidden = Boolean(value.total);
    say(this.none, value.all ? "No task matches." : past ? "No task had started." : tasks.empty);
    if (past && value.unlisted) say(this.said, `${plural(value.unlisted, "task")} had not started and are not listed.`);
    else if (this.said.textContent.includes("had not started")) say(this.said, "");
    this.drawActs();
    if (view.memory.first && table.rows.length) this.look(table.rows[0]);
    else this.lookAgain();
    view.memory.first = false;
  }

  label(value, wish) {
    const words = [wish.show, wish.search && `with ${wish.search}`].filter(Boolean).join(" ");
    return `${plural(value.total, "task")}${words ? `: ${words}` : ""}, ${wish.sort ? `by ${wish.sort}` : "failures first"}. `
      + "Enter shows what became of a task, space selects it.";
  }

  // -- what is wanted -----------------------------------------------------------------------------

  want(wish) {
    Object.assign(wishOf(this.view), { from: 0 }, wish);
    this.table.element.scrollTop = 0;
    this.table.active = -1;
    if (this.table.everything) this.table.chooseNone();
    this.renew();
  }

  renew() {
    this.view.refresh();
    if (this.past) this.view.redrawPanel();
  }

  page(from) {
    const wish = wishOf(this.view);
    clearTimeout(this.paging);
    if (from === wish.from) return;
    this.paging = setTimeout(() => {
      wish.from = from;
      this.renew();
    }, 40);
  }

  // Ascending, then descending, then failures first again.
  sort(column) {
    const { sort, down } = wishOf(this.view);
    if (sort !== column) this.want({ sort: column, down: false });
    else this.want(down ? { sort: "", down: false } : { down: true });
  }

  typed() {
    clearTimeout(this.typing);
    const search = this.search.value;
    this.typing = setTimeout(() => {
      this.typing = 0;
      this.want({ search });
    }, SEARCH_MS);
  }

  // -- one task -----------------------------------------------------------------------------------

  look(row) {
    const { view } = this;
    view.point(row.job, row.id);
    this.looked = taskKey(row);
    this.seen = "";
    this.table.marked = this.looked;
    this.table.render();
    this.lookAgain();
  }

  // Ask what became of the chosen task, again if that has changed.
  async lookAgain() {
    const row = this.table.rows.find((one) => taskKey(one) === this.looked);
    const state = row && `${this.looked}\n${row.state} ${row.start} ${row.end} ${this.past}`;
    if (!row || state === this.seen) return;
    this.seen = state;
    if (this.past) return this.drawMore(row, { nothing: `The task was ${row.state}.`, reasons: [], output: "" });
    const answer = await this.view.ask({ what: "explain_task", job: row.job, task: row.id });
    if (this.seen === state) this.drawMore(row, answer.value || { nothing: answer.error, reasons: [], output: "" });
  }

  drawMore(row, { nothing, reasons, command_line: command, output, files }) {
    const file = (name) => button(name, { class: "bl-link", onclick: () => this.openFile(name) });
    this.more.hidden = false;
    fill(this.more,
      h("div", { class: "bl-crumbs" }, h("b", {}, row.id), h("small", { class: "bl-muted" }, `job ${row.job}`),
        files ? [file("stderr.txt"), file("stdout.txt"), file("files")] : "",
        button("details", { class: "bl-link", onclick: () => this.view.open("selected") }),
        h("span", { class: "bl-space" }),
        button("×", { class: "bl-tool", "aria-label": "close", title: "close", onclick: () => this.forget() })),
      reasons.length ? h("ul", { class: "bl-reasons" }, reasons.map((reason) =>
        h("li", { class: reason.lasting ? "bl-lasting" : "" }, reason.text,
          reason.remedy ? h("div", { class: "bl-remedy" }, reason.remedy) : "")))
        : h("p", { class: "bl-muted" }, nothing),
      output ? lastLines(output, row.id) : "",
      command ? h("p", {}, h("code", {}, command)) : "");
  }

  forget() {
    this.looked = this.seen = "";
    this.more.hidden = true;
    this.table.marked = "";
    this.table.render();
    this.table.element.focus();
  }

  openFile(name) {
    const { memory } = this.view;
    memory.path = "";
    memory.file = name === "files" ? "" : name;
    this.view.open("files");
  }

  // -- several tasks ------------------------------------------------------------------------------

  drawActs() {
    const { everything, chosen, total } = this.table;
    const count = everything ? total : chosen.size;
    this.acts.hidden = this.frozen || !count;
    const key = `${count} ${everything} ${this.sure}`;
    if (this.acts.hidden || this.actsKey === key) return;
    this.actsKey = key;
    const focused = this.acts.contains(document.activeElement) && document.activeElement.dataset.act;
    fill(this.acts, h("b", {}, `${plural(count, "task")} selected`),
      Object.entries(TASK_ACTS).map(([name, label]) => button(
        this.sure === name ? `Delete ${plural(count, "task")}: sure?` : label,
        { class: `bl-tool${this.sure === name ? " bl-sure" : ""}`, "data-act": name, onclick: () => this.act(name) })),
      everything || total <= chosen.size ? "" : button(`select all ${total.toLocaleString("en")}`,
        { class: "bl-link", "data-act": "all", onclick: () => this.table.chooseAll() }),
      button("clear", { class: "bl-link", "data-act": "none", onclick: () => this.table.chooseNone() }));
    if (focused) (this.acts.querySelector(`[data-act=${focused}]`) || this.table.element).focus();
  }

  async act(name) {
    if (name === "delete" && this.sure !== "delete") {
      this.sure = "delete";
      this.drawActs();
      this.acts.querySelector(".bl-sure").addEventListener("blur", () => {
        this.sure = "";
        this.actsKey = "";
        setTimeout(() => this.drawActs()); // after what took the focus has been pressed
      }, { once: true });
      return;
    }
    this.sure = "";
    const { show, search, sort, down } = wishOf(this.view);
    const { job, pool } = tasks.wants(this.view);
    const { everything, chosen } = this.table;
    const which = everything ? { query: { job, pool, show, search, sort, down } } : { tasks: [...chosen.values()] };
    say(this.said, "…");
    const answer = await this.view.ask({ what: "act_on_tasks", do: name, ...which });
    say(this.said, answer.error || answer.value.text);
    if (!answer.error) this.table.chooseNone();
    this.table.element.focus();
  }
}
