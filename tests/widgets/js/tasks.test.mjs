// The table of tasks, where it needs no page: run by `node --test`, see test_scripts.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const from = (name) => import(pathToFileURL(`${process.env.BATCHLAB_SCRIPTS}/${name}.js`));
const { Log } = await from("log");
const { Snapshot } = await from("snapshot");
const { inTaskOrder, pastTasks } = await from("past_tasks");
const { pageFor, taskCells, TASK_PAGE, taskRow } = await from("task_table");

const told = JSON.parse(readFileSync(`${process.env.BATCHLAB_STORY}/story.json`, "utf8"));

function viewAt(share) {
  const log = new Log(told.schema);
  const data = readFileSync(`${process.env.BATCHLAB_STORY}/whole.bin`);
  assert.ok(log.append(told.whole, new DataView(data.buffer, data.byteOffset, data.length)));
  const time = share === null ? Infinity : log.begin() + share * (log.now - log.begin());
  return {
    log, snapshot: new Snapshot(log).seek(time), pool: "", aim: {}, time: () => Math.min(time, log.now),
    jobNumber: () => -1, poolNumber: () => -1,
  };
}

const WISH = { show: "", search: "", sort: "", down: false, from: 0 };

test("the past at the end is what the service says of the tasks that had started", () => {
  const [active, running, succeeded, failed] = told.counts;
  const page = pastTasks(viewAt(null), WISH);
  assert.deepEqual(page.counts, { failed, running, waiting: page.counts.waiting, succeeded });
  assert.equal(page.all + page.unlisted, active + running + succeeded + failed);
  assert.equal(page.total, page.all);
  assert.equal(page.rows.length, Math.min(TASK_PAGE, page.total));
});

test("the past lists what had happened until then, failures first", () => {
  const [before, after] = [viewAt(0.4), viewAt(0.9)].map((view) => pastTasks(view, WISH));
  assert.ok(before.all < after.all);
  assert.ok(before.unlisted > 0);
  assert.equal(after.rows[0][3], "failure");
  assert.equal(after.rows[0][9], "FailureExitCode");
  const failed = pastTasks(viewAt(0.9), { ...WISH, show: "failed" });
  assert.equal(failed.total, after.counts.failed);
  assert.ok(failed.rows.every((row) => row[3] === "failure"));
});

test("the past is searched and sorted as the present is", () => {
  const view = viewAt(null);
  const { rows } = pastTasks(view, { ...WISH, sort: "duration", down: true });
  const times = rows.map((row) => (row[6] === null ? -1 : (row[7] ?? view.time()) - row[6]));
  assert.deepEqual(times, [...times].sort((a, b) => b - a));
  const one = pastTasks(view, { ...WISH, search: "task007" });
  assert.deepEqual(one.rows.map((row) => row[1]), ["task007"]);
  assert.equal(pastTasks(view, { ...WISH, search: "nothing" }).total, 0);
});

test("ids are sorted as people count, and what has no value comes last", () => {
  const row = (id, retries) => [0, "j", id, "completed", null, null, "", null, null, retries, ""];
  const rows = [row("t10", 0), row("t9", 2), row("T1", 1)];
  const ids = (sort, down) => inTaskOrder(rows, sort, down, 0).map((one) => one[2]);
  assert.deepEqual(ids("task", false), ["T1", "t9", "t10"]);
  assert.deepEqual(ids("retries", true), ["t9", "T1", "t10"]);
  assert.deepEqual(ids("retries", false), ["T1", "t9", "t10"]);
});

test("a page begins so that what is visible is in its middle", () => {
  assert.equal(pageFor(0, 14), 0);
  for (const first of [40, 1000, 99_900]) {
    const begin = pageFor(first, first + 14);
    assert.ok(begin <= first && first + 14 <= begin + TASK_PAGE, `${first}: ${begin}`);
  }
});

test("cells say what a row says", () => {
  const row = taskRow(["j", "t1", "completed", "failure", 0, "tvm-1_12-20260105t090000z", 10, 31, 2, "TimedOut"]);
  assert.deepEqual(taskCells(row, 99), ["t1", "j", "completed", "failed", "0", "node 12", "00:00:10", "21 s", "2", "TimedOut"]);
  const waits = taskRow(["j", "t2", "active", null, null, "", null, null, 0, ""]);
  assert.deepEqual(taskCells(waits, 99), ["t2", "j", "active", "", "", "", "", "", "", ""]);
});
