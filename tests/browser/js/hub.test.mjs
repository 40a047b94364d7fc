import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { EPOCH, Socket, event, liveHub, makeHub, order, position, settle, snapshot, token, welcome } from "./support.mjs";

const timers = (t) => t.mock.timers.enable({ apis: ["setTimeout"] });

beforeEach(() => (Socket.all = []));

test("a code from the address becomes a credential; the token travels in the first frame", async (t) => {
  timers(t);
  const { hub, asked, storage } = makeHub();
  hub.start("CODE");
  await settle();
  assert.deepEqual(asked, [["/api/v1/devices/claim", { code: "CODE" }]]);
  assert.equal(storage.getItem("hub.device.kitchen"), "t.d.s");
  Socket.last.open();
  assert.deepEqual(Socket.last.protocols, ["hub.v1.json"]);
  assert.equal(Socket.last.sent[0].type, "hello");
  assert.ok(!("since" in Socket.last.sent[0]));
  assert.ok(!Socket.last.url.includes("token"));
});

test("live means: the position after the join has come", async (t) => {
  timers(t);
  const { hub } = makeHub();
  hub.start("CODE");
  await settle();
  welcome(Socket.last);
  snapshot(Socket.last, 5, [order()]);
  assert.equal(hub.phase, "connecting");
  position(Socket.last, 5);
  assert.equal(hub.phase, "live");
  assert.equal(hub.store.all("order").length, 1);
});

test("events apply in order; a repeat is ignored; the position follows what was applied", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  event(Socket.last, 9, order({ version: 2, status: "cooking" }));
  event(Socket.last, 9, order({ version: 9, status: "ready" }));
  event(Socket.last, 7, order({ version: 9, status: "ready" }));
  assert.equal(hub.store.get("order", "o1").status, "cooking");
  Socket.last.closed();
  t.mock.timers.tick(1000);
  await settle();
  Socket.last.open();
  assert.deepEqual(Socket.last.sent[0].since, { epoch: EPOCH, seq: 9 });
});

test("a resumed session replays into what is there; another epoch starts over", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  Socket.last.closed(4001);
  t.mock.timers.tick(1000);
  await settle();
  welcome(Socket.last);
  event(Socket.last, 6, order({ id: "o2" }));
  position(Socket.last, 6);
  assert.equal(hub.store.all("order").length, 2);
  position(Socket.last, 7, "another-epoch");
  assert.equal(hub.phase, "connecting");
  Socket.last.closed();
  t.mock.timers.tick(1000);
  await settle();
  Socket.last.open();
  assert.ok(!("since" in Socket.last.sent[0]));
});

test("two intervals without a frame: stale, and a new socket only after the old one is closed", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  const first = Socket.last;
  t.mock.timers.tick(3999);
  assert.equal(hub.phase, "live");
  t.mock.timers.tick(1);
  assert.equal(hub.phase, "connecting");
  assert.equal(hub.reason, "silence");
  assert.equal(first.readyState, 2);
  t.mock.timers.tick(500);
  await settle();
  assert.equal(Socket.all.length, 1, "the old socket has not closed yet");
  first.closed();
  await settle();
  assert.equal(Socket.all.length, 2);
});

test("a dead network cannot hold the new socket back for more than 2.5 s", async (t) => {
  timers(t);
  await liveHub();
  t.mock.timers.tick(4000);
  t.mock.timers.tick(2500);
  await settle();
  assert.equal(Socket.all.length, 2);
});

test("a socket that is only being opened is no word from the hub", async (t) => {
  timers(t);
  const { hub, monotonic } = await liveHub();
  const heard = hub.lastFrameAt;
  Socket.last.closed();
  for (let n = 0; n < 3; n++) {
    monotonic.now += 2000;
    t.mock.timers.tick(30_000);
    await settle();
    Socket.last.open();
    Socket.last.closed();
  }
  assert.ok(Socket.all.length > 2);
  assert.equal(hub.lastFrameAt, heard);
  assert.equal(hub.now() - heard, 6000);
});

test("any frame feeds the watchdog", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  for (let n = 0; n < 5; n++) {
    t.mock.timers.tick(3000);
    position(Socket.last, 5);
  }
  assert.equal(hub.phase, "live");
});

test("a late word from an old socket changes nothing", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  const old = Socket.last;
  const { onmessage, onclose } = old;
  hub.doubt();
  old.closed();
  t.mock.timers.tick(1000);
  await settle();
  welcome(Socket.last);
  position(Socket.last, 5);
  onmessage({ data: JSON.stringify({ type: "event", seq: 99, kind: "order", data: order({ version: 9, status: "ready" }) }) });
  onclose({ code: 4504 });
  assert.equal(hub.phase, "live");
  assert.equal(hub.store.get("order", "o1").status, "received");
});

