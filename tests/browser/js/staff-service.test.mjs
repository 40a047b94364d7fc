import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { alarmOf, alarmsOf, byRoom, chainOf, elapsed, isUpcoming, needsAttention, waitsSince } from "../../../hub/web/static/staff/service/chain.js";
import { OrderStream } from "../../../hub/web/static/staff/service/stream.js";
import { EPOCH, SERVER_TIME } from "./support.mjs";

const AT = "2026-11-21T12:00:00.000Z";
const order = (changes = {}) => ({
  id: "o1", order_number: 1, room_number: "501", status: "received", version: 1, placed_at: AT, fire_at: null, shown_at: null, accepted_at: null,
  alerts: {}, items: [], ...changes,
});

test("the chain: a later step implies the earlier ones", () => {
  const passed = (changes) => chainOf(order(changes)).map((step) => Number(step.passed)).join("");
  assert.equal(passed({}), "100");
  assert.equal(passed({ shown_at: AT }), "110");
  assert.equal(passed({ accepted_at: AT }), "111", "a cook who bumps has seen it");
  assert.equal(passed({ status: "cooking" }), "111");
  assert.deepEqual(chainOf(order({ shown_at: AT })).map(({ at }) => at), [AT, AT, null]);
});

test("an alarm is what the desk has to do something about", () => {
  const cases = [
    [{}, null],
    [{ alerts: { unseen: AT } }, "unseen"],
    [{ alerts: { unseen: AT, hook: AT } }, "unseen"],
    [{ alerts: { unseen: AT }, shown_at: AT }, null],
    [{ alerts: { chime: AT }, shown_at: AT }, null],
    [{ alerts: { chime: AT, page: AT }, shown_at: AT }, "paged"],
    [{ alerts: { unseen: AT, hook: AT, chime: AT, page: AT } }, "lost"],
    [{ alerts: { unseen: AT, page: AT }, accepted_at: AT }, null],
    [{ alerts: { unseen: AT, page: AT }, status: "cancelled" }, null],
  ];
  for (const [changes, expected] of cases) assert.equal(alarmOf(order(changes)), expected, JSON.stringify(changes));
  assert.ok(needsAttention(order({ alerts: { chime: AT }, shown_at: AT })));
  assert.ok(!needsAttention(order({ alerts: { chime: AT }, accepted_at: AT })));
});

test("alarms: the worst first, then the oldest", () => {
  const at = (minute) => `2026-11-21T12:0${minute}:00.000Z`;
  const found = alarmsOf([
    order({ id: "young", placed_at: at(5), alerts: { unseen: AT } }),
    order({ id: "old", placed_at: at(1), alerts: { unseen: AT } }),
    order({ id: "fine" }),
    order({ id: "paged", placed_at: at(3), shown_at: AT, alerts: { page: AT } }),
    order({ id: "lost", placed_at: at(4), alerts: { unseen: AT, page: AT } }),
  ]);
  assert.deepEqual(found.map((each) => each.order.id), ["lost", "paged", "old", "young"]);
});

test("rooms in the order of a corridor, orders as they came", () => {
  const rooms = byRoom([order({ id: "c", room_number: "1001" }), order({ id: "b", placed_at: "2026-11-21T12:01:00.000Z" }), order({ id: "a" })]);
  assert.deepEqual(rooms.map(({ id }) => id), ["a", "b", "c"]);
});

test("a scheduled order waits from its time on, and never from before it was placed", () => {
  const later = "2026-11-21T13:00:00.000Z";
  assert.equal(waitsSince(order({ fire_at: later })), Date.parse(later));
  assert.equal(waitsSince(order({ placed_at: later, fire_at: AT })), Date.parse(later));
  assert.ok(isUpcoming(order({ fire_at: later }), Date.parse(AT)));
  assert.ok(!isUpcoming(order({ fire_at: later }), Date.parse(later)));
  assert.deepEqual([0, 32_900, 725_000, 3_723_000, -5].map(elapsed), ["0:00", "0:32", "12:05", "1:02:03", "0:00"]);
});

