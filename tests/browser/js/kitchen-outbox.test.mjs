import assert from "node:assert/strict";
import { test } from "node:test";

import { Actions } from "../../../hub/web/static/kitchen/actions.js";
import { Lens } from "../../../hub/web/static/kitchen/lens.js";
import { Outbox } from "../../../hub/web/static/kitchen/outbox.js";
import { Storage, settle } from "./support.mjs";
import { FakeHub, item, ticket } from "./support-kitchen.mjs";

function make({ storage = new Storage(), lens = new Lens(), now } = {}) {
  const hub = new FakeHub();
  const outbox = new Outbox(hub, storage, now);
  const asked = [];
  const ask = {
    idChecked: async (order) => asked.push(["id", order.id]) > 0,
    unfinished: async (_, items) => asked.push(["unfinished", items.length]) > 0,
  };
  return { hub, storage, outbox, asked, actions: new Actions(outbox, () => lens, ask) };
}

const answer = async (hub, n, result = {}) => {
  hub.answers[hub.sent[n][2]].resolve(result);
  await settle();
};
const refuse = async (hub, n, error) => {
  hub.answers[hub.sent[n][2]].reject(error);
  await settle();
};

test("changes of one order go one after the other, those of others at once", async () => {
  const { hub, outbox } = make();
  outbox.add("order.advance", { to: "cooking" }, "a");
  outbox.add("order.advance", { to: "ready" }, "a");
  outbox.add("order.advance", { to: "cooking" }, "b");
  assert.deepEqual(hub.sent.map(([, { to }]) => to), ["cooking", "cooking"]);
  assert.equal(outbox.size, 3);
  await answer(hub, 0);
  assert.deepEqual(hub.sent.at(-1).slice(0, 2), ["order.advance", { to: "ready" }]);
  assert.equal(outbox.size, 2);
});

test("a reload sends what was not answered, under the same op_id, and forgets what was", async () => {
  const { hub, outbox, storage } = make();
  outbox.add("order.advance", { to: "cooking" }, "a");
  outbox.add("order.advance", { to: "ready" }, "a");
  await answer(hub, 0);
  const again = make({ storage });
  assert.deepEqual(again.hub.sent, [hub.sent[1]]);
  await answer(again.hub, 0);
  assert.equal(make({ storage }).outbox.size, 0);
});

test("what the hub does not know again any more is not sent after a reload", () => {
  const { outbox, storage } = make();
  outbox.add("order.advance", { to: "cooking" }, "a");
  const day = 24 * 60 * 60_000;
  assert.equal(make({ storage, now: Date.now() + day - 1000 }).outbox.size, 1);
  assert.equal(make({ storage, now: Date.now() + day + 1000 }).outbox.size, 0);
});

test("what was built on a refused change is dropped, and the refusal told once", async () => {
  const { hub, outbox, storage } = make();
  const told = [];
  outbox.addEventListener("refused", ({ detail }) => told.push(detail.code));
  const first = outbox.add("order.advance", { to: "cooking" }, "a");
  const second = outbox.add("order.advance", { to: "ready" }, "a");
  const current = { id: "a" };
  await refuse(hub, 0, { code: "invalid_transition", details: { order: current } });
  assert.deepEqual(await Promise.all([first, second]), [null, null]);
  assert.deepEqual([told, hub.sent.length, outbox.size], [["invalid_transition"], 1, 0]);
  assert.deepEqual(hub.applied, [["order", current]]);
  assert.equal(make({ storage }).outbox.size, 0);
});

test("what has not left is taken back; what may have is not", async () => {
  const { hub, outbox } = make();
  outbox.add("order.advance", {}, "a", "first");
  outbox.add("order.advance", {}, "a", "second");
  assert.equal(outbox.withdraw("second"), true, "it waits behind the first");
  assert.equal(outbox.withdraw("first"), false);
  hub.unsent.add("first");
  assert.equal(outbox.withdraw("first"), true);
  await settle();
  assert.equal(outbox.size, 0);
  assert.equal(outbox.withdraw("first"), false);
});

