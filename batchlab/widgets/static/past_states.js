// The state of a node, a task or a job's preparation at a past moment, from the log alone.

import { nodeName } from "./format.js";
import { reasonOf, waitsAt } from "./past_waits.js";

const QUEUED_AGAIN = ["retry", "requeued", "lost"];

// A run as it was at a time.
function runThen(log, run, time) {
  const { start, node, job, attempt, kind } = log.tables.runs;
  const over = log.endAt[run] <= time;
  return {
    kind: log.schema.kinds[kind[run]], node: node[run], job: job[run], task: log.names.labels[run],
    start: start[run], seconds: (over ? log.endAt[run] : time) - start[run], attempt: attempt[run],
    outcome: over ? log.schema.outcomes[log.outcome[run]] : "",
    why: over ? log.names.reasons[log.why[run]] || "" : "",
  };
}

function* runsUntil(log, time) {
  const { start } = log.tables.runs;
  for (let i = 0, n = log.rows.runs; i < n && start[i] <= time; i++) yield i;
}

// What a node did at a moment; null if it did not exist.
export function nodeAt(log, snapshot, node) {
  const state = log.schema.states.node[snapshot.state[node]];
  if (!state || state === "deleted") return null;
  const nodeTasks = new Map(); // the last of each kind and job
  const now = [];
  let done = 0;
  for (const i of runsUntil(log, snapshot.at)) {
    if (log.tables.runs.node[i] !== node) continue;
    const run = runThen(log, i, snapshot.at);
    if (run.kind in log.schema.node_tasks) {
      nodeTasks.set(`${run.kind} ${run.job}`, run);
    } else if (!run.outcome) now.push(run);
    else if (run.kind !== "waiting") done += 1;
  }
  return { state, since: snapshot.since[node], used: snapshot.used[node], now, done, nodeTasks: [...nodeTasks.values()] };
}

// A task: its runs up to the moment, its state then, and why it was not running.
//
// The log contains nothing about a task that only waits for a node: `known` is what the kernel knows,
// when it was `created` and reached its `end`, and what it `depends_on`; null until it has answered.
export function taskAt(log, snapshot, job, task, known = null) {
  const runs = [];
  for (const i of runsUntil(log, snapshot.at)) {
    if (log.names.labels[i] === task && log.tables.runs.job[i] === job) {
      runs.push(runThen(log, i, snapshot.at));
    }
  }
  const own = runs.filter((run) => run.kind !== "subtask");
  const shown = runs.filter((run) => run.kind !== "waiting" || !run.outcome);
  return { runs: shown, ...stateThen(log, snapshot, job, task, known, own[own.length - 1]) };
}

function stateThen(log, snapshot, job, task, known, last) {
  const time = snapshot.at;
  const on = last && nodeName(log.names.nodes[last.node]);
  if (last && !last.outcome) {
    if (last.kind !== "waiting") return { state: "running", since: last.start, why: "" };
    return { state: "preparing", since: last.start,
      why: `It had its slots on ${on}, but ${log.schema.waits.preparation}.` };
  }
  if (last && !QUEUED_AGAIN.includes(last.outcome)) {
    return { state: "completed", since: last.start + last.seconds, why: "" };
  }
  const row = snapshot.jobs[job];
  const state = row ? log.schema.states.job[row.state] : "deleted";
  if (state === "deleted" || (known && known.created > time)) {
    return { state: "not created yet", since: NaN, why: "" };
  }
  if (known && known.end <= time && known.end !== null) {
    return { state: "completed", since: known.end, why: "It never ran." };
  }
  const again = last && last.start + last.seconds;
  return queuedThen(log, snapshot, job, state, holdOf(log, job, task, time), known, again);
}

function queuedThen(log, snapshot, job, state, hold, known, again) {
  const since = Math.max(...[known && known.created, again, hold && hold.until].filter(Boolean));
  const sure = Boolean(known || hold || again);
  const there = { state: sure ? "active" : "not on a node", since };
  const waits = (reason) => ({ ...there, why: `${capital(log.schema.waits[reason])}.` });
  const { held, going } = log.schema.groups.job;
  if (held.includes(state)) return waits("disabled");
  if (!going.includes(state)) {
    return { ...there, why: `Its job was ${state}: tasks that were still queued never ran.` };
  }
  if (hold && !hold.until) {
    const said = waits("dependencies");
    const missing = known ? missingThen(log, job, known.depends_on || [], snapshot.at) : [];
    if (missing.length) said.why = `${said.why.slice(0, -1)}: ${missing.join(", ")}.`;
    return { ...said, since: hold.at };
  }
  if (!sure) {
    return { ...there, why: "It was queued, or not added yet." };
  }
  const { pool } = snapshot.jobs[job];
  return waits(reasonOf(log, waitsAt(log, snapshot, { job }).find((one) => one.pool === pool)));
}

// Those of some tasks of a job that had not succeeded by a time, with their states: "a (running)".
function missingThen(log, job, names, time) {
  const last = new Map(names.map((name) => [name.toLowerCase(), -1]));
  for (const i of runsUntil(log, time)) {
    if (log.tables.runs.job[i] !== job || log.schema.kinds[log.tables.runs.kind[i]] !== "task") continue;
    const name = log.names.labels[i].toLowerCase();
    if (last.has(name)) last.set(name, i);
  }
  return names.map((name) => {
    const run = last.get(name.toLowerCase());
    if (run < 0) return /^\d+-\d+$/.test(name) ? name : `${name} (had not run)`;
    const { outcome } = runThen(log, run, time);
    return outcome === "success" ? "" : `${name} (${log.schema.runs[outcome || "running"].label})`;
  }).filter(Boolean);
}

// The last wait of a task for others that had started by a time: from when until when.
function holdOf(log, job, task, time) {
  const holds = log.tables.holds;
  let found = null;
  for (let i = 0, n = log.rows.holds; i < n && holds.at[i] <= time; i++) {
    if (holds.job[i] !== job || log.names.held[i] !== task) continue;
    found = { at: holds.at[i], until: log.freedAt[i] <= time ? log.freedAt[i] : 0 };
  }
  return found;
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

// Preparation and release of a job at a time, by node; by default of the latest job that had any.
export function nodeTasksAt(log, job, time) {
  let wanted = job;
  const found = [];
  for (const i of runsUntil(log, time)) {
    const run = runThen(log, i, time);
    if (run.kind !== "jobpreparation" && run.kind !== "jobrelease") continue;
    found.push(run);
    if (job < 0) wanted = run.job;
  }
  const rows = new Map();
  for (const run of found) {
    if (run.job !== wanted) continue;
    const row = rows.get(run.node) || { node: run.node };
    row[run.kind] = run;
    rows.set(run.node, row);
  }
  return { job: wanted, rows: [...rows.values()] };
}
