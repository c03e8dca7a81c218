// Panels at a moment of the past: what the log itself tells, without asking the kernel.
//
// `nodeAt`, `taskAt` and `hooksAt` find what was so at a time; the rest draws it. What the log does
// not hold (command lines, exit codes, files, reasons) is for the present only.

import { fill, h, say } from "./dom.js";
import { clock, duration, NODE_LOOK, nodeName } from "./format.js";
import { pairs } from "./panels.js";

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

// What a node did at the moment; null if it was not there.
export function nodeAt(log, moment, node) {
  const state = log.schema.node_states[moment.state[node]];
  if (!state || state === "deleted") return null;
  const hooks = new Map(); // the last of each kind and job
  const now = [];
  let done = 0;
  for (const i of runsUntil(log, moment.at)) {
    if (log.tables.runs.node[i] !== node) continue;
    const run = runThen(log, i, moment.at);
    if (run.kind === "starttask" || run.kind === "jobpreparation" || run.kind === "jobrelease") {
      hooks.set(`${run.kind} ${run.job}`, run);
    } else if (!run.outcome) now.push(run);
    else if (run.kind !== "waiting") done += 1;
  }
  return { state, since: moment.since[node], used: moment.used[node], now, done, hooks: [...hooks.values()] };
}

// The runs that a task had had by a time, and the state that it was in.
export function taskAt(log, job, task, time) {
  const runs = [];
  for (const i of runsUntil(log, time)) {
    if (log.names.labels[i] === task && log.tables.runs.job[i] === job) runs.push(runThen(log, i, time));
  }
  const own = runs.filter((run) => run.kind !== "subtask");
  const last = own[own.length - 1];
  let state = "not on a node yet";
  if (last && !last.outcome) state = last.kind === "waiting" ? "preparing" : "running";
  else if (last) state = QUEUED_AGAIN.includes(last.outcome) ? "active, queued again" : "completed";
  return { state, runs: runs.filter((run) => run.kind !== "waiting" || !run.outcome) };
}

// Preparation and release of a job at a time, by node; of the latest job that had any without one.
export function hooksAt(log, job, time) {
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

function toldOf(run) {
  const name = run.outcome || "running";
  return [h("span", { class: `bl-mark bl-${name}` }, name), ` ${duration(run.seconds)}`,
    run.attempt ? `, attempt ${run.attempt + 1}` : "", run.why ? h("small", { class: "bl-muted" }, ` ${run.why}`) : ""];
}

function headingOf(view, name) {
  return h("h4", {}, name, h("small", { class: "bl-then" }, `as it was at ${clock(view.moment.at)}`));
}

function nodeThen(body, view, name) {
  const { log } = view;
  const number = log.names.nodes.indexOf(name);
  const node = nodeAt(log, view.moment, number);
  if (!node) return fill(body, headingOf(view, nodeName(name)), h("p", { class: "bl-muted" }, "It was not there."));
  const task = (run) => h("div", {}, h("button", {
    type: "button", class: "bl-link", onclick: () => view.selectTask(log.names.jobs[run.job], run.task),
  }, `${log.names.jobs[run.job]} / ${run.task}`), run.kind === "waiting" ? " waits for preparation" : "");
  const hooks = (kind) => node.hooks.filter((run) => run.kind === kind)
    .map((run) => h("div", {}, log.names.jobs[run.job] || "", " ", toldOf(run)));
  return fill(body, headingOf(view, nodeName(name)), pairs([
    ["State", `${NODE_LOOK[node.state][2]}, since ${clock(node.since)}`],
    ["Kind", log.tables.nodes.dedicated[number] ? "dedicated" : "spot"],
    ["Slots", `${node.used} of ${view.lanesOf(number)} in use`],
    ["Tasks run", String(node.done)],
    ["Ran then", node.now.length ? node.now.map(task) : "nothing"],
    ["Start task", hooks("starttask")],
    ["Prepared for", hooks("jobpreparation")],
    ["Released", hooks("jobrelease")],
  ]));
}

function taskThen(body, view, { job, task }) {
  const { log } = view;
  const found = taskAt(log, log.names.jobs.indexOf(job), task, view.moment.at);
  return fill(body, headingOf(view, task), pairs([
    ["Job", job], ["State", found.state],
    ...found.runs.sort((a, b) => a.start - b.start || (a.kind > b.kind ? -1 : 1)).map((run) => [run.kind === "subtask" ? "Subtask" : run.kind === "waiting" ? "Waits" : "Run",
      h("div", {}, `${nodeName(log.names.nodes[run.node])}, from ${clock(run.start)} `, toldOf(run))]),
  ]));
}

function hooksThen(body, view) {
  const { log } = view;
  const wanted = view.target().job;
  const found = hooksAt(log, wanted ? log.names.jobs.indexOf(wanted) : -1, view.moment.at);
  if (!found.rows.length) {
    return fill(body, headingOf(view, wanted ? `Job ${wanted}` : "Preparation"),
      h("p", { class: "bl-muted" }, "Nothing had been prepared yet."));
  }
  const cell = (run) => (run ? toldOf(run) : h("span", { class: "bl-muted" }, "–"));
  return fill(body, headingOf(view, `Job ${log.names.jobs[found.job]}`),
    h("table", { class: "bl-table" }, h("caption", { class: "bl-hidden" }, "preparation and release by node"),
      h("thead", {}, h("tr", {}, ["node", "preparation", "release"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, found.rows.slice(0, 200).map((row) => h("tr", {},
        h("th", { scope: "row" }, nodeName(log.names.nodes[row.node])),
        h("td", {}, cell(row.jobpreparation)), h("td", {}, cell(row.jobrelease)))))));
}

// Whether the moment is another one than when this was last asked.
export function movedOn(view) {
  const key = Number.isFinite(view.moment.at) ? `${view.moment.at} ${view.log.version}` : "";
  const moved = key !== (view.memory.moment ?? "");
  view.memory.moment = key;
  return moved;
}

// Draw the open panel as of a moment of the past. False if it is to show the present: because the
// view does, or, and then the panel says so, because it can show nothing else.
export function drawPast(view) {
  const past = Number.isFinite(view.moment.at);
  const then = past && drawThen(view.body, view);
  say(view.present, past && !then ? `Now, at ${clock(view.now())}: not the moment shown.` : "");
  return then;
}

function drawThen(body, view) {
  const scroll = body.scrollTop;
  if (view.tab === "hooks") hooksThen(body, view);
  else if (view.tab !== "selected") return false;
  else {
    const subject = view.subject();
    if (!subject) fill(body, h("p", { class: "bl-empty" }, "Click a node or a bar to see what it was at this moment."));
    else if (subject.what === "node") nodeThen(body, view, subject.node);
    else taskThen(body, view, subject);
  }
  body.scrollTop = scroll;
  return true;
}
