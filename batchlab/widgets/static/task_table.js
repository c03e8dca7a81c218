// A table of tasks, however many there are: only the visible rows exist, and of the others only their
// number is known. It says which rows it lacks (`lacks`), what is wanted in which order (`sort`), which
// task is looked at (`open`) and which are selected (`chosen`).

import { button, fill, h, OWN_KEYS, say } from "./dom.js";
import { clock, duration, nodeName, outcomeOf } from "./format.js";

export const TASK_PAGE = 120; // rows asked for at a time
const TASK_STEP = 40; // a page begins at a multiple of this
const TASK_HEIGHT = 24; // of a row, in pixels: as in style.css
const TASK_END = 8; // characters of an id that are always visible
const TASK_COLUMNS = [
  ["task", "task", "bl-c-task"], ["job", "job", "bl-c-job"], ["state", "state", ""], ["result", "result", ""],
  ["exit", "exit", "bl-number"], ["node", "node", ""], ["start", "start", "bl-number"],
  ["duration", "duration", "bl-number"], ["retries", "retries", "bl-number"],
  ["reason", "reason", "bl-c-why"],
];

// A row as the kernel sends it.
export function taskRow([job, id, state, result, exit, node, start, end, retries, reason]) {
  return { job, id, state, result, exit, node, start, end, retries, reason };
}

export const taskKey = (row) => `${row.job}\n${row.id}`;

// What stands in each column.
export function taskCells(row, now) {
  return [row.id, row.job, row.state, outcomeOf(row.result),
    row.exit ?? "", row.node ? nodeName(row.node) : "", clock(row.start ?? NaN),
    row.start === null ? "" : duration(Math.max(0, (row.end ?? now) - row.start)), row.retries || "", row.reason].map(String);
}

// Where the page should begin that has the rows from `first` to `last`.
export function pageFor(first, last) {
  const middle = (first + last) / 2;
  return Math.max(0, Math.round((middle - TASK_PAGE / 2) / TASK_STEP) * TASK_STEP);
}

export class TaskTable {
  constructor(name, acts) {
    this.name = name;
    this.acts = acts;
    this.total = 0;
    this.from = 0;
    this.rows = [];
    this.active = -1;
    this.anchor = -1;
    this.chosen = new Map();
    this.everything = false; // all that the table lists, known or not
    this.elements = new Map();
    this.heads = TASK_COLUMNS.map(([column, title, look]) => h("div", { role: "columnheader", class: look },
      button(title, { class: "bl-sort", title: column === "exit" ? "exit code" : false, tabindex: -1, onclick: () => acts.sort(column) })));
    this.corner = h("div", { role: "columnheader", class: "bl-pick" }, h("span", { class: "bl-hidden" }, "selected"));
    this.body = h("div", { role: "rowgroup", class: "bl-task-rows" });
    this.element = h("div", { class: "bl-task-table", role: "grid", tabindex: 0, "aria-multiselectable": "true",
      ...OWN_KEYS, onscroll: () => this.scrolled(), onkeydown: (event) => this.key(event) },
    h("div", { role: "rowgroup", class: "bl-task-head" },
      h("div", { role: "row", class: "bl-task-row" }, this.corner, this.heads)),
    this.body);
    this.body.addEventListener("click", (event) => this.click(event));
    new ResizeObserver(() => this.scrolled()).observe(this.element);
  }

  // A page of rows has come.
  show({ total, from, rows, sort, down, jobs, label, now, frozen, marked }) {
    Object.assign(this, { total, from, rows, now, frozen, marked });
    this.element.setAttribute("aria-rowcount", total + 1);
    this.element.setAttribute("aria-label", label);
    this.element.classList.toggle("bl-one-job", jobs < 2);
    this.element.classList.toggle("bl-frozen", frozen);
    this.heads.forEach((head, i) => {
      const here = TASK_COLUMNS[i][0] === sort;
      head.setAttribute("aria-sort", here ? (down ? "descending" : "ascending") : "none");
    });
    this.body.style.height = `${Math.max(1, total) * TASK_HEIGHT}px`;
    if (this.active >= total) this.active = total - 1;
    this.render();
  }

  row(index) {
    return this.rows[index - this.from];
  }

  visible() {
    const { clientHeight, scrollTop } = this.element;
    if (clientHeight) this.window = { clientHeight, scrollTop }; // notebooks hide their cells for moments
    if (!this.window) return [0, 0];
    const first = Math.floor(this.window.scrollTop / TASK_HEIGHT);
    const room = Math.ceil(this.window.clientHeight / TASK_HEIGHT);
    return [first, Math.min(this.total, first + room)];
  }

