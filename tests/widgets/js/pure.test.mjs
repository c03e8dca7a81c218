// The parts of the displays that need no page: run by `node --test`, see test_scripts.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const from = (name) => import(pathToFileURL(`${process.env.BATCHLAB_SCRIPTS}/${name}.js`));
const { Log } = await from("log");
const { ABSENT, Snapshot } = await from("snapshot");
const { clock, duration, inkOn, nodeName, plural } = await from("format");
const { inOrder, namesSeen, rowsOf } = await from("shown_runs");
const { LoadSeries } = await from("load_series");
const { Timeline } = await from("timeline");
const { Ending } = await from("ending");
const { band, cellAt, gridLayout, panned, rowLayout, ticks, upTo, zoomed } = await from("layout");

// A lab's story, written by the kernel's side: in one piece, and in chunks.
const told = JSON.parse(readFileSync(`${process.env.BATCHLAB_STORY}/story.json`, "utf8"));
const bytes = (name) => {
  const data = readFileSync(`${process.env.BATCHLAB_STORY}/${name}`);
  return new DataView(data.buffer, data.byteOffset, data.length);
};

function whole() {
  const log = new Log(told.schema);
  assert.ok(log.append(told.whole, bytes("whole.bin")));
  return log;
}

function chunk(log, number) {
  return log.append(told.chunks[number], bytes(`chunk${number}.bin`));
}

test("a log of chunks is the log of the whole", () => {
  const log = new Log(told.schema);
  told.chunks.forEach((_, number) => assert.ok(chunk(log, number)));
  const other = whole();
  assert.deepEqual(log.rows, other.rows);
  assert.deepEqual(log.names, other.names);
  for (const [table, columns] of Object.entries(log.tables)) {
    for (const [name, column] of Object.entries(columns)) {
      const length = log.rows[table];
      assert.deepEqual(column.subarray(0, length), other.tables[table][name].subarray(0, length));
    }
  }
});

test("a chunk that comes twice changes nothing", () => {
  const log = new Log(told.schema);
  chunk(log, 0);
  chunk(log, 1);
  const before = structuredClone({ rows: log.rows, names: log.names });
  assert.ok(chunk(log, 0));
  assert.deepEqual({ rows: log.rows, names: log.names }, before);
});

test("a chunk too early is refused, and what is missing mends it", () => {
  const log = new Log(told.schema);
  assert.ok(chunk(log, 0));
  assert.equal(chunk(log, 2), false);
  assert.ok(log.append(told.whole, bytes("whole.bin")));
  assert.deepEqual(log.rows, whole().rows);
});

test("a story that began anew takes the place of the old one", () => {
  const log = whole();
  const head = { ...told.chunks[0], generation: 1 };
  assert.ok(log.append(head, bytes("chunk0.bin")));
  assert.equal(log.rows.runs, told.chunks[0].rows.runs[1]);
  assert.equal(log.append({ ...told.chunks[2], generation: 2 }, bytes("chunk2.bin")), false);
});

test("the present has the counts that the service has", () => {
  const snapshot = new Snapshot(whole()).seek(Infinity);
  assert.deepEqual(snapshot.total(-1), told.counts);
  assert.deepEqual(snapshot.total(0), told.counts);
  assert.equal(snapshot.nodes(-1, told.schema.states.node.indexOf("deleted")).length, told.nodes);
  assert.equal(snapshot.used.reduce((sum, used) => sum + used), told.used);
});

test("the past is found from any moment, forward or back", () => {
  const log = whole();
  const begin = log.begin();
  const snapshot = new Snapshot(log);
  const times = [0, 0.3, 0.9, 0.5, 0.1, 1, 0.7];
  for (const share of times) {
    const at = begin + share * (log.now - begin);
    const found = structuredClone(snapshot.seek(at).counts);
    assert.deepEqual(found, new Snapshot(log).seek(at).counts);
    const anew = new Snapshot(log).seek(at);
    assert.deepEqual(snapshot.state.subarray(0, log.rows.nodes), anew.state.subarray(0, log.rows.nodes));
    const [, running] = snapshot.total(-1);
    const lanes = snapshot.used.reduce((sum, used) => sum + used);
    assert.equal(lanes, running, "each running task holds one slot");
  }
});

