import assert from "node:assert/strict";
import { test } from "node:test";

import { CommandError } from "../../../hub/web/static/core/commands.js";
import { Basket } from "../../../hub/web/static/tablet/basket.js";
import { Placing } from "../../../hub/web/static/tablet/placing.js";
import { Storage, settle } from "./support.mjs";

/** A hub that keeps every command for the test to answer. */
class FakeHub {
  live = true;
  time = 0;
  commands = [];

  now = () => this.time;

  command(name, args, { opId }) {
    return new Promise((resolve, reject) => this.commands.push({ opId, resolve, reject }));
  }

  withdraw(opId) {
    const entry = this.commands.find((each) => each.opId === opId);
    entry?.reject(new CommandError({ code: "withdrawn", message: "" }));
    return entry !== undefined;
  }
}

function makePlacing(storage = new Storage()) {
  const hub = new FakeHub();
  const basket = new Basket(storage);
  basket.belongsTo("stay");
  const placing = new Placing(hub, basket);
  const events = [];
  for (const name of ["placed", "asked"]) placing.addEventListener(name, () => events.push(name));
  return { hub, basket, placing, events, storage };
}

const place = (placing) => placing.place({ total_amount: 1650 }, { ageAttested: false });
const over = (code) => new CommandError({ code, message: "" });

test("an order whose session ends is still open: it is sent again under its own op_id, never under another", async () => {
  const { hub, basket, placing, events } = makePlacing();
  basket.setQuantity("soup", 1);
  place(placing);
  hub.commands[0].reject(over("session_ended"));
  await settle();
  assert.deepEqual([placing.state, placing.problem], ["idle", null]);
  assert.equal(basket.attempt.op_id, hub.commands[0].opId);
  place(placing);
  assert.equal(hub.commands.length, 1, "no second order while the first has no answer");
  placing.resume();
  assert.equal(hub.commands[1].opId, hub.commands[0].opId);
  hub.commands[1].resolve({ order: { id: "o1" } });
  await settle();
  assert.deepEqual([basket.attempt, basket.count, events], [null, 0, ["placed"]]);
});

test("after a final refusal the next attempt has its own op_id", async () => {
  const { hub, basket, placing } = makePlacing();
  basket.setQuantity("soup", 1);
  place(placing);
  hub.commands[0].reject(over("out_of_stock"));
  await settle();
  assert.equal(placing.problem.code, "out_of_stock");
  place(placing);
  assert.notEqual(hub.commands[1].opId, hub.commands[0].opId);
});

test("an order that may have been sent is asked for after a reload, however old it is", () => {
  const first = makePlacing();
  first.basket.setQuantity("soup", 1);
  place(first.placing);
  const { hub, placing } = makePlacing(first.storage);
  hub.time = 3_600_000;
  placing.resume();
  assert.equal(hub.commands[0].opId, first.hub.commands[0].opId);
  assert.equal(placing.unsent, false);
});

test("one that never left the tablet is sent within ten minutes, later it is asked for", async () => {
  for (const [minutes, reload] of [[9, false], [11, false], [11, true]]) {
    const first = makePlacing();
    first.hub.live = false;
    first.basket.setQuantity("soup", 1);
    place(first.placing);
    assert.equal(first.placing.unsent, true);
    const { hub, basket, placing, events } = reload ? makePlacing(first.storage) : first;
    Object.assign(hub, { live: true, time: minutes * 60_000 });
    placing.resume();
    await settle();
    assert.equal(basket.count, 1);
    if (minutes === 9) {
      assert.deepEqual([placing.state, placing.unsent, events], ["sending", false, []]);
    } else {
      assert.deepEqual([placing.state, placing.problem.code, basket.attempt, events], ["idle", "still_wanted", null, ["asked"]]);
    }
  }
});

test("the guest is told when the answer takes long", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { basket, placing } = makePlacing();
  basket.setQuantity("soup", 1);
  place(placing);
  assert.equal(placing.slow, false);
  t.mock.timers.tick(5000);
  assert.equal(placing.slow, true);
});