test("a storage that is full, or that somebody has damaged, stops nothing", async () => {
  const storage = { getItem: () => "{", setItem: () => { throw new Error("full"); } };
  const { hub, outbox } = make({ storage });
  outbox.add("order.advance", {}, "a");
  await answer(hub, 0);
  assert.equal(outbox.size, 0);
});

test("the second half of a double tap makes no second step", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { hub, actions } = make();
  actions.bump(ticket());
  actions.bump(ticket({ status: "cooking" }));
  assert.equal(hub.sent.length, 1);
  t.mock.timers.tick(450);
  actions.bump(ticket({ status: "cooking" }));
  assert.equal(actions.guarded.has("o1"), true);
});

test("the second half of a double tap on an acknowledgement bumps nothing", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { outbox, actions } = make();
  await actions.bump(ticket({ status: "cooking", items: [item({ line: 1 }), item({ line: 2, status: "cancelled" })] }));
  const noted = ticket({ status: "cooking", cancel_acked_at: "2026-11-21T12:00:00.000Z" });
  await actions.bump(noted);
  assert.deepEqual(outbox.of("o1").map(({ name }) => name), ["order.acknowledge"]);
  t.mock.timers.tick(450);
  assert.equal(actions.guarded.size, 0);
});

test("the second half of a double tap on a scheduled order does not begin the next one", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { hub, actions } = make();
  actions.fire(ticket({ id: "a" }));
  actions.fire(ticket({ id: "b" }));
  assert.deepEqual(hub.sent.map(([, { order_id }]) => order_id), ["a"]);
  t.mock.timers.tick(450);
  actions.fire(ticket({ id: "b" }));
  assert.equal(hub.sent.length, 2);
});

test("a bump of a station names its lines", () => {
  const { hub, actions } = make({ lens: new Lens({ stations: ["bar"] }) });
  actions.bump(ticket({ items: [item({ line: 1 }), item({ line: 2, station: "bar" })] }));
  assert.deepEqual(hub.sent[0][1], { order_id: "o1", to: "cooking", items: [2] });
});

test("nothing is bumped over an allergy that nobody has noted; a cancellation is acknowledged", () => {
  const { hub, actions } = make();
  actions.bump(ticket({ items: [item({ conflicts: ["egg"] })] }));
  assert.equal(hub.sent.length, 0);
  actions.bump(ticket({ status: "cancelled" }));
  assert.deepEqual(hub.sent[0].slice(0, 2), ["order.acknowledge", { order_id: "o1" }]);
});

test("a screen of some stations notes for its own that it concerns, any other screen for everybody", () => {
  const egg = { conflicts: ["egg"] };
  const order = ticket({ status: "cancelled", items: [item({ line: 1, ...egg }), item({ line: 2, station: "bar", ...egg })] });
  const said = (lens) => {
    const { hub, actions } = make({ lens });
    actions.bump(order);
    actions.noteAllergy({ ...order, id: "o2", status: "received" });
    return hub.sent.map(([name, { stations }]) => [name, stations]);
  };
  const both = (stations) => [["order.acknowledge", stations], ["order.acknowledge_allergy", stations]];
  assert.deepEqual(said(new Lens({ stations: ["cold", "bar"] })), both(["bar"]));
  for (const view of ["kitchen", "expo", "runner"]) assert.deepEqual(said(new Lens({ view })), both(undefined));
});

