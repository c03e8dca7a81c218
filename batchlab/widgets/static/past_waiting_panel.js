// What waited at a past moment and why, with the numbers of that moment.

import { fill, h } from "./dom.js";
import { clock, plural } from "./format.js";
import { headingOf } from "./panels.js";
import { taskAt } from "./past_states.js";
import { waitsAt } from "./past_waits.js";

export function waitingThen(body, view) {
  const { log, snapshot } = view;
  const target = view.target();
  if (target.task) return taskWaited(body, view, target);
  const job = target.job ? log.names.jobs.indexOf(target.job) : -1;
  const pool = target.pool && job < 0 ? log.names.pools.indexOf(target.pool) : -1;
  const title = target.job ? `Job ${target.job}` : target.pool ? `Pool ${target.pool}` : "The whole lab";
  if (!wasThere(view, target, job, pool)) return fill(body, headingOf(view, title), muted("It did not exist then."));
  const parts = waitsAt(log, snapshot, { job, pool });
  const waits = parts.flatMap((one) => one.waits).filter(({ reason }) => reason !== "preparation");
  const waited = Math.round(waits.reduce((sum, { tasks }) => sum + tasks, 0));
  const shown = target.job || target.pool ? parts : parts.filter((one) => one.waits.length || isTroubled(log, one));
  return fill(body,
    headingOf(view, waited ? `${title}: ${waited.toLocaleString("en")} waiting` : title),
    parts.some((one) => one.waits.length) ? "" : muted("Nothing was waiting."),
    shown.map((one) => partOf(view, one, job)));
}

// The selected task: its state then, and why it was not running.
function taskWaited(body, view, { job, task }) {
  const { log, snapshot } = view;
  const number = log.names.jobs.indexOf(job);
  const found = taskAt(log, snapshot, number, task, knownOf(view));
  const pools = found.why && found.state !== "not there" ? waitsAt(log, snapshot, { job: number }) : [];
  fill(body, headingOf(view, `Task ${task}`),
    h("p", { class: "bl-summary" }, stateOf(found)),
    found.why ? h("ul", { class: "bl-reasons" }, h("li", {}, found.why)) : muted("Nothing held it back."),
    pools.map((one) => [h("h5", {}, nameOf(log, one)), muted(lineOf(log, one))]));
}

// What the kernel said about the task of the open panel; null before that.
export function knownOf(view) {
  const value = view.value && view.value.value;
  return value && value.created ? value : null;
}

// "active, since 09:03:10"
export function stateOf(found) {
  return Number.isFinite(found.since) ? `${found.state}, since ${clock(found.since)}` : found.state;
}

function muted(text) {
  return h("p", { class: "bl-muted" }, text);
}

function wasThere({ log, snapshot }, target, job, pool) {
  const { states } = log.schema;
  if (target.job) return Boolean(snapshot.jobs[job]) && states.job[snapshot.jobs[job].state] !== "deleted";
  if (target.pool) return Boolean(snapshot.pools[pool]) && states.pool[snapshot.pools[pool].state] !== "deleted";
  return true;
}

function isTroubled(log, one) {
  return one.taking < nodesOf(one) || (one.size && log.schema.states.allocation[one.size.allocation] !== "steady");
}

function nodesOf(one) {
  return Object.values(one.nodes).reduce((sum, count) => sum + count, 0);
}

function nameOf(log, one) {
  const name = log.names.pools[one.pool];
  return name ? `Pool ${name}` : "No pool";
}

// "12 of 16 nodes: 10 took tasks, 2 starting; 18 of 20 slots in use; resizing"
export function lineOf(log, one) {
  if (!one.there) return log.names.pools[one.pool] ? "It did not exist then." : "";
  const { size } = one;
  const there = nodesOf(one);
  const states = Object.entries(one.nodes).filter(([state]) => !log.schema.groups.node.taking.includes(state))
    .map(([state, count]) => `${count.toLocaleString("en")} ${log.schema.nodes[state].label}`);
  const took = one.taking ? [`${one.taking.toLocaleString("en")} took tasks`] : [];
  const parts = [`${there.toLocaleString("en")} of ${plural(size.target + size.spot, "node")}`
    + (there ? `: ${[...took, ...states].join(", ")}` : "")];
  if (one.slots) parts.push(`${one.used.toLocaleString("en")} of ${plural(one.slots, "slot")} in use`);
  const doing = log.schema.states.pool[size.state] === "active"
    ? log.schema.states.allocation[size.allocation] : log.schema.states.pool[size.state];
  if (doing !== "steady") parts.push(doing);
  return parts.join("; ");
}

function partOf(view, one, job) {
  const { log } = view;
  return [h("h5", {}, nameOf(log, one)), muted(lineOf(log, one)),
    h("ul", { class: "bl-reasons" }, togetherOf(one.waits).map((wait) => waitOf(view, one, wait, job)))];
}

// Slots taken by other jobs are shown together with all taken slots.
function togetherOf(waits) {
  const by = (reason) => waits.find((wait) => wait.reason === reason);
  const [own, others] = [by("slots"), by("others")];
  const known = waits.filter((wait) => wait !== others || !own).map((wait) => (
    wait === own && others ? { ...own, tasks: own.tasks + others.tasks } : wait));
  return known.sort((a, b) => b.tasks - a.tasks);
}

function waitOf(view, one, wait, job) {
  const { log, snapshot } = view;
  const told = [];
  const others = one.used - one.own;
  if (wait.reason === "slots" && others) told.push(`${others.toLocaleString("en")} of them by other jobs`);
  if (wait.reason === "disabled" && wait.jobs.size === 1) {
    told.push(`since ${clock(snapshot.jobs[[...wait.jobs.keys()][0]].since)}`);
  }
  if (job < 0) told.push(jobsOf(log, wait.jobs));
  const of = wait.example && log.names.jobs[wait.example.job];
  const example = of && ["such as ", h("button", {
    type: "button", class: "bl-link", onclick: () => view.selectTask(of, wait.example.task),
  }, wait.example.task)];
  return h("li", {}, h("b", {}, `${plural(Math.round(wait.tasks), "task")}: `), log.schema.waits[wait.reason],
    h("small", { class: "bl-muted bl-wait-detail" }, told.join(" · "), told.length && example ? " · " : "", example || ""));
}

// "frames 80, scan 40 and 3 more jobs"; the name alone of a single one.
function jobsOf(log, jobs) {
  const most = [...jobs].sort((a, b) => b[1] - a[1]);
  if (most.length === 1) return log.names.jobs[most[0][0]];
  const told = most.slice(0, 3).map(([job, tasks]) => `${log.names.jobs[job]} ${Math.round(tasks).toLocaleString("en")}`);
  return told.join(", ") + (most.length > 3 ? ` and ${most.length - 3} more jobs` : "");
}
