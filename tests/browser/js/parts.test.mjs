import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../../hub/web/static/core/backoff.js";
import { ServerClock } from "../../../hub/web/static/core/clock.js";
import { closePolicy } from "../../../hub/web/static/core/closecodes.js";
import { CommandQueue, newOpId } from "../../../hub/web/static/core/commands.js";
import { Device, tokenLifeMs } from "../../../hub/web/static/core/device.js";
import { Store } from "../../../hub/web/static/core/store.js";
import { awaitsAcknowledgement, inRoom, isRecallable, onGrid, onKitchenScreen } from "../../../hub/web/static/core/visibility.js";
import { Storage, order, settle, token } from "./support.mjs";

test("the first wait lies in the hub's window, later ones double up to half a minute", () => {
  const backoff = new Backoff({ random: () => 1, windowMs: 8000 });
  assert.deepEqual(Array.from({ length: 8 }, () => backoff.next()), [8000, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  backoff.reset();
  assert.equal(backoff.next(), 8000);
  assert.equal(new Backoff({ random: () => 0 }).next(), 0);
});

test("the hub's time does not depend on the device's clock", () => {
  const monotonic = { now: 1000 };
  const wall = Date.parse("2026-11-21T11:55:00Z"); // five minutes slow
  const clock = new ServerClock({ monotonic: () => monotonic.now, wall: () => wall });
  assert.equal(clock.now(), wall);
  clock.sync("2026-11-21T12:00:00.000Z");
  monotonic.now += 1500;
  assert.equal(new Date(clock.now()).toISOString(), "2026-11-21T12:00:01.500Z");
});

test("of several samples the fastest one counts, and of nonsense none", () => {
  const monotonic = { now: 0 };
  const clock = new ServerClock({ monotonic: () => monotonic.now });
  monotonic.now = 10;
  clock.sync("2026-11-21T12:00:00.000Z"); // 10 ms on the way
  monotonic.now = 1900;
  clock.sync("2026-11-21T12:00:01.000Z"); // 900 ms on the way
  clock.sync("soon");
  assert.equal(new Date(clock.now()).toISOString(), "2026-11-21T12:00:01.890Z");
});

test("close codes below 4500 reconnect, above they do not, also unknown ones", () => {
  assert.equal(closePolicy(4001).action, "reconnect");
  assert.equal(closePolicy(4005).action, "renew");
  assert.equal(closePolicy(4010).action, "reset");
  assert.equal(closePolicy(4503).action, "recheck");
  assert.equal(closePolicy(4504).action, "stop");
  assert.equal(closePolicy(4499).action, "reconnect");
  assert.equal(closePolicy(4999).action, "stop");
  assert.equal(closePolicy(1006).action, "reconnect");
});

test("a snapshot replaces everything and says what changed", () => {
  const store = new Store();
  const seen = [];
  store.subscribe((changes, reset) => seen.push([changes.map(({ id, before, after }) => [id, before?.version, after?.version]), reset]));
  store.replace([{ kind: "order", data: order() }, { kind: "order", data: order({ id: "o2" }) }]);
  store.replace([{ kind: "order", data: order({ version: 3 }) }]);
  assert.deepEqual(seen, [
    [[["o1", undefined, 1], ["o2", undefined, 1]], true],
    [[["o1", 1, 3], ["o2", 1, undefined]], true],
  ]);
});

test("an older version never replaces a newer one; unknown kinds are ignored; removals remove", () => {
  const store = new Store();
  assert.equal(store.apply("order", order({ version: 4, status: "ready" })), true);
  assert.equal(store.apply("order", order({ version: 3, status: "cooking" })), false);
  assert.equal(store.get("order", "o1").status, "ready");
  assert.equal(store.apply("weather", { id: "w" }), false);
  assert.equal(store.apply("order.removed", { id: "o1" }), true);
  assert.equal(store.apply("order.removed", { id: "o1" }), false);
  assert.deepEqual(store.all("order"), []);
});

test("a listener that throws silences nobody else", () => {
  const reported = [];
  const store = new Store({ report: (error) => reported.push(error.message) });
  const told = [];
  store.subscribe(() => {
    throw new Error("broken");
  });
  store.subscribe((changes) => told.push(changes.length));
  store.apply("order", order());
  assert.deepEqual([reported, told], [["broken"], [1]]);
});

test("what nobody shows any more is dropped", () => {
  const store = new Store();
  store.apply("order", order());
  store.apply("order", order({ id: "o2", status: "delivered" }));
  store.prune("order", (each) => each.status !== "delivered");
  assert.deepEqual(store.all("order").map((each) => each.id), ["o1"]);
});

test("the kitchen sees work, unacknowledged cancellations, and what can be recalled", () => {
  const now = Date.parse("2026-11-21T12:30:00Z");
  const item = { line: 1, status: "cancelled" };
  assert.ok(onGrid(order({ placed_at: "2020-01-01T00:00:00Z" })), "no open ticket is hidden by its age");
  const cancelled = order({ status: "cancelled", items: [item] });
  assert.ok(onGrid(cancelled) && awaitsAcknowledgement(cancelled));
  const byStatusAlone = order({ status: "cancelled", items: [{ line: 1, status: "pending" }] });
  assert.ok(onGrid(byStatusAlone) && awaitsAcknowledgement(byStatusAlone), "another system may cancel so");
  const acknowledged = { ...cancelled, cancel_acked_at: "2026-11-21T12:00:00Z" };
  assert.ok(!onGrid(acknowledged) && !awaitsAcknowledgement(acknowledged));
  const partly = order({ status: "cooking", items: [item, { line: 2, status: "cooking" }] });
  assert.ok(onGrid(partly) && awaitsAcknowledgement(partly));
  const delivered = order({ status: "delivered", finished_at: "2026-11-21T12:00:00Z" });
  assert.ok(isRecallable(delivered, now, 30) && onKitchenScreen(delivered, now, 30) && !onGrid(delivered));
  assert.ok(!onKitchenScreen(delivered, now + 1, 30));
});

test("the room sees its active orders, and finished ones for a day", () => {
  const now = Date.parse("2026-11-22T12:00:00Z");
  assert.ok(inRoom(order(), now));
  assert.ok(inRoom(order({ status: "delivered", finished_at: "2026-11-21T12:00:00Z" }), now));
  assert.ok(!inRoom(order({ status: "delivered", finished_at: "2026-11-21T11:59:59Z" }), now));
  assert.ok(inRoom(order({ status: "cancelled", cancelled_at: "2026-11-22T11:00:00Z" }), now));
});

test("a token's life is read from the token, not from this device's clock", () => {
  assert.equal(tokenLifeMs(token(900)), 900_000);
  assert.equal(tokenLifeMs("nonsense"), 600_000);
});

test("a short token is renewed after half of its life, a long one two minutes before it ends", async () => {
  for (const [seconds, wanted] of [[900, 780_000], [60, 30_000]]) {
    const fetch = async () => ({ ok: true, json: async () => ({ credential: "c", token: token(seconds) }) });
    const device = new Device({ kind: "kitchen", storage: new Storage(), fetch, monotonic: () => 0 });
    await device.claim("CODE");
    assert.equal(device.renewInMs, wanted);
  }
});

test("operation ids are version 4 UUIDs", () => {
  const ids = new Set(Array.from({ length: 100 }, newOpId));
  assert.equal(ids.size, 100);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

const queue = () => {
  const sent = [];
  const line = { heard: 0, deaths: 0 };
  const commands = new CommandQueue({
    send: (frame) => sent.push(frame),
    heard: () => line.heard,
    dead: () => (line.deaths += 1),
    random: () => 0.5,
  });
  return { sent, line, commands };
};

test("an unanswered command is sent again after a reconnect, under the same op_id", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { sent, commands } = queue();
  const done = commands.run("order.place", {});
  assert.equal(sent.length, 0, "waits for the line");
  commands.opened(64);
  commands.closed();
  commands.opened(64);
  assert.equal(sent.length, 2);
  assert.equal(sent[0].op_id, sent[1].op_id);
  commands.answered({ id: sent[1].id, ok: true, result: { order: 1 } });
  commands.answered({ id: sent[1].id, ok: true, result: { order: 2 } });
  assert.deepEqual(await done, { order: 1 });
  assert.equal(commands.pending, 0);
});

test("a temporary error is tried again later, a final one rejects", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { sent, commands } = queue();
  commands.opened(64);
  const done = commands.run("order.place", {}, { opId: "mine" });
  const error = { code: "unavailable", message: "", temporary: true, details: {} };
  commands.answered({ id: 1, ok: false, error });
  assert.equal(sent.length, 1);
  t.mock.timers.tick(250);
  assert.equal(sent.length, 2);
  assert.equal(sent[1].op_id, "mine");
  commands.answered({ id: 1, ok: false, error: { ...error, code: "out_of_stock", temporary: false, details: { left: [] } } });
  await assert.rejects(done, { code: "out_of_stock", details: { left: [] } });
});

test("no answer for 15 s on a live line: asked again", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { sent, line, commands } = queue();
  commands.opened(64);
  commands.run("order.place", {});
  line.heard += 1;
  t.mock.timers.tick(15_000);
  assert.deepEqual([sent.length, line.deaths], [2, 0]);
});

test("no answer and no other frame for 15 s: the line is dead, nothing more is sent into it", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { sent, line, commands } = queue();
  commands.opened(64);
  commands.run("order.place", {});
  t.mock.timers.tick(15_000);
  assert.deepEqual([sent.length, line.deaths], [1, 1]);
});

