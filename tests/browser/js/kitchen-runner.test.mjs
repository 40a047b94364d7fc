import assert from "node:assert/strict";
import { test } from "node:test";

import { Away } from "../../../hub/web/static/kitchen/runner/away.js";

/** Orders by their letters; `shown` says who is seen at a moment, small letters are those that have just gone. */
function make() {
  const away = new Away();
  return {
    away,
    shown: (at, letters) => {
      const carried = new Map([...letters].map((id) => [id, { id }]));
      return away.update([..."ABCD"], carried, at).map(({ id }) => (away.has(id) ? id : id.toLowerCase())).join("");
    },
  };
}

test("what is handed over keeps its place for a second, and no longer", () => {
  const { away, shown } = make();
  assert.equal(shown(0, "ABC"), "ABC");
  assert.equal(away.nextIn(0), null);
  assert.equal(shown(100, "AC"), "AbC");
  assert.equal(shown(600, "C"), "abC");
  assert.equal(away.nextIn(600), 500);
  assert.equal(shown(1100, "C"), "aC");
  assert.equal(shown(1600, "C"), "C");
});

test("what comes back within the second is there again, and leaves again later", () => {
  const { shown } = make();
  shown(0, "AB");
  assert.equal(shown(100, "B"), "aB");
  assert.equal(shown(200, "AB"), "AB");
  assert.equal(shown(900, "B"), "aB");
  assert.equal(shown(1850, "B"), "aB");
  assert.equal(shown(1900, "B"), "B");
});
