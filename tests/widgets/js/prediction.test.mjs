// Predictions, where they need no page: run by `node --test`, see test_scripts.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const from = (name) => import(pathToFileURL(`${process.env.BATCHLAB_SCRIPTS}/${name}.js`));
const { amount, drawn, moved, stepOf, textOf, whereText } = await from("prediction_text");

test("amounts have their unit, and one of it", () => {
  assert.equal(amount(1, "tasks"), "1 task");
  assert.equal(amount(2.54321, "minutes"), "2.543 minutes");
  assert.equal(amount(1, "s"), "1 s");
  assert.equal(amount(7, ""), "7");
});

test("answers are said in words", () => {
  assert.equal(textOf("number", { unit: "nodes" }, 3), "3 nodes");
  assert.equal(textOf("choice", {}, "active"), "active");
  assert.equal(textOf("order", {}, ["b", "a"]), "b, a");
  assert.equal(textOf("curve", { unit: "nodes" }, [0, 4, 1]), "0 nodes at first, 4 nodes at most");
  assert.equal(whereText({ unit: "nodes", seconds: 600, columns: 60 }, 29, 4), "4 nodes after 4 min 55 s");
});

test("an item moves, and nothing is lost", () => {
  assert.deepEqual(moved(["a", "b", "c"], 2, 0), ["c", "a", "b"]);
  assert.deepEqual(moved(["a", "b", "c"], 0, 1), ["b", "a", "c"]);
});

test("a quick stroke leaves no gap, whichever its direction", () => {
  const start = drawn(null, 5, { column: 0, value: 2 }, { column: 0, value: 2 });
  assert.deepEqual(start, [2, 2, 2, 2, 2], "the rest goes on as it begins");
  assert.deepEqual(drawn(start, 5, { column: 0, value: 2 }, { column: 4, value: 6 }), [2, 3, 4, 5, 6]);
  assert.deepEqual(drawn(start, 5, { column: 4, value: 6 }, { column: 2, value: 0 }), [2, 2, 0, 3, 6]);
});

test("values have steps that can be drawn", () => {
  assert.equal(stepOf(8), 1);
  assert.equal(stepOf(1000), 10);
  assert.equal(stepOf(1), 0.025);
});