test("the hub names the window of the first retry", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  Socket.last.receive({ type: "bye", code: 4001, reason: "drain", retry_ms: 10_000 });
  Socket.last.closed(4001);
  t.mock.timers.tick(4999);
  await settle();
  assert.equal(Socket.all.length, 1);
  t.mock.timers.tick(1);
  await settle();
  assert.equal(Socket.all.length, 2);
  assert.equal(hub.phase, "connecting");
});

test("somebody asks, or the network is back: at once, but never two sockets", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  Socket.last.closed();
  hub.retry();
  hub.retry();
  await settle();
  hub.retry();
  await settle();
  assert.equal(Socket.all.length, 2);
});

test("a token that ended is renewed before the next hello; one that ends soon is refreshed in-band", async (t) => {
  timers(t);
  const { asked } = await liveHub();
  t.mock.timers.tick(1);
  Socket.last.closed(4005);
  t.mock.timers.tick(1000);
  await settle();
  assert.equal(asked.filter(([path]) => path.endsWith("/token")).length, 1);
});

test("in-band refresh keeps the socket", async (t) => {
  timers(t);
  const { hub, asked } = await liveHub({ seconds: 2 });
  for (let n = 0; n < 2; n++) {
    t.mock.timers.tick(1000);
    await settle();
  }
  assert.ok(asked.some(([path]) => path.endsWith("/token")) || Socket.last.sent.some((frame) => frame.type === "refresh"));
  assert.ok(Socket.last.sent.some((frame) => frame.type === "refresh"));
  assert.equal(hub.phase, "live");
  assert.equal(Socket.all.length, 1);
});

test("a hub that waits for a wipe says so when a token is renewed", async (t) => {
  timers(t);
  let [since, now] = [null, 0];
  t.mock.method(performance, "now", () => now);
  const paths = [];
  const answer = (path) => {
    paths.push(path);
    if (path.endsWith("/wiped")) since = null;
    return [200, { credential: "t.d.s", token: token(2), expires_at: "", wipe: since }];
  };
  const { hub } = await liveHub({ answer });
  let wiped = 0;
  hub.addEventListener("wipe", () => (wiped += 1));
  since = "2026-11-22T10:00:00Z";
  now += 1000;
  t.mock.timers.tick(1000);
  await settle();
  assert.equal(wiped, 1);
  assert.ok(paths.some((path) => path.endsWith("/wiped")));
  assert.deepEqual(hub.store.all("order"), []);
});

test("replaced by a newer session: stays away until somebody asks", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  Socket.last.closed(4504);
  assert.deepEqual([hub.phase, hub.reason], ["ended", "replaced"]);
  t.mock.timers.tick(600_000);
  await settle();
  assert.equal(Socket.all.length, 1);
  hub.retry();
  await settle();
  welcome(Socket.last);
  snapshot(Socket.last, 1);
  position(Socket.last, 1);
  assert.equal(hub.phase, "live");
});

test("revoked: one fresh token, then the session is over and nothing is left of it", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  Socket.last.closed(4503);
  t.mock.timers.tick(1000);
  await settle();
  assert.equal(Socket.all.length, 2);
  Socket.last.open();
  Socket.last.closed(4503);
  assert.deepEqual([hub.phase, hub.reason], ["ended", "revoked"]);
  assert.deepEqual(hub.store.all("order"), []);
});

test("the end of the stay wipes everything and takes back what was not sent", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  let wiped = 0;
  hub.addEventListener("wipe", () => (wiped += 1));
  const waiting = hub.command("order.place", {});
  event(Socket.last, 6, { topic: "stay:x" }, "topic.ended");
  Socket.last.closed(4503);
  await assert.rejects(waiting, { code: "session_ended" });
  assert.equal(wiped, 1);
  assert.deepEqual(hub.store.all("order"), []);
  assert.deepEqual([hub.phase, hub.reason], ["ended", "stay_ended"]);
});

test("the next guest's session starts from nothing", async (t) => {
  timers(t);
  const { hub } = makeHub();
  hub.start("CODE");
  await settle();
  welcome(Socket.last, { principal: { stay_id: "first" } });
  snapshot(Socket.last, 5, [order()]);
  position(Socket.last, 5);
  let wiped = 0;
  hub.addEventListener("wipe", () => (wiped += 1));
  Socket.last.closed(4005);
  t.mock.timers.tick(1000);
  await settle();
  welcome(Socket.last, { principal: { stay_id: "second" } });
  assert.equal(wiped, 1);
  assert.deepEqual(hub.store.all("order"), []);
  Socket.last.closed();
  t.mock.timers.tick(1000);
  await settle();
  welcome(Socket.last, { principal: { stay_id: "second" } });
  assert.ok(!("since" in Socket.last.sent[0]));
  snapshot(Socket.last, 1);
  position(Socket.last, 1);
  assert.equal(hub.phase, "live");
});