test("before the beginning nothing was there", () => {
  const snapshot = new Snapshot(whole()).seek(-1);
  assert.deepEqual(snapshot.nodes(-1, 0), []);
  assert.ok(snapshot.state.every((state) => state === ABSENT));
  assert.deepEqual(snapshot.total(-1), [0, 0, 0, 0]);
});

test("cells fit into their box, and the mouse finds them", () => {
  for (const n of [1, 2, 16, 100, 999, 10000]) {
    const layout = gridLayout(n, 720, 230);
    assert.ok(layout.height <= 230, `${n} nodes are ${layout.height} high`);
    assert.ok(layout.columns * (layout.size + layout.gap) - layout.gap <= 720);
    for (const index of [0, Math.floor(n / 2), n - 1]) {
      const step = layout.size + layout.gap;
      const x = (index % layout.columns) * step + layout.size / 2;
      const y = Math.floor(index / layout.columns) * step + layout.size / 2;
      assert.equal(cellAt(layout, n, x, y), index);
    }
    assert.equal(cellAt(layout, n, -1, 5), -1);
    assert.equal(cellAt(layout, n, 5, 500), -1);
  }
  assert.equal(gridLayout(0, 720, 230).rows, 0);
});

test("ticks are round, in order, and not too many", () => {
  for (const span of [0.05, 1, 59, 3600, 86400, 1e6, 3e8]) {
    const { times } = ticks(1e9, 1e9 + span, 800, 96);
    assert.ok(times.length >= 1 && times.length <= 9, `${times.length} ticks for ${span} s`);
    assert.ok(times.every((time, i) => !i || time > times[i - 1]));
  }
  assert.deepEqual(ticks(5, 5, 800).times, []);
});

test("zoom keeps what is under the mouse, and stays within what there is", () => {
  const win = { from: 100, to: 200 };
  const closer = zoomed(win, 0.5, 150, 0, 300);
  assert.deepEqual(closer, { from: 125, to: 175 });
  assert.deepEqual(zoomed(win, 100, 150, 0, 300), { from: 0, to: 300 });
  assert.deepEqual(panned(win, 500, 0, 300), { from: 200, to: 300 });
  assert.deepEqual(panned(win, -500, 0, 300), { from: 0, to: 100 });
});

test("rows share the height, and scroll when they are too many", () => {
  assert.deepEqual(rowLayout(10, 200), { each: 20, room: 0, offset: 0 });
  assert.deepEqual(rowLayout(1000, 200, 9999), { each: 3, room: 2800, offset: 2800 });
});

test("lanes divide a row, node tasks take all of it", () => {
  assert.deepEqual(band(0, 0, 4, 20), [2, 16]);
  assert.deepEqual(band(1, 2, 4, 20), [6, 8]);
  assert.deepEqual(band(9, 1, 4, 20), [14, 4]); // beyond the last lane: drawn in it
  assert.equal(upTo(new Float64Array([1, 2, 2, 5, 0, 0]), 4, 2), 3);
});

test("numbers and times read well", () => {
  assert.equal(duration(95), "1 min 35 s");
  assert.equal(duration(NaN), "");
  for (const [seconds, words] of told.spans) assert.equal(duration(seconds), words, String(seconds));
  assert.equal(clock(1767603600), "09:00:00");
  assert.equal(clock(1767603600.25, { millis: true }), "09:00:00.250");
  assert.equal(clock(NaN), "");
  assert.equal(plural(1, "node"), "1 node");
  assert.equal(plural(1234, "node"), "1,234 nodes");
  assert.equal(nodeName("tvm-0123456789_12-20260105t090000z"), "node 12");
  assert.equal(nodeName("<b>"), "<b>");
  for (const [colour, ink] of told.inks) assert.equal(inkOn(colour), ink, colour);
});

