import assert from "node:assert/strict";
import { test } from "node:test";

import { arrange, cut, isSorted, shape } from "../../../hub/web/static/kitchen/board/grid.js";

test("twelve tickets at 1920x1080, eight at 1366x768", () => {
  assert.equal(shape(1920 - 24, 1080 - 76 - 24).cells, 12);
  assert.equal(shape(1366 - 24, 768 - 76 - 24).cells, 8);
  assert.equal(shape(1366 - 24, 768 - 76 - 56 - 24).cells, 8, "also before anybody has enabled the sound");
  assert.equal(shape(1080 - 24, 1920 - 76 - 24).cells, 12);
});

test("what stands beside the tickets makes columns narrower before it takes one", () => {
  const beside = (width, rail) => shape(width - rail - 24, 980, { whole: width - 24 });
  assert.deepEqual([1920, 1600, 1366].map((width) => beside(width, 240).columns), [6, 5, 4]);
  assert.ok(beside(1920, 240).cellWidth >= 264);
  assert.equal(beside(1920, 480).columns, 5, "none too narrow to read");
  assert.equal(beside(3840, 240).columns, shape(3840 - 24, 980).columns, "and never gives one");
});

test("with text twice as large cells are twice as large", () => {
  const usual = shape(1896, 980);
  const large = shape(1896, 980 - 76, { scale: 2 });
  assert.deepEqual([large.columns, large.rows], [3, 1]);
  assert.ok(large.cellWidth > 1.9 * usual.cellWidth);
});

test("as many columns as somebody wants, but none too narrow to read", () => {
  assert.equal(shape(1896, 980, { columns: 4 }).columns, 4);
  assert.equal(shape(1896, 980, { columns: 8 }).columns, 7);
  assert.equal(shape(1896, 980, { columns: 8, scale: 2 }).columns, 3);
});

test("a long ticket is cut between rows, never inside one, and loses none", () => {
  assert.deepEqual(cut([50, 50, 50], 200, 200), [[0, 3]]);
  assert.deepEqual(cut([50, 50, 50, 50, 50], 110, 160), [[0, 2], [2, 5]]);
  assert.deepEqual(cut([300, 50], 200, 200), [[0, 1], [1, 2]]);
  assert.deepEqual(cut([150, 50], 100, 200), [[0, 0], [0, 2]], "what stands above may fill the first cell");
});

test("a ticket keeps its cell; a free one is filled from behind; nobody moves", () => {
  const first = arrange({ before: [], keys: ["a", "b", "c", "d", "e", "f"], perPage: 4, page: 0 });
  assert.deepEqual(first, ["a", "b", "c", "d", "e", "f"]);
  const then = arrange({ before: first, keys: ["a", "c", "d", "e", "f"], perPage: 4, page: 0 });
  assert.deepEqual(then, ["a", "e", "c", "d", "f"]);
  assert.equal(isSorted(then, ["a", "c", "d", "e", "f"]), false);
  assert.equal(isSorted(first, ["a", "b", "c", "d", "e", "f"]), true);
  const few = arrange({ before: ["a", "b", "c"], keys: ["a", "c"], perPage: 4, page: 0 });
  assert.deepEqual(few, ["a", null, "c"]);
  assert.equal(isSorted(few, ["a", "c"]), true);
});

test("looking at the second page, its tickets stay while the first one is packed", () => {
  const before = ["a", "b", "c", "d", "e", "f"];
  const then = arrange({ before, keys: ["b", "d", "e", "f"], perPage: 2, page: 1 });
  assert.deepEqual(then, ["b", "e", "f", "d"]);
});