test("a code that was used before falls back to the credential of the first time", async (t) => {
  timers(t);
  const { storage } = await liveHub();
  const refusing = (path) => (path.endsWith("/claim") ? [401, { code: "unauthorized", temporary: false }] : undefined);
  const { hub } = makeHub({ storage, answer: refusing });
  hub.start("CODE");
  await settle();
  welcome(Socket.last);
  snapshot(Socket.last, 1);
  position(Socket.last, 1);
  assert.equal(hub.phase, "live");
});

test("without code and credential: unpaired; without a network: connecting", async (t) => {
  timers(t);
  const alone = makeHub();
  alone.hub.start();
  await settle();
  assert.equal(alone.hub.phase, "unpaired");
  const cut = makeHub({ answer: () => new TypeError("Failed to fetch") });
  cut.hub.start("CODE");
  await settle();
  assert.equal(cut.hub.phase, "connecting");
  assert.equal(cut.asked.length, 1);
  t.mock.timers.tick(500);
  await settle();
  assert.equal(cut.asked.length, 2, "the code is tried again: the hub never saw it");
});

test("an answer is shown at once, and the event that follows changes nothing", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  const done = hub.command("order.advance", { order_id: "o1", to: "cooking" });
  const [frame] = Socket.last.commands("order.advance");
  const cooking = order({ version: 3, status: "cooking" });
  Socket.last.receive({ type: "reply", id: frame.id, ok: true, result: { order: cooking, noop: false } });
  await done;
  assert.equal(hub.store.get("order", "o1").status, "cooking");
  event(Socket.last, 6, order({ version: 2 }));
  assert.equal(hub.store.get("order", "o1").version, 3);
});

test("frames of a newer hub are ignored", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  Socket.last.receive({ type: "poem", lines: [] });
  event(Socket.last, 6, { id: "x" }, "poem");
  assert.equal(hub.phase, "live");
});

test("only the hub's own final word is a refusal: any other answer leaves everything as it is", async (t) => {
  timers(t);
  let answer;
  const { hub } = await liveHub({ answer: (path) => (path.endsWith("/token") ? answer : undefined) });
  const html = new SyntaxError("Unexpected token '<'");
  const strangers = [[404, html], [403, html], [200, html], [404, {}], [403, { code: "x" }], [400, { code: 7, temporary: false }]];
  for (const stranger of strangers) {
    answer = stranger;
    Socket.last.closed(4005);
    t.mock.timers.tick(30_000);
    await settle();
    assert.equal(hub.phase, "connecting", JSON.stringify(stranger));
    assert.equal(hub.store.all("order").length, 1);
  }
  const over = assert.rejects(hub.command("order.advance", { order_id: "o1", to: "cooking" }), { code: "session_ended" });
  assert.equal(hub.pending, 1, "a bump waits");
  answer = [401, { code: "unauthorized", temporary: false }];
  t.mock.timers.tick(30_000);
  await settle();
  assert.deepEqual([hub.phase, hub.reason], ["unpaired", "unauthorized"]);
  await over;
});

test("a dead line is let go when a command has no answer, and the command goes over the next one", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  welcome(Socket.last, { pingMs: 20_000 });
  hub.command("order.place", {}, { opId: "mine" });
  t.mock.timers.tick(15_000);
  assert.deepEqual([hub.phase, hub.reason], ["connecting", "silence"]);
  Socket.last.closed();
  t.mock.timers.tick(1000);
  await settle();
  welcome(Socket.last);
  position(Socket.last, 5);
  assert.deepEqual(Socket.all.map((socket) => socket.commands("order.place").map((frame) => frame.op_id)), [["mine"], ["mine"]]);
});

test("the answer about a dish does not overwrite what an event has said", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  event(Socket.last, 6, { id: "soup", sold_out: false }, "menu_item");
  const done = hub.command("menu.sold_out", { menu_item_id: "soup", sold_out: true });
  const [frame] = Socket.last.commands("menu.sold_out");
  Socket.last.receive({ type: "reply", id: frame.id, ok: true, result: { menu_item: { id: "soup", sold_out: true } } });
  await done;
  assert.equal(hub.store.get("menu_item", "soup").sold_out, false);
});

test("a device whose monotonic clock slept with it finds out by the wall clock", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  assert.equal(hub.check(), true);
  const now = Date.now();
  t.mock.method(Date, "now", () => now + 60_000);
  assert.equal(hub.check(), false);
  assert.equal(hub.phase, "connecting");
});

test("an outage with more commands than the hub lets wait ends with all of them sent", async (t) => {
  timers(t);
  const { hub } = await liveHub();
  Socket.last.closed();
  const done = Array.from({ length: 70 }, (_, n) => hub.command("order.advance", { order_id: `o${n}`, to: "cooking" }));
  t.mock.timers.tick(1000);
  await settle();
  welcome(Socket.last);
  position(Socket.last, 5);
  const frames = () => Socket.last.commands("order.advance");
  assert.equal(frames().length, 32);
  for (let n = 0; n < 70; n++) Socket.last.receive({ type: "reply", id: frames()[n].id, ok: true, result: {} });
  await Promise.all(done);
  assert.equal(hub.pending, 0);
});
