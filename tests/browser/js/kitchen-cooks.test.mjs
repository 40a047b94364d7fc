import assert from "node:assert/strict";
import { test } from "node:test";

import { Cooks } from "../../../hub/web/static/kitchen/cooks.js";

const MEI = { id: "mei", name: "Mei" };

/** A hub whose answers are given by hand, in any order. */
class Hub {
  asked = [];

  command(kind) {
    return new Promise((resolve, reject) => this.asked.push({ kind, resolve, reject }));
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a late list does not bring back a cook who has left", async () => {
  const hub = new Hub();
  const cooks = new Cooks(hub);
  const refreshed = cooks.refresh();
  const left = cooks.leave();
  hub.asked[1].resolve({ current: null });
  await left;
  hub.asked[0].resolve({ cooks: [MEI], current: MEI });
  await settled();
  assert.equal(cooks.current, null);
  assert.equal(hub.asked[2].kind, "cook.list", "it is asked again");
  hub.asked[2].resolve({ cooks: [MEI], current: null });
  await refreshed;
  assert.deepEqual([cooks.list, cooks.current], [[MEI], null]);
});

test("a list that was asked for while a cook comes in is asked for again", async () => {
  const hub = new Hub();
  const cooks = new Cooks(hub);
  const entered = cooks.enter("mei", "1234");
  const refreshed = cooks.refresh();
  hub.asked[0].resolve({ current: MEI });
  assert.equal(await entered, true);
  hub.asked[1].resolve({ cooks: [MEI], current: null });
  await settled();
  assert.equal(cooks.current, MEI);
  hub.asked[2].resolve({ cooks: [MEI], current: MEI });
  await refreshed;
  assert.equal(cooks.current, MEI);
});

test("a wrong PIN leaves whoever is there", async () => {
  const hub = new Hub();
  const cooks = new Cooks(hub);
  const refreshed = cooks.refresh();
  hub.asked[0].resolve({ cooks: [MEI], current: MEI });
  await refreshed;
  const entered = cooks.enter("mei", "9");
  hub.asked[1].reject(new Error("wrong"));
  assert.equal(await entered, false);
  assert.equal(cooks.current, MEI);
});
