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
  orders = [];
  store = { all: () => this.orders };

  now = () => this.time;

  command(name, args, { opId }) {
    return new Promise((resolve, reject) => this.commands.push({ opId, resolve, reject, sent: this.live }));
  }

  /** Without `sent` only what was given to a hub that was not live can be taken back. */
  withdraw(opId, { sent = false } = {}) {
    const entry = this.commands.find((each) => each.opId === opId);
    if (entry === undefined || (entry.sent && !sent)) return false;
    entry.gone = true;
    entry.reject(new CommandError({ code: "withdrawn", message: "" }));
    return true;
  }

  /** Whether the queue would still send it. */
  waiting = (opId) => this.commands.some((each) => each.opId === opId && !each.gone);
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
  basket.add({ menu_item_id: "soup" });
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
  basket.add({ menu_item_id: "soup" });
  place(placing);
  hub.commands[0].reject(over("out_of_stock"));
  await settle();
  assert.equal(placing.problem.code, "out_of_stock");
  place(placing);
  assert.notEqual(hub.commands[1].opId, hub.commands[0].opId);
});

test("an order that may have been sent is asked for after a reload within ten minutes", () => {
  const first = makePlacing();
  first.basket.add({ menu_item_id: "soup" });
  place(first.placing);
  const { hub, placing } = makePlacing(first.storage);
  hub.time = 540_000;
  placing.resume();
  assert.equal(hub.commands[0].opId, first.hub.commands[0].opId);
  assert.equal(placing.unsent, false);
});

/** An order that was sent, and whose line was dead for eleven minutes; `reload`: the page has been opened anew. */
async function makeOld({ reload }) {
  const first = makePlacing();
  first.basket.add({ menu_item_id: "soup" });
  place(first.placing);
  const made = reload ? makePlacing(first.storage) : first;
  made.hub.time = 660_000;
  made.placing.resume();
  await settle();
  return { ...made, opId: first.hub.commands[0].opId, sentAgain: () => made.hub.commands.slice(reload ? 0 : 1).map((each) => each.opId) };
}

test("later it is not sent before the guest says so, and then under its own op_id", async () => {
  for (const reload of [false, true]) {
    const { hub, basket, placing, events, opId, sentAgain } = await makeOld({ reload });
    assert.deepEqual([placing.state, placing.problem.code, events, sentAgain()], ["idle", "maybe_sent", ["asked"], []]);
    assert.equal(hub.waiting(opId), false, "the queue does not send it either");
    assert.equal(basket.attempt.op_id, opId, "it is not known yet what has become of it");
    placing.resume();
    assert.deepEqual([events, sentAgain()], [["asked"], []], "a break is no answer");
    place(placing);
    assert.deepEqual([placing.state, sentAgain()], ["sending", [opId]]);
    hub.time += 60_000;
    placing.resume();
    assert.equal(placing.state, "sending", "it is wanted since a minute ago");
  }
});

test("an old order that the guest changes goes as another one only when it is wanted besides", async () => {
  const changes = [(basket) => basket.setQuantity("soup", 2), (basket) => basket.setNote("soup", "hot"), (basket) => basket.setRequests("two plates"), (basket) => basket.setDue("2026-11-22T10:30:00Z")];
  for (const change of changes) {
    const { basket, placing, opId, sentAgain } = await makeOld({ reload: true });
    assert.equal(placing.changed, false);
    change(basket);
    assert.equal(placing.changed, true);
    place(placing);
    assert.deepEqual([sentAgain(), basket.attempt.op_id], [[], opId], "nobody has been asked");
    placing.place({ total_amount: 1650 }, { besides: true });
    assert.equal(sentAgain().length, 1);
    assert.notEqual(sentAgain()[0], opId);
    assert.equal(placing.changed, false);
  }
});

const kept = (placedAt, quantity = 1, options = []) => ({ id: "o1", placed_at: new Date(placedAt).toISOString(), items: [{ menu_item_id: "soup", quantity, options }] });

test("an old order that is among those of the stay has arrived: nobody is asked, and what was added stays", async () => {
  for (const reload of [false, true]) {
    const first = makePlacing();
    first.basket.add({ menu_item_id: "soup" });
    place(first.placing);
    first.basket.add({ menu_item_id: "beer" });
    const { hub, basket, placing, events } = reload ? makePlacing(first.storage) : first;
    Object.assign(hub, { time: 660_000, orders: [kept(1000)] });
    placing.resume();
    await settle();
    assert.deepEqual([events, placing.state, placing.problem, basket.attempt], [["placed"], "idle", null, null]);
    assert.deepEqual(basket.wire, [{ menu_item_id: "beer", quantity: 1 }]);
    assert.equal(hub.waiting(first.hub.commands[0].opId), false);
    place(placing);
    assert.notEqual(hub.commands.at(-1).opId, first.hub.commands[0].opId);
  }
});

test("an order of before, or of something else, is not the one that is looked for; one that comes to light later is", async () => {
  const { basket, storage } = makePlacing();
  basket.add({ menu_item_id: "soup" });
  basket.begin("op", { lines: basket.wire }, 60_000);
  basket.sent();
  const made = makePlacing(storage);
  const others = [kept(50_000), kept(61_000, 2), kept(61_000, 1, [{ key: "size:large" }])];
  Object.assign(made.hub, { time: 720_000, orders: others });
  made.placing.resume();
  assert.deepEqual([made.events, made.placing.problem.code], [["asked"], "maybe_sent"]);
  made.hub.orders = [...others, kept(61_000)];
  made.placing.resume();
  assert.deepEqual([made.events, made.placing.problem, made.basket.count], [["asked", "placed"], null, 0]);
});

test("an old order that is emptied is no more asked about", async () => {
  const other = await makeOld({ reload: true });
  other.basket.setQuantity("soup", 0);
  const later = makePlacing(other.storage);
  later.hub.time = 700_000;
  later.placing.resume();
  assert.deepEqual([later.events, later.basket.attempt, later.placing.problem], [[], null, null]);
});

test("nothing is placed before it is known whose basket it is", () => {
  const { basket, placing, hub } = makePlacing();
  basket.add({ menu_item_id: "soup" });
  basket.wipe();
  place(placing);
  assert.deepEqual([placing.state, hub.commands], ["idle", []]);
});

test("one that never left the tablet is sent within ten minutes, later it is asked for", async () => {
  for (const [minutes, reload] of [[9, false], [11, false], [11, true]]) {
    const first = makePlacing();
    first.hub.live = false;
    first.basket.add({ menu_item_id: "soup" });
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
  basket.add({ menu_item_id: "soup" });
  place(placing);
  assert.equal(placing.slow, false);
  t.mock.timers.tick(5000);
  assert.equal(placing.slow, true);
});

test("a wished time and a confirmed allergy go with the order, and only then", () => {
  const { basket, placing } = makePlacing();
  basket.add({ menu_item_id: "soup" });
  place(placing);
  assert.deepEqual(Object.keys(basket.attempt.args).sort(), ["age_attested", "lines", "quoted_total"]);
  const other = makePlacing();
  other.basket.add({ menu_item_id: "soup" });
  other.basket.setDue("2026-11-22T10:30:00Z");
  const estimate = { fire_at: null, from: "2026-11-22T10:30:00Z", to: "2026-11-22T10:35:00Z" };
  other.placing.place({ total_amount: 1650, estimate }, { allergensConfirmed: true });
  const { due_at: due, quoted_until: until, allergens_confirmed: confirmed } = other.basket.attempt.args;
  assert.deepEqual([due, until, confirmed], ["2026-11-22T10:30:00Z", "2026-11-22T10:35:00Z", true]);
});
