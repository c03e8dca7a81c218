// Panels at a past moment: drawn from the log, without asking the kernel.
//
// What the log does not contain (command lines, exit codes, files) is shown for the present only.

import { fill, h, say } from "./dom.js";
import { clock, duration, nodeName, outcomeOf } from "./format.js";
import { headingOf, pairs } from "./panels.js";
import { nodeTasksAt, nodeAt, taskAt } from "./past_states.js";
import { tasksThen } from "./task_panel.js";
import { knownOf, stateOf, waitingThen } from "./past_waiting_panel.js";

function toldOf(run) {
  const name = run.outcome || "running";
  return [h("span", { class: `bl-mark bl-${name}` }, outcomeOf(name)), ` ${duration(run.seconds)}`,
    run.attempt ? `, attempt ${run.attempt + 1}` : "", run.why ? h("small", { class: "bl-muted" }, ` ${run.why}`) : ""];
}

function nodeThen(body, view, name) {
  const { log } = view;
  const number = log.names.nodes.indexOf(name);
  const node = nodeAt(log, view.snapshot, number);
  if (!node) return fill(body, headingOf(view, nodeName(name)), h("p", { class: "bl-muted" }, "It did not exist then."));
  const task = (run) => h("div", {}, h("button", {
    type: "button", class: "bl-link", onclick: () => view.selectTask(log.names.jobs[run.job], run.task),
  }, `${log.names.jobs[run.job]} / ${run.task}`), run.kind === "waiting" ? " waiting for preparation" : "");
  const nodeTasks = (kind) => node.nodeTasks.filter((run) => run.kind === kind)
    .map((run) => h("div", {}, log.names.jobs[run.job] || "", " ", toldOf(run)));
  return fill(body, headingOf(view, nodeName(name)), pairs([
    ["State", `${log.schema.nodes[node.state].label}, since ${clock(node.since)}`],
    ["Kind", log.tables.nodes.dedicated[number] ? "dedicated" : "spot"],
    ["Slots", `${node.used} of ${view.lanesOf(number)} in use`],
    ["Tasks run", String(node.done)],
    ["Running tasks", node.now.length ? node.now.map(task) : "none"],
    ["Start task", nodeTasks("starttask")],
    ["Prepared for", nodeTasks("jobpreparation")],
    ["Released", nodeTasks("jobrelease")],
  ]));
}

function taskThen(body, view, { job, task }) {
  const { log } = view;
  const found = taskAt(log, view.snapshot, log.names.jobs.indexOf(job), task, knownOf(view));
  return fill(body, headingOf(view, task), pairs([
    ["Job", job], ["State", stateOf(found)], ["Why", found.why],
    ...found.runs.sort((a, b) => a.start - b.start || (a.kind > b.kind ? -1 : 1)).map((run) => [run.kind === "subtask" ? "Subtask" : run.kind === "waiting" ? "Waiting" : "Run",
      h("div", {}, `${nodeName(log.names.nodes[run.node])}, from ${clock(run.start)} `, toldOf(run))]),
  ]));
}

function nodeTasksThen(body, view) {
  const { log } = view;
  const wanted = view.target().job;
  const found = nodeTasksAt(log, wanted ? log.names.jobs.indexOf(wanted) : -1, view.snapshot.at);
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

// Whether the moment has changed since the last call.
export function movedOn(view) {
  const key = Number.isFinite(view.snapshot.at) ? `${view.snapshot.at} ${view.log.version}` : view.log.ended;
  const moved = key !== (view.memory.snapshot ?? "");
  view.memory.snapshot = key;
  return moved;
}

// Draw the open panel as of a past moment, or of the end, when the kernel answers no more. False if it
// should show the present: because the view does, or because the panel cannot show anything else, which
// it then says.
export function drawPast(view) {
  const { snapshot } = view;
  const past = Number.isFinite(snapshot.at);
  const over = !past && view.ending.why() && !view.ending.last(true);
  const draw = (past || over) && THEN[view.tab];
  tellPresent(view, past && !draw);
  if (!draw) return false;
  const scroll = view.body.scrollTop;
  const { at } = snapshot;
  if (over) snapshot.at = view.log.now; // all that is known
  view.atEnd = Boolean(over);
  try {
    draw(view.body, view);
  } finally {
    snapshot.at = at;
    view.atEnd = false;
  }
  view.body.scrollTop = scroll;
  return true;
}

const THEN = { selected: selectedThen, tasks: tasksThen, waiting: waitingThen, preparation: nodeTasksThen };

// Say that a panel shows the present while the pictures do not, and offer a way back.
function tellPresent(view, does) {
  const { ended } = view.log;
  view.present.hidden = !does || (view.tab === "faults" && Boolean(ended)); // nothing can be done
  if (!does) return;
  const at = clock(view.now());
  say(view.presentSaid, view.tab === "faults"
    ? `Faults happen now, at ${at}, not at the moment shown. `
    : `Files of the past are not kept: these are the files ${ended ? "at the end" : "of now"}, at ${at}. `);
  say(view.presentBack, ended ? "Go to the end" : "Go to the present");
}

// A whole lab, pool or job.
function aboutThen(body, view) {
  const { log, snapshot, kind, aim } = view;
  const pool = view.poolNumber();
  const title = kind === "job" ? `Job ${aim.job}` : pool >= 0 ? `Pool ${log.names.pools[pool]}` : "The whole lab";
  const states = log.schema.states.node;
  const counts = new Map();
  for (const node of view.nodesNow(states.indexOf("deleted"))) {
    const { label } = log.schema.nodes[states[snapshot.state[node]]];
    counts.set(label, (counts.get(label) || 0) + 1);
  }
  const nodes = [...counts].map(([label, count]) => `${count.toLocaleString("en")} ${label}`).join(", ");
  const begin = log.begin();
  return fill(body, headingOf(view, title), pairs([
    ["Nodes", nodes || "none"], ["Tasks", view.header.words()],
    ["Began", clock(begin)], ["Lasted", duration(Math.max(0, snapshot.at - begin))],
  ]), h("p", { class: "bl-hint" }, "Click a node or a bar to see its details at this moment."));
}

function selectedThen(body, view) {
  const subject = view.subject();
  if (!subject) aboutThen(body, view);
  else if (subject.what === "node") nodeThen(body, view, subject.node);
  else taskThen(body, view, subject);
}
