// The parts of the place to work on a formula that need no page: run by test_scripts.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const from = (name) => import(pathToFileURL(`${process.env.BATCHLAB_SCRIPTS}/${name}.js`));
const { indexOf, offsetOf, pieces, stillTrue, words } = await from("formula");
const { chartLayout, corners, roundTop, valuesAt } = await from("chart");

test("words are told apart, and nothing is lost", () => {
  const line = 'x = min(3, $PendingTasks.GetSample(1)) * TimeInterval_Hour; // "so" $x';
  const found = words(line);
  assert.equal(found.map(([, text]) => text).join(""), line);
  const kinds = Object.fromEntries(found.map(([kind, text]) => [text, kind]));
  assert.equal(kinds.$PendingTasks, "variable");
  assert.equal(kinds.min, "function");
  assert.equal(kinds.GetSample, "function");
  assert.equal(kinds["3"], "number");
  assert.equal(kinds.TimeInterval_Hour, "name");
  assert.equal(kinds['// "so" $x'], "comment");
  for (const odd of ["", "   ", '"never ends', "<b>&amp;</b>", "$", "…😀…"]) {
    assert.equal(words(odd).map(([, text]) => text).join(""), odd);
  }
});

test("a mark covers the offending part, and no more", () => {
  const line = "a = $Pendng + 1;";
  const found = pieces(line, [{ start: 5, end: 12, severity: "error" }]);
  assert.equal(found.map((piece) => piece.text).join(""), line);
  assert.equal(found.filter((piece) => piece.mark).map((piece) => piece.text).join(""), "$Pendng");
});

test("a mark beyond the end of a line can be seen", () => {
  const found = pieces("a = 1", [{ start: 6, end: 7, severity: "error" }]);
  assert.equal(found.map((piece) => piece.text).join(""), "a = 1 ");
  assert.equal(found.at(-1).mark, "error");
});

test("an error hides a warning at the same place", () => {
  const found = pieces("abc", [{ start: 1, end: 4, severity: "warning" }, { start: 2, end: 3, severity: "error" }]);
  assert.deepEqual(found.map((piece) => [piece.text, piece.mark]), [["a", "warning"], ["b", "error"], ["c", "warning"]]);
});

test("places count characters, also those that a page counts twice", () => {
  assert.equal(indexOf('"😀" + x', 7), 7 - 1 + 1);
  assert.equal(indexOf("abc", 9), 8);
  assert.equal(offsetOf("ab\ncd\n", 2, 2), 4);
  assert.equal(offsetOf("ab", 9, 9), 2);
});

test("marks go with the lines that they are on", () => {
  const marks = [{ line: 1 }, { line: 2 }];
  assert.deepEqual(stillTrue(marks, "a\nb", "a\nbc"), [{ line: 1 }]);
  assert.deepEqual(stillTrue(marks, "a\nb", "a\nb\nc"), marks);
});

test("a line tells its value at any moment", () => {
  const lines = { at: [10, 20], current: [1, 2] };
  assert.equal(valuesAt(lines, 9), null);
  assert.equal(valuesAt(lines, 10).current, 1);
  assert.equal(valuesAt(lines, 99).current, 2);
  assert.equal(valuesAt(null, 1), null);
});

test("a line keeps its value until it jumps, within the window", () => {
  const found = corners([0, 10, 20], [1, 3, 2], 5, 30, (x) => x, (y) => y);
  assert.deepEqual(found, [[5, 1], [10, 1], [10, 3], [20, 3], [20, 2], [30, 2]]);
});

test("the top of a band is round and high enough", () => {
  for (const value of [0, 1, 3, 4, 5, 7, 12, 35, 99, 101, 1234, 9999, 123456]) {
    const top = roundTop(value);
    assert.ok(top >= value && top >= 4, `${value} is under ${top}`);
    assert.ok(top <= Math.max(4, 2.5 * value), `${top} is far above ${value}`);
    assert.equal(top, Math.round(top));
  }
});

test("what is drawn can be found again under the mouse", () => {
  const lines = { at: [0], current: [5], target: [9], waiting: [0], running: [70] };
  const layout = chartLayout(800, 176, 0, 3600, [lines]);
  assert.ok(Math.abs(layout.time(layout.x(1234)) - 1234) < 1e-6);
  assert.equal(layout.time(-50), 0);
  const [nodes, tasks] = layout.bands;
  assert.ok(nodes.most >= 9 && tasks.most >= 70);
  assert.ok(nodes.top + nodes.height < tasks.top && tasks.top + tasks.height < 176);
  assert.equal(nodes.y(0), nodes.top + nodes.height);
});