test("only what was never sent can be withdrawn", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { commands } = queue();
  const waiting = commands.run("order.place", {}, { opId: "a" });
  assert.equal(commands.withdraw("a"), true);
  await assert.rejects(waiting, { code: "withdrawn" });
  commands.run("order.place", {}, { opId: "b" });
  commands.opened(64);
  commands.closed();
  assert.equal(commands.withdraw("b"), false);
  await settle();
});

test("what was sent can be let go of: it is not sent again, and its room is free", async () => {
  const { sent, commands } = queue();
  const old = commands.run("order.place", {}, { opId: "a" });
  commands.opened(2);
  commands.run("order.place", {}, { opId: "b" }).catch(() => {});
  assert.equal(commands.withdraw("a", { sent: true }), true);
  await assert.rejects(old, { code: "withdrawn" });
  commands.closed();
  commands.opened(2);
  assert.deepEqual(sent.map(({ op_id: opId }) => opId), ["a", "b", "b"]);
  commands.abandon();
});

test("quotes and sightings have no op_id", () => {
  const { sent, commands } = queue();
  commands.opened(64);
  commands.run("order.quote", {}).catch(() => {});
  commands.run("order.seen", {}).catch(() => {});
  assert.ok(sent.every((frame) => !("op_id" in frame)));
  commands.abandon();
});

test("of many commands half of what the hub lets wait are on their way, the others follow in their order", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { sent, commands } = queue();
  const ids = () => sent.splice(0).map(({ id }) => id);
  const upTo = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
  for (let n = 1; n <= 100; n++) commands.run("order.advance", {}, { opId: `op${n}` }).catch(() => {});
  commands.opened(64);
  assert.deepEqual(ids(), upTo(1, 32));
  commands.answered({ id: 7, ok: true, result: {} });
  assert.deepEqual(ids(), [33]);
  const busy = { code: "unavailable", message: "", temporary: true, details: {} };
  commands.answered({ id: 1, ok: false, error: busy });
  assert.deepEqual(ids(), [34], "one that rests leaves its room to others");
  t.mock.timers.tick(250);
  assert.deepEqual(ids(), [], "and waits for room as they do");
  commands.answered({ id: 2, ok: true, result: {} });
  assert.deepEqual(ids(), [1]);
  assert.equal(commands.withdraw("op100"), true, "what has no room yet has not left");
  commands.closed();
  commands.opened(64);
  assert.equal(sent.length, 32, "the same over a new line");
  commands.abandon();
});