test("an order that nobody has to make goes to ready in one bump, and the expo does not ask about such items", async () => {
  const water = { preparation_minutes: 0 };
  const { hub, actions, asked } = make({ lens: new Lens({ view: "expo" }) });
  await actions.bump(ticket({ id: "a", items: [item({ line: 1, ...water })] }));
  assert.deepEqual(hub.sent[0][1], { order_id: "a", to: "ready" });
  await actions.bump(ticket({ id: "b", status: "cooking", items: [item({ line: 1, status: "ready" }), item({ line: 2, ...water })] }));
  assert.deepEqual([hub.sent[1][1].to, asked], ["ready", []]);
  const order = ticket({ id: "c", items: [item({ line: 1 }), item({ line: 2, ...water })] });
  actions.bumpItem(order, order.items[1]);
  assert.deepEqual(hub.sent[2].slice(0, 2), ["item.advance", { order_id: "c", line: 2, to: "ready" }]);
});

test("the expo asks before it calls an order ready that is not; a delivery asks for the ID", async () => {
  const { hub, actions, asked } = make({ lens: new Lens({ view: "expo" }) });
  await actions.bump(ticket({ id: "a", status: "cooking", items: [item({ status: "cooking" }), item({ status: "ready" })] }));
  assert.deepEqual(asked, [["unfinished", 1]]);
  await actions.bump(ticket({ id: "b", status: "delivering", items: [item({ age_restricted: true })] }));
  assert.deepEqual(asked[1], ["id", "b"]);
  assert.deepEqual(hub.sent[1][1], { order_id: "b", to: "delivered", id_checked: true });
});

test("an undo of what has not left is no recall; of anything else it is", async () => {
  const { hub, actions, outbox } = make();
  const bumps = [];
  actions.addEventListener("bumped", ({ detail }) => bumps.push(detail));
  actions.bump(ticket({ id: "a" }));
  hub.unsent.add(hub.sent[0][2]);
  actions.undo(bumps[0]);
  assert.equal(outbox.size, 0);
  actions.bump(ticket({ id: "b" }));
  actions.undo(bumps[1]);
  await answer(hub, 1, { noop: false });
  assert.deepEqual(hub.sent.at(-1).slice(0, 2), ["order.recall", { order_id: "b", undo: true }]);
});

test("a bump that somebody else had made cannot be undone here", async () => {
  const { hub, actions } = make();
  const gone = [];
  actions.addEventListener("void", ({ detail }) => gone.push(detail));
  actions.bump(ticket());
  await answer(hub, 0, { noop: true });
  assert.deepEqual(gone, [hub.sent[0][2]]);
});

test("a recall is from the version the cook saw, of a station its own lines", () => {
  const whole = make();
  whole.actions.recall(ticket({ version: 7, status: "ready" }));
  assert.deepEqual(whole.hub.sent[0].slice(0, 2), ["order.recall", { order_id: "o1", expected_version: 7 }]);
  const station = make({ lens: new Lens({ stations: ["bar"] }) });
  station.actions.recall(ticket({ version: 7, status: "cooking", items: [item({ line: 1 }), item({ line: 2, station: "bar", status: "ready" })] }));
  assert.deepEqual(station.hub.sent[0][1], { order_id: "o1", expected_version: 7, items: [2] });
});

test("one item can be cancelled, or the whole order; a dish is sold out for a while or for good", () => {
  const { hub, actions } = make();
  actions.cancel(ticket({ id: "a" }), "sold_out", { line: 2 });
  actions.cancel(ticket({ id: "b" }), "guest");
  actions.soldOut({ id: "c" }, true, "service");
  actions.soldOut({ id: "d" }, false);
  assert.deepEqual(hub.sent.map(([, args]) => args), [
    { order_id: "a", reason: "sold_out", items: [2] },
    { order_id: "b", reason: "guest" },
    { menu_item_id: "c", sold_out: true, until: "service" },
    { menu_item_id: "d", sold_out: false },
  ]);
});

test("an order is accepted once", () => {
  const { hub, actions } = make();
  actions.accept(ticket({ id: "a" }));
  actions.accept(ticket({ id: "b", accepted_at: "2026-11-21T12:00:00.000Z" }));
  actions.accept(ticket({ id: "c", status: "cooking" }));
  assert.deepEqual(hub.sent.map(([name, { order_id }]) => [name, order_id]), [["order.accept", "a"]]);
});
