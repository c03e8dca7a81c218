// The tasks that had started by a moment, from the log alone: as the kernel lists those of the present.

import { nodeName } from "./format.js";

const THEN_GROUPS = ["failed", "running", "waiting", "succeeded"];
const numbers = new WeakMap(); // log -> the number of each run's task

// Tasks by number, in the order in which they first ran.
function numbered(log) {
  let found = numbers.get(log);
  if (!found || found.generation !== log.generation) {
    found = { generation: log.generation, rows: 0, of: [], names: new Map() };
    numbers.set(log, found);
  }
  const { kind, job } = log.tables.runs;
  for (; found.rows < log.rows.runs; found.rows++) {
    const i = found.rows;
    const name = log.schema.kinds[kind[i]];
    if (name !== "task" && name !== "waiting") {
      found.of.push(-1);
      continue;
    }
    const key = `${job[i]}\n${log.names.labels[i]}`;
    if (!found.names.has(key)) found.names.set(key, found.names.size);
    found.of.push(found.names.get(key));
  }
  return found;
}

// [the last run of each task until a time, how often it had been retried]
function lastRuns(log, time) {
  const { of, names } = numbered(log);
  const last = new Int32Array(names.size).fill(-1);
  const retries = new Uint16Array(names.size);
  const retried = log.schema.outcomes.indexOf("retry");
  const { start } = log.tables.runs;
  for (let i = 0; i < log.rows.runs && start[i] <= time; i++) {
    if (of[i] < 0) continue;
    last[of[i]] = i;
    if (log.endAt[i] <= time && log.outcome[i] === retried) retries[of[i]] += 1;
  }
  return [last, retries];
}

// A row as the kernel sends it, after its group; null if the task had been deleted.
function rowThen(log, run, retries, time) {
  const { start, node, job, kind } = log.tables.runs;
  const over = log.endAt[run] <= time;
  const outcome = over ? log.schema.outcomes[log.outcome[run]] : "";
  const reason = over ? log.names.reasons[log.why[run]] || "" : "";
  if (outcome === "ended" && !reason) return null;
  const failed = outcome === "failure" || outcome === "ended";
  const done = failed || outcome === "success";
  const ready = over ? "active" : log.schema.kinds[kind[run]] === "waiting" ? "preparing" : "running";
  const result = done ? (failed ? "failure" : "success") : null;
  const group = done ? (failed ? 0 : 3) : over ? 2 : 1;
  return [group, log.names.jobs[job[run]], log.names.labels[run], done ? "completed" : ready, result, null,
    done || !over ? log.names.nodes[node[run]] : "", done || ready === "running" ? start[run] : null,
    done ? log.endAt[run] : null, retries, reason];
}

const padded = (text) => text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0"));

// The value of a row by column, for rows as above.
const THEN_KEYS = {
  task: (row) => padded(row[2]), job: (row) => padded(row[1]), state: (row) => row[3], result: (row) => row[4],
  exit: () => null, node: (row) => (row[6] ? padded(nodeName(row[6])) : null), start: (row) => row[7],
  duration: (row, time) => (row[7] === null ? null : (row[8] ?? time) - row[7]), retries: (row) => row[9] || null,
  reason: (row) => row[10] || null,
};

export function inTaskOrder(rows, sort, down, time) {
  if (!sort) return [...rows].sort((a, b) => a[0] - b[0]);
  const pairs = rows.map((row) => [THEN_KEYS[sort](row, time), row]);
  const there = pairs.filter(([key]) => key !== null);
  const sign = down ? -1 : 1;
  there.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0));
  return [...there, ...pairs.filter(([key]) => key === null)].map(([, row]) => row);
}

function matches(row, words) {
  const text = `${row[1]}\n${row[2]}\n${row[10]}\n${row[6]} ${row[6] ? nodeName(row[6]) : ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

// All tasks that a view is about, at the moment it shows.
function tasksAt(view) {
  const { log, snapshot } = view;
  const [jobNumber, poolNumber] = [view.jobNumber(), view.aim.job ? -1 : view.poolNumber()];
  const deleted = log.schema.states.job.indexOf("deleted");
  const there = snapshot.jobs.map((row, job) => row && row.state !== deleted
    && (view.aim.job ? job === jobNumber : poolNumber < 0 || row.pool === poolNumber));
  const [last, retries] = lastRuns(log, snapshot.at);
  const rows = [];
  for (let task = 0; task < last.length; task++) {
    if (last[task] < 0 || !there[log.tables.runs.job[last[task]]]) continue;
    const row = rowThen(log, last[task], retries[task], snapshot.at);
    if (row) rows.push(row);
  }
  let known = 0;
  there.forEach((wanted, job) => {
    if (wanted) known += snapshot.total(job).reduce((sum, count) => sum + count, 0);
  });
  return { rows, unlisted: Math.max(0, known - rows.length) };
}

// The same as the kernel's answer about the present, and how many tasks are `unlisted`.
export function pastTasks(view, { show, search, sort, down, from }) {
  const { log, snapshot } = view;
  const key = JSON.stringify([snapshot.at, log.version, view.pool, show, search, sort, down]);
  if (view.pastTasks?.key !== key) {
    const { rows, unlisted } = tasksAt(view);
    const counts = Object.fromEntries(THEN_GROUPS.map((group, i) => [group, rows.reduce((n, row) => n + (row[0] === i), 0)]));
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const group = THEN_GROUPS.indexOf(show);
    const found = rows.filter((row) => (group < 0 || row[0] === group) && matches(row, words));
    const jobs = new Set(rows.map((row) => row[1])).size;
    view.pastTasks = { key, counts, unlisted, jobs, all: rows.length, found: inTaskOrder(found, sort, down, view.time()) };
  }
  const { counts, unlisted, jobs, all, found } = view.pastTasks;
  const begin = Math.max(0, Math.min(from, found.length - 1));
  return { counts, unlisted, jobs, all, total: found.length, from: begin,
    rows: found.slice(begin, begin + 120).map((row) => row.slice(1)) };
}