const { nodeTasksAt, nodeAt, taskAt } = await from("past_states");

function moments(log) {
  const [begin, end] = [log.begin(), log.now];
  return Array.from({ length: 41 }, (_, i) => begin + ((end - begin) * i) / 40);
}

test("what a node did at any moment takes the slots that were in use there", () => {
  const log = whole();
  const snapshot = new Snapshot(log);
  let busy = 0;
  for (const time of moments(log)) {
    snapshot.seek(time);
    for (let node = 0; node < log.rows.nodes; node++) {
      const found = nodeAt(log, snapshot, node);
      if (snapshot.state[node] === ABSENT) {
        assert.equal(found, null);
        continue;
      }
      if (!found) continue;
      assert.equal(found.used, snapshot.used[node]);
      assert.ok(found.now.length <= found.used);
      assert.equal(found.now.length > 0, found.used > 0);
      assert.ok(found.now.every((run) => run.start <= time && run.node === node));
      busy += found.now.length;
    }
  }
  assert.ok(busy > 0);
});

test("the tasks of a job at any moment are in the states that were counted", () => {
  const log = whole();
  const snapshot = new Snapshot(log);
  for (const time of moments(log)) {
    snapshot.seek(time);
    log.names.jobs.forEach((_, job) => {
      const tasks = new Set();
      for (let i = 0; i < log.rows.runs; i++) {
        if (log.tables.runs.job[i] === job && log.names.labels[i]) tasks.add(log.names.labels[i]);
      }
      const states = [...tasks].map((task) => taskAt(log, snapshot, job, task).state);
      const [, running] = snapshot.total(job);
      assert.equal(states.filter((state) => state === "running" || state === "preparing").length, running);
    });
  }
});

test("preparations at a moment are those that had begun, each with its end or none", () => {
  const log = whole();
  let most = 0;
  for (const time of moments(log)) {
    for (const row of nodeTasksAt(log, -1, time).rows) {
      const run = row.jobpreparation;
      const end = run.start + run.seconds;
      assert.ok(run.start <= time && (run.outcome ? end <= time + 1e-6 : Math.abs(end - time) < 1e-6));
      most += 1;
    }
  }
  assert.ok(most > 0);
});

test("a view has a row for each node on which something of it ran", () => {
  const log = whole();
  const { runs, nodes } = log.tables;
  const all = { job: -1, label: null, pool: -1, node: -1 };
  const shown = rowsOf(log, all);
  assert.deepEqual(shown.order, [...new Set(runs.node.subarray(0, log.rows.runs))].sort((a, b) => a - b));
  assert.equal(shown.first, Math.min(...runs.start.subarray(0, log.rows.runs)));
  const node = shown.order[0];
  assert.deepEqual(rowsOf(log, { ...all, node }).order, [node]);
  const pool = nodes.pool[node];
  assert.ok(rowsOf(log, { ...all, pool }).order.every((one) => nodes.pool[one] === pool));
  const run = [...runs.kind.subarray(0, log.rows.runs)].indexOf(log.schema.kinds.indexOf("task"));
  const one = rowsOf(log, { ...all, job: runs.job[run], label: log.names.labels[run] });
  assert.ok(one.order.includes(runs.node[run]));
  assert.ok(one.order.length <= shown.order.length && one.last <= Infinity);
  const none = rowsOf(log, { ...all, job: -2 });
  assert.deepEqual([none.order, none.first], [[], Infinity]);
});

test("a legend names what was seen, and waiting for preparation is not told", () => {
  const schema = { kinds: ["starttask", "task", "waiting"], outcomes: ["success", "failure", "ended"] };
  const seen = (...pairs) => {
    const flags = new Uint8Array(12);
    for (const [kind, outcome] of pairs) flags[kind * 4 + outcome] = 1;
    return [...namesSeen(schema, flags)].sort();
  };
  assert.deepEqual(seen([0, 0], [2, 2]), ["starttask"]);
  assert.deepEqual(seen([0, 1], [1, 3]), ["failure", "running", "starttask"]);
  assert.deepEqual(seen([1, 0], [1, 1]), ["failure", "success"]);
});