/** A browser's EventSource, to be driven step by step. */
class Source {
  static all = [];
  readyState = 0;
  #listeners = {};

  constructor() {
    Source.all.push(this);
  }

  addEventListener(kind, listener) {
    this.#listeners[kind] = listener;
  }

  say(kind, frame) {
    this.#listeners[kind]?.({ data: JSON.stringify({ type: kind, ...frame }) });
  }

  fail(readyState) {
    this.readyState = readyState;
    this.onerror?.();
  }

  close() {
    this.closed = true;
  }

  /** Up to date, with these orders. */
  join(...orders) {
    this.say("welcome", { server_time: SERVER_TIME, ping_ms: 2_000 });
    this.say("snapshot", { epoch: EPOCH, seq: 1, state: orders.map((data) => ({ kind: "order", data })) });
    this.say("position", { epoch: EPOCH, seq: 1, server_time: SERVER_TIME });
  }
}

function started() {
  Source.all = [];
  let looks = 0;
  const stream = new OrderStream({ look: async () => (looks += 1), open: () => new Source(), random: () => 0.5 });
  stream.start();
  return { stream, source: Source.all[0], looks: () => looks };
}

test("live is only what the hub has said to be up to date", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { stream, source } = started();
  source.say("welcome", { server_time: SERVER_TIME, ping_ms: 2_000 });
  source.say("snapshot", { epoch: EPOCH, seq: 1, state: [{ kind: "order", data: order() }] });
  assert.equal(stream.phase, "connecting");
  source.say("position", { epoch: EPOCH, seq: 1, server_time: SERVER_TIME });
  assert.equal(stream.phase, "live");
  source.say("event", { seq: 2, kind: "order", data: order({ version: 2, shown_at: AT }) });
  source.say("event", { seq: 3, kind: "order", data: order({ id: "done", status: "delivered" }) });
  assert.deepEqual(stream.orders.map(({ id, shown_at }) => [id, shown_at]), [["o1", AT]]);
  // silence is the end, whatever the browser believes
  mock.timers.tick(5_001);
  assert.equal(stream.phase, "connecting");
  assert.ok(source.closed);
  assert.equal(Source.all.length, 2);
  assert.equal(stream.orders.length, 1, "what was known stays, marked as old");
  stream.stop();
  mock.timers.reset();
});

test("after sleep, in which timers stand still, the clock on the wall tells that the line is dead", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { stream, source } = started();
  source.join(order());
  mock.timers.setTime(4_000);
  stream.wake();
  stream.check();
  assert.deepEqual([stream.phase, Source.all.length], ["live", 1], "it may be silent for two heartbeats");
  mock.timers.setTime(60_000);
  stream.check();
  assert.deepEqual([stream.phase, Source.all.length, source.closed], ["connecting", 2, true]);
  stream.check();
  assert.equal(Source.all.length, 2, "a line that is being made is left alone");
  stream.wake();
  assert.equal(Source.all.length, 3, "unless somebody came back");
  Source.all.at(-1).join(order());
  mock.timers.setTime(120_000);
  stream.wake();
  assert.deepEqual([stream.phase, Source.all.length], ["connecting", 4]);
  stream.stop();
  mock.timers.reset();
});

test("a break is the browser's own, a refusal asks for the session first", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { stream, source, looks } = started();
  source.join(order());
  source.fail(0);
  assert.equal(stream.phase, "connecting");
  assert.equal(Source.all.length, 1, "it comes back by itself");
  source.join(order());
  assert.equal(stream.phase, "live");
  source.fail(2);
  mock.timers.tick(1_501);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(looks(), 1);
  assert.equal(Source.all.length, 2);
  stream.stop();
  assert.deepEqual([stream.phase, stream.orders], ["off", []], "nothing is left for the next person");
  source.say("position", { epoch: EPOCH, seq: 9, server_time: SERVER_TIME });
  assert.equal(stream.phase, "off", "and nothing of the last one comes in");
  mock.timers.reset();
});
