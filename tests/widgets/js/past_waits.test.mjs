// What waited in the past: run by `node --test` on a lab's story, with what reports say of it, see
// test_past_waits.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const from = (name) => import(pathToFileURL(`${process.env.BATCHLAB_SCRIPTS}/${name}.js`));
const { Log } = await from("log");
const { Snapshot } = await from("snapshot");
const { waitsAt } = await from("past_waits");
const { taskAt } = await from("past_states");
const { lineOf } = await from("past_waiting_panel");

const story = process.env.BATCHLAB_STORY;
const { schema, whole, moments } = JSON.parse(readFileSync(`${story}/story.json`, "utf8"));
const data = readFileSync(`${story}/whole.bin`);
const log = new Log(schema);
assert.ok(log.append(whole, new DataView(data.buffer, data.byteOffset, data.length)));

function subject({ kind, name }) {
  if (kind === "lab") return {};
  return { [kind]: log.names[`${kind}s`].indexOf(name) };
}

test("the page finds what the reports say", () => {
  const snapshot = new Snapshot(log);
  for (const told of moments) {
    const found = Object.fromEntries(Object.keys(schema.waits).map((reason) => [reason, 0]));
    for (const one of waitsAt(log, snapshot.seek(told.at), subject(told))) {
      for (const { reason, tasks, jobs } of one.waits) {
        found[reason] += tasks;
        assert.ok(Math.abs([...jobs.values()].reduce((a, b) => a + b) - tasks) < 1e-9);
      }
    }
    for (const [reason, tasks] of Object.entries(told.waits)) {
      const where = `${told.kind} ${told.name} at ${told.at}: ${reason}`;
      assert.ok(Math.abs(found[reason] - tasks) < 1e-6, `${where}: ${found[reason]}, not ${tasks}`);
    }
  }
  assert.ok(moments.length > 100);
});

test("a task that waited for others says so, for as long as it did", () => {
  const snapshot = new Snapshot(log);
  const { at, job } = log.tables.holds;
  const said = `${schema.waits.dependencies[0].toUpperCase()}${schema.waits.dependencies.slice(1)}.`;
  let seen = 0;
  for (let i = 0; i < log.rows.holds; i++) {
    const until = Number.isNaN(log.freedAt[i]) ? log.now : log.freedAt[i];
    const then = (time) => taskAt(log, snapshot.seek(time), job[i], log.names.held[i]);
    const during = then((at[i] + until) / 2);
    const state = schema.states.job[snapshot.jobs[job[i]].state];
    if (!schema.groups.job.going.includes(state)) assert.notEqual(during.why, said);
    else {
      assert.deepEqual([during.state, during.since, during.why], ["active", at[i], said]);
      seen += 1;
    }
    if (until === log.freedAt[i]) assert.notEqual(then(until).why, said);
  }
  assert.ok(seen > 0);
});

test("a task that waited for others names those that had not succeeded", () => {
  const snapshot = new Snapshot(log);
  const { at, job } = log.tables.holds;
  const done = (i, name) => { // when it had succeeded
    for (let run = 0; run < log.rows.runs; run++) {
      if (log.names.labels[run] !== name || log.tables.runs.job[run] !== job[i]) continue;
      if (schema.outcomes[log.outcome[run]] === "success" && log.endAt[run] > 0
        && schema.kinds[log.tables.runs.kind[run]] === "task") return log.endAt[run];
    }
    return Infinity;
  };
  const parents = [...new Set(log.names.labels)].filter(Boolean);
  let seen = 0;
  for (let i = 0; i < log.rows.holds; i++) {
    const then = taskAt(log, snapshot.seek(at[i]), job[i], log.names.held[i],
      { created: at[i], end: null, depends_on: parents });
    if (!then.why.startsWith("Other tasks had")) continue;
    seen += 1;
    for (const name of parents) {
      assert.equal(then.why.includes(` ${name} (`), !(done(i, name) <= at[i]), `${name}: ${then.why}`);
    }
  }
  assert.ok(seen > 0);
});

test("a task that only waits for a node is told of as the kernel knows it", () => {
  const told = moments.find(({ kind, waits }) => kind === "job" && waits.slots >= 1);
  const snapshot = new Snapshot(log).seek(told.at);
  const job = log.names.jobs.indexOf(told.name);
  const then = (known) => taskAt(log, snapshot, job, "never ran", known);
  assert.equal(then({ created: told.at + 1, end: null }).state, "not created yet");
  const queued = then({ created: told.at - 1, end: null });
  assert.deepEqual(queued, {
    runs: [], state: "active", since: told.at - 1, why: "All slots were taken.",
  });
  assert.equal(then({ created: told.at - 2, end: told.at - 1 }).state, "completed");
  assert.equal(then(null).state, "not on a node");
  assert.ok(!Number.isFinite(then(null).since));
});

test("a pool's line has its nodes and slots", () => {
  const told = moments.find(({ kind, name, waits }) => kind === "pool" && name === "p" && waits.slots);
  const [one] = waitsAt(log, new Snapshot(log).seek(told.at), subject(told));
  assert.match(lineOf(log, one), /^\d of \d nodes?: \d took tasks.*; (\d) of \1 slots in use/);
  assert.equal(lineOf(log, { ...one, there: false }), "It did not exist then.");
});
