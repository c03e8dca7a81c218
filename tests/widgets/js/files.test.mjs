// Files in a display, where they need no page: run by `node --test`, see test_scripts.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { fileKind, placesOf, separated } = await import(pathToFileURL(`${process.env.BATCHLAB_SCRIPTS}/file_viewer.js`));

test("a file is shown as what its name says", () => {
  assert.deepEqual(["a.PNG", "wd/b.csv", "c.tsv", "stdout.txt", "csv", "d.svg"].map(fileKind),
    ["picture", "table", "table", "text", "text", "picture"]);
});

test("separated values may be quoted", () => {
  assert.deepEqual(separated('a,b\r\n1,"x, ""y""\nz"\n\n3,\n', ","), [["a", "b"], ["1", 'x, "y"\nz'], ["3", ""]]);
  assert.deepEqual(separated("a\tb\n1\t2", "\t"), [["a", "b"], ["1", "2"]]);
  assert.deepEqual(separated("", ","), []);
  assert.equal(separated("1\n2\n3\n4\n", ",", 2).length, 2);
});

test("words are found whatever their case", () => {
  assert.deepEqual(placesOf("No light, no LIGHT", "light"), [3, 13]);
  assert.deepEqual(placesOf("aaaa", "aa"), [0, 2]);
  assert.deepEqual(placesOf("text", ""), []);
  assert.equal(placesOf("x".repeat(100), "x", 10).length, 10);
});