  scrolled() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.render();
    });
  }

  render() {
    const [first, end] = this.visible();
    const spare = []; // rows that are no longer visible become others
    for (const [index, element] of this.elements) {
      if (index >= first && index < end) continue;
      this.elements.delete(index);
      spare.push(element);
    }
    for (let index = first; index < end; index++) this.draw(index, spare);
    for (const element of spare) element.remove();
    const shown = this.elements.get(this.active);
    if (shown) this.element.setAttribute("aria-activedescendant", shown.id);
    else this.element.removeAttribute("aria-activedescendant");
    if (end > first && (first < this.from || end > this.from + this.rows.length)) this.acts.lacks(pageFor(first, end));
  }

  draw(index, spare) {
    const element = this.elements.get(index) || this.place(index, spare.pop() || this.make());
    const row = this.row(index);
    const cells = row ? taskCells(row, this.now) : TASK_COLUMNS.map(() => "");
    const chosen = Boolean(row) && (this.everything || this.chosen.has(taskKey(row)));
    element.setAttribute("aria-selected", String(chosen));
    element.classList.toggle("bl-active", index === this.active);
    element.classList.toggle("bl-marked", Boolean(row) && taskKey(row) === this.marked);
    element.title = row ? [row.id, row.reason].filter(Boolean).join(": ") : "";
    const [begin, end] = element.children[1].children; // ids differ at their end, which stays visible
    element.children[1].setAttribute("aria-label", cells[0]); // one word, also for those who hear it
    say(begin, cells[0].slice(0, -TASK_END));
    say(end, cells[0].slice(-TASK_END));
    [...element.children].slice(2).forEach((cell, i) => say(cell.firstChild, cells[i + 1]));
    element.children[4].firstChild.className = row && row.result ? `bl-mark bl-${row.result}` : "";
  }

  place(index, element) {
    element.id = `${this.name}-${index}`;
    element.dataset.index = index;
    element.setAttribute("aria-rowindex", index + 2);
    element.style.top = `${index * TASK_HEIGHT}px`;
    this.elements.set(index, element);
    return element;
  }

  make() {
    const element = h("div", { role: "row", class: "bl-task-row" },
      h("div", { role: "gridcell", class: "bl-pick" }, h("span", { class: "bl-tick", "aria-hidden": "true" })),
      TASK_COLUMNS.map(([, , look], i) => h("div", { role: i ? "gridcell" : "rowheader", class: look }, h("span", {}), i ? "" : h("span", {}))));
    this.body.append(element);
    return element;
  }

  click(event) {
    const place = event.target.closest("[data-index]");
    if (!place) return;
    const index = Number(place.dataset.index);
    if (event.shiftKey) this.range(index);
    else if (event.ctrlKey || event.metaKey || event.target.closest(".bl-pick")) this.toggle(index);
    else this.open(index);
  }

  key(event) {
    if (event.target !== this.element) return;
    const [first, end] = this.visible();
    const page = Math.max(1, end - first - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.total, End: this.total };
    const step = steps[event.key];
    if (step) {
      const to = Math.max(0, Math.min(this.total - 1, this.active + step));
      if (event.shiftKey) this.range(to);
      else this.move(to);
    } else if (event.key === "Enter") this.open(this.active);
    else if (event.key === " ") this.toggle(this.active);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.chooseAll();
    else if (event.key === "Escape" && (this.everything || this.chosen.size)) this.chooseNone();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  move(index) {
    this.active = index;
    const top = index * TASK_HEIGHT;
    const room = this.element.clientHeight - TASK_HEIGHT - 2; // the head is always there
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top + TASK_HEIGHT > this.element.scrollTop + room) this.element.scrollTop = top + TASK_HEIGHT - room;
    this.render();
  }

  open(index) {
    const row = this.row(index);
    if (!row) return;
    this.move(index);
    this.anchor = index;
    this.acts.open(row);
  }

  // -- what is selected ---------------------------------------------------------------------------

  toggle(index) {
    const row = this.row(index);
    if (!row || this.frozen) return;
    if (this.everything) this.chosen = new Map(this.rows.map((one) => [taskKey(one), [one.job, one.id]]));
    this.everything = false;
    if (!this.chosen.delete(taskKey(row))) this.chosen.set(taskKey(row), [row.job, row.id]);
    this.anchor = index;
    this.move(index);
    this.acts.chosen();
  }

  range(index) {
    if (this.frozen) return this.move(index);
    const begin = this.anchor < 0 ? Math.max(0, this.active) : this.anchor;
    this.anchor = begin;
    for (let i = Math.min(begin, index); i <= Math.max(begin, index); i++) {
      const row = this.row(i);
      if (row) this.chosen.set(taskKey(row), [row.job, row.id]);
    }
    this.move(index);
    this.acts.chosen();
  }

  chooseAll() {
    if (this.frozen || !this.total) return;
    this.everything = true;
    this.chosen.clear();
    this.render();
    this.acts.chosen();
  }

  chooseNone() {
    this.everything = false;
    this.chosen.clear();
    this.render();
    this.acts.chosen();
  }
}