test("a row of few left-over cells is avoided where cells can be a little smaller", () => {
  assert.equal(gridLayout(16, 640, 150).rows, 1);
  assert.equal(gridLayout(30, 640, 150).rows, 2);
});

test("nodes are in the order of their numbers, pool by pool", () => {
  const ids = ["tvm-1_2-x", "tvm-1_10-x", "tvm-2_1-x", "tvm-1_1-x", "tvm-2_3-x", "tvm-2_2-x"];
  const log = { names: { nodes: ids }, tables: { nodes: { pool: [0, 0, 1, 0, 1, 1] } } };
  assert.deepEqual(inOrder(log, [0, 1, 2, 3, 4, 5]), [3, 0, 1, 2, 5, 4]);
  assert.deepEqual(inOrder(log, [3, 0, 1]), [3, 0, 1]);
});

function timelineOf(shown, now, at = Infinity) {
  const view = { kind: "lab", log: { begin: () => 0 }, now: () => now, shown: () => shown,
    snapshot: { at }, changed() {} };
  return Object.assign(Object.create(Timeline.prototype), { view, win: null, follow: true, offset: 0 });
}

test("all is from the first run to the last, however long nothing has run since", () => {
  assert.deepEqual(timelineOf({ first: 100, last: 200 }, 5000).span(), [98, 200]);
  assert.deepEqual(timelineOf({ first: 100, last: Infinity }, 200).span(), [98, 200], "one is running");
  assert.deepEqual(timelineOf({ first: Infinity, last: -Infinity }, 7).span(), [0, 7]);
});

test("zoom in the past keeps the moment that is shown", () => {
  const timeline = timelineOf({ first: 100, last: 200 }, 5000, 120);
  for (let i = 0; i < 4; i++) timeline.zoom(0.6);
  const { from, to } = timeline.window();
  assert.ok(from < 120 && to > 120 && to - from < 20, `${from} ${to}`);
  const live = timelineOf({ first: 100, last: 200 }, 5000);
  live.zoom(0.6);
  assert.ok(live.window().to >= 200, "the present stays in sight");
});

test("what the kernel said last is kept until something else happens", () => {
  const log = { rows: { runs: 1, ends: 1 }, ended: "" };
  const view = { key: "k", log, shared: { gone: "" }, value: { value: 1 } };
  const ending = new Ending(view);
  ending.keep({ value: 1 });
  assert.equal(ending.why(), "");
  log.ended = "the lab is closed";
  assert.equal(ending.why(), "", "a replay still answers");
  view.value = { error: "closed" };
  ending.keep(view.value);
  assert.match(ending.why(), /^The lab is closed: this is how it ended/);
  assert.equal(ending.last(true).value, 1);
  log.rows.runs = 2;
  assert.equal(ending.last(true), null);
  assert.equal(ending.last().value, 1);
  view.shared.gone = "The kernel has stopped";
  assert.equal(ending.why(), "The kernel has stopped");
});

test("tasks over time are those that the counts tell of, now and at any moment", () => {
  const log = whole();
  const series = new LoadSeries().update(log, "", () => true);
  const [active, running] = told.counts;
  assert.deepEqual(series.when(Infinity), [running, active]);
  const snapshot = new Snapshot(log);
  for (const share of [0.1, 0.35, 0.6, 0.9]) {
    const time = log.begin() + share * (log.now - log.begin());
    const [waits, runs] = snapshot.seek(time).total(-1);
    assert.deepEqual(series.when(time), [runs, waits]);
  }
  const found = series.columns(log.begin(), log.now, 50);
  assert.equal(found.total, Math.max(...series.at.map((_, i) => series.running[i] + series.waiting[i])));
  assert.deepEqual([found.running[49], found.waiting[49]].map((one) => one > 0), [running > 0, active > 0]);
  assert.ok(series.update(log, "none", () => false).at.length === 0, "of other jobs there are none");
});
