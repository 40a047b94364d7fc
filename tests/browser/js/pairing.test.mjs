/** Pairing, credentials that rotate, wipes, and why a screen is closed: driven step by step. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Device, Refused } from "../../../hub/web/static/core/device.js";
import { Pairing } from "../../../hub/web/static/core/pairing.js";
import { isClosed, mayPairAgain } from "../../../hub/web/static/hub.js";
import { Cooks } from "../../../hub/web/static/kitchen/cooks.js";
import { liveHub, makeHub, settle, SERVER_TIME, Socket, Storage, token, welcome } from "./support.mjs";

const timers = (t) => t.mock.timers.enable({ apis: ["setTimeout"] });
const STARTED = { device_code: "secret", user_code: "BCDF-GHJK", qr: ["10", "01"], expires_in: 600, interval: 3 };
const final = (code, details = {}) => [403, { code, temporary: false, details }];

function makePairing(answers) {
  const asked = [];
  const adopted = [];
  const monotonic = { now: 0 };
  const ask = async (path, body) => {
    asked.push([path.split("/").at(-1), body]);
    const answer = answers.shift() ?? { status: "pending" };
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const pairing = new Pairing({
    type: "tablet", client: "test", ask, adopt: (answer) => adopted.push(answer), monotonic: () => monotonic.now, random: () => 0.5,
  });
  return { pairing, asked, adopted, monotonic };
}

const tick = async (t, ms) => {
  t.mock.timers.tick(ms);
  await settle();
};

test("a code is shown until it is approved, and the answer is kept", async (t) => {
  timers(t);
  const approved = { status: "approved", credential: "t.d.secret" };
  const { pairing, asked, adopted } = makePairing([STARTED, { status: "pending" }, approved]);
  pairing.start();
  pairing.start(); // once is enough
  await settle();
  assert.equal(pairing.state.code, "BCDF-GHJK");
  assert.equal(pairing.state.leftMs(), 600_000);
  await tick(t, 2999);
  assert.equal(asked.length, 1, "not before the interval");
  await tick(t, 1);
  await tick(t, 3000);
  assert.deepEqual(adopted, [approved]);
  assert.equal(pairing.state, null);
  await tick(t, 60_000);
  assert.deepEqual(asked.map(([name]) => name), ["pairing", "poll", "poll"]);
  assert.deepEqual(asked[0][1], { device_type: "tablet", client: "test" });
});

test("a code that is over is followed by a new one", async (t) => {
  timers(t);
  const next = { ...STARTED, user_code: "ZZZZ-ZZZZ" };
  const { pairing, monotonic } = makePairing([STARTED, new Refused("unauthorized"), next, { status: "pending" }, STARTED]);
  pairing.start();
  await settle();
  await tick(t, 3000);
  assert.equal(pairing.state.code, "ZZZZ-ZZZZ", "the hub says that it is over");
  monotonic.now = 600_000;
  await tick(t, 3000);
  assert.equal(pairing.state.code, "BCDF-GHJK", "its time is over");
});

test("while the hub cannot be reached the code stays, and it asks again", async (t) => {
  timers(t);
  const { pairing, asked, adopted } = makePairing([new Error("net"), STARTED, new Error("net"), { status: "approved" }]);
  pairing.start();
  await settle();
  assert.equal(pairing.state, null);
  await tick(t, 500);
  assert.equal(pairing.state.code, "BCDF-GHJK");
  await tick(t, 3000);
  assert.equal(pairing.state.code, "BCDF-GHJK");
  await tick(t, 3500);
  assert.equal(adopted.length, 1);
  assert.equal(asked.length, 4);
});

test("who has stopped asks for nothing, and a late answer is nobody's", async (t) => {
  timers(t);
  const { pairing, asked } = makePairing([STARTED, STARTED]);
  pairing.start();
  pairing.stop();
  await settle();
  await tick(t, 60_000);
  assert.equal(asked.length, 1);
  assert.equal(pairing.state, null);
  pairing.start();
  await settle();
  assert.equal(pairing.state.code, "BCDF-GHJK");
});

test("a credential is exchanged when the hub says so; a lost answer costs nothing", async () => {
  const storage = new Storage();
  storage.setItem("hub.device.tablet", "old");
  const asked = [];
  let lose = true;
  const fetch = async (path, { body }) => {
    asked.push([path.split("/").at(-1), JSON.parse(body).credential]);
    if (path.endsWith("rotate") && lose) throw new TypeError("lost");
    const answer = path.endsWith("rotate") ? { credential: "new" } : { token: token(900), rotate: true, wipe: null };
    return { ok: true, status: 200, json: async () => answer };
  };
  const device = new Device({ kind: "tablet", storage, fetch, monotonic: () => 0 });
  await device.token();
  assert.equal(storage.getItem("hub.device.tablet"), "old");
  lose = false;
  device.forgetToken();
  await device.token();
  assert.equal(storage.getItem("hub.device.tablet"), "new");
  device.forgetToken();
  await device.token();
  assert.deepEqual(asked.filter(([name]) => name === "token").map(([, credential]) => credential), ["old", "old", "new"]);
});

test("told to wipe: first everything goes, then the hub hears it, then there is a token with a stay", async (t) => {
  timers(t);
  const steps = [];
  let wiped = false;
  const { hub } = makeHub({
    answer: (path) => {
      steps.push(path.split("/").at(-1));
      if (path.endsWith("wiped")) {
        wiped = true;
        return [200, { wiped: true }];
      }
      return [200, { credential: "t.d.s", token: token(900), wipe: wiped ? null : "2026-11-21T03:00:00.000001Z", rotate: false }];
    },
  });
  hub.addEventListener("wipe", () => steps.push("wipe"));
  hub.start("CODE");
  await settle();
  assert.deepEqual(steps, ["claim", "wipe", "wiped", "token"]);
  assert.equal(Socket.all.length, 1);
});

test("a wipe that the hub did not hear is done again before anything is shown", async (t) => {
  timers(t);
  let cut = true;
  const { hub } = makeHub({
    answer: (path) => {
      if (path.endsWith("wiped") && cut) return new TypeError("net");
      return [200, { credential: "t.d.s", token: token(900), wipe: cut ? "2026-11-21T03:00:00.000001Z" : null, rotate: false }];
    },
  });
  let wipes = 0;
  hub.addEventListener("wipe", () => (wipes += 1));
  hub.start("CODE");
  await settle();
  assert.deepEqual([hub.phase, wipes, Socket.all.length], ["connecting", 1, 0]);
  cut = false;
  await tick(t, 500);
  assert.equal(Socket.all.length, 1);
});

test("asked for another wipe while it does the first: it wipes again, and says which one it has done", async (t) => {
  timers(t);
  const [first, second] = ["2026-11-21T03:00:00.000001Z", "2026-11-21T03:00:07.000002Z"];
  let wanted = first;
  const done = [];
  const { hub } = makeHub({
    answer: (path, { requested_at }) => {
      if (path.endsWith("wiped")) {
        done.push(requested_at);
        if (done.length === 1) wanted = second;
        if (requested_at !== wanted) return [409, { code: "conflict", temporary: false, details: {} }];
        wanted = null;
        return [200, { wiped: true }];
      }
      return [200, { credential: "t.d.s", token: token(900), wipe: wanted, rotate: false }];
    },
  });
  let wipes = 0;
  hub.addEventListener("wipe", () => (wipes += 1));
  hub.start("CODE");
  await settle();
  assert.deepEqual([hub.phase, wipes, Socket.all.length], ["connecting", 1, 0]);
  await tick(t, 500);
  assert.deepEqual([done, wipes, Socket.all.length], [[first, second], 2, 1]);
});

for (const [details, reason, again] of [
  [{ device_status: "suspended" }, "device_suspended", false],
  [{ device_status: "lost" }, "device_lost", true],
  [{ device_status: "retired" }, "device_retired", true],
  [{ tenant_status: "suspended" }, "hotel_suspended", false],
]) {
  test(`closed because of ${reason}: it says so, and comes back by itself`, async (t) => {
    timers(t);
    let closed = false;
    const made = await liveHub({ answer: () => (closed ? final("forbidden", details) : null) });
    const { hub } = made;
    closed = true;
    Socket.last.closed(details.tenant_status ? 4507 : 4503);
    await tick(t, 1000);
    assert.deepEqual([hub.phase, hub.reason], ["ended", reason]);
    assert.deepEqual([isClosed(hub), mayPairAgain(hub)], [true, again]);
    assert.equal(hub.store.all("order").length, 0, "nothing of the hotel stays on the screen");
    closed = false;
    const sockets = Socket.all.length;
    await tick(t, 30_000);
    assert.equal(Socket.all.length, sockets + 1);
    welcome(Socket.last);
  });
}

test("a device that was retired gives up its credential and waits for a place", async (t) => {
  timers(t);
  let closed = false;
  const { hub, storage } = await liveHub({ answer: () => (closed ? final("forbidden", { device_status: "retired" }) : null) });
  closed = true;
  Socket.last.closed(4503);
  await tick(t, 1000);
  hub.pairAgain();
  await settle();
  assert.deepEqual([hub.phase, storage.getItem("hub.device.kitchen")], ["unpaired", null]);
  closed = false;
  hub.pairing.adopt({ credential: "t.d.n", token: token(900), expires_at: SERVER_TIME });
  await settle();
  assert.equal(storage.getItem("hub.device.kitchen"), "t.d.n");
  assert.equal(Socket.last.sent.length, 0);
  Socket.last.open();
  assert.equal(Socket.last.sent[0].type, "hello");
});

test("the cook of a screen: asked for, changed by PIN, a wrong one changes nothing", async () => {
  const asked = [];
  const answers = [
    { cooks: [{ id: "a", name: "Aoki" }], current: null },
    new Error("unauthorized"),
    { current: { id: "a", name: "Aoki" } },
    { current: null },
  ];
  const hub = {
    command: async (name, args) => {
      asked.push([name, args]);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const cooks = new Cooks(hub);
  let changes = 0;
  cooks.addEventListener("change", () => (changes += 1));
  await cooks.refresh();
  assert.equal(await cooks.enter("a", "1"), false);
  assert.deepEqual([cooks.current, changes], [null, 1]);
  assert.equal(await cooks.enter("a", "4711"), true);
  assert.deepEqual(cooks.current, { id: "a", name: "Aoki" });
  assert.deepEqual(asked.at(-1), ["cook.switch", { staff_id: "a", pin: "4711" }]);
  await cooks.leave();
  assert.deepEqual([cooks.current, cooks.list.length], [null, 1]);
});

test("a phone whose guest has left gives up its credential, and asks no more", async (t) => {
  timers(t);
  let left = false;
  const made = await liveHub({ answer: () => (left ? final("stay_ended") : null) });
  const { hub, storage, asked } = made;
  left = true;
  Socket.last.closed(4503);
  await tick(t, 1000);
  assert.deepEqual([hub.phase, hub.reason, storage.getItem("hub.device.kitchen")], ["ended", "stay_ended", null]);
  assert.equal(hub.store.all("order").length, 0);
  const before = asked.length;
  await tick(t, 120_000);
  assert.equal(asked.length, before);
});

test("a credential that is good for nothing is given up, and nothing is asked for with it", async (t) => {
  timers(t);
  let closed = false;
  const { hub, storage, asked } = await liveHub({ answer: () => (closed ? final("forbidden", { device_status: "retired" }) : null) });
  closed = true;
  hub.addEventListener("phase", () => hub.phase === "ended" && hub.forget());
  Socket.last.closed(4503);
  await tick(t, 1000);
  assert.deepEqual([hub.phase, hub.reason, storage.getItem("hub.device.kitchen")], ["ended", "device_retired", null]);
  const before = asked.length;
  await tick(t, 120_000);
  assert.equal(asked.length, before);
});
