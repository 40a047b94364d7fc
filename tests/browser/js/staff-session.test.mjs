import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem, StaffSession } from "../../../hub/web/static/staff/session.js";
import { settle } from "./support.mjs";

const ME = { id: "p1", name: "Aoi", role: "front", permissions: ["self", "stay.read"], hotel: { id: "h", name: "Akari", slug: "demo" }, second_factor: "off" };
const HOUR = Date.parse("2026-11-21T12:00:00Z");
const session = (n, me = ME) => ({ csrf: `csrf-${n}`, expires_at: new Date(HOUR + n * 900_000).toISOString(), me });
const problem = (status, code, more = {}) => [status, { code, detail: "", temporary: false, details: {}, ...more }];

/** A hub of one answer per address: `answers["GET /x"]` is `[status, document, headers?]`, or a function of the request. */
function open(answers, { locks = null } = {}) {
  const asked = [];
  const fetch = async (path, { method, headers, body }) => {
    const request = { method, path, headers, body: body === undefined ? undefined : JSON.parse(body) };
    asked.push(request);
    const given = answers[`${method} ${path.replace("/api/v1", "")}`];
    const answer = typeof given === "function" ? await given(request) : given;
    if (answer === undefined || answer instanceof Error) throw answer ?? new TypeError("no network");
    const [status, document, told = {}] = answer;
    return { ok: status < 300, status, headers: new Headers(told), json: async () => document };
  };
  const clock = { now: HOUR };
  return { staff: new StaffSession({ fetch, locks, now: () => clock.now }), asked, answers, clock };
}

const signedIn = async (answers, options) => {
  const made = open({ "GET /staff/session": [200, session(1)], ...answers }, options);
  await made.staff.start();
  made.asked.length = 0;
  return made;
};
const tried = (asked) => asked.map(({ method, path }) => `${method} ${path.replace("/api/v1", "")}`);

test("a browser that holds a session goes on with it", async () => {
  const { staff } = await signedIn({});
  assert.deepEqual([staff.phase, staff.me.name, staff.may("stay.read"), staff.may("device.pair")], ["in", "Aoi", true, false]);
});

test("a session whose access has run out is refreshed once at the start; without one, somebody must sign in", async () => {
  const late = open({ "GET /staff/session": problem(401, "token_expired"), "POST /staff/session/refresh": [200, session(1)] });
  await late.staff.start();
  assert.deepEqual([late.staff.phase, tried(late.asked)], ["in", ["GET /staff/session", "POST /staff/session/refresh"]]);
  const none = open({ "GET /staff/session": problem(401, "unauthorized"), "POST /staff/session/refresh": problem(401, "unauthorized") });
  await none.staff.start();
  assert.deepEqual([none.staff.phase, none.staff.ended], ["out", false]);
});

test("without a hub nobody is signed out", async () => {
  const { staff } = open({});
  await staff.start();
  assert.equal(staff.phase, "away");
});

test("every request says that it comes from a browser, and a change carries the CSRF token", async () => {
  const { staff, asked } = await signedIn({ "POST /x": [200, {}], "GET /x": [200, {}] });
  await staff.call("POST", "/api/v1/x", {});
  await staff.call("GET", "/api/v1/x");
  assert.deepEqual(asked.map(({ headers }) => [headers["X-Hub-Client"], headers["X-CSRF-Token"]]), [["browser", "csrf-1"], ["browser", undefined]]);
});

test("an expired token is renewed and the request repeated under the same key", async () => {
  let stale = true;
  const { staff, asked } = await signedIn({
    "POST /stays": () => (stale ? problem(401, "token_expired") : [201, { stay_id: "s" }]),
    "POST /staff/session/refresh": () => ((stale = false), [200, session(2)]),
  });
  assert.deepEqual(await staff.once("POST", "/api/v1/stays", { room_number: "501" }), { stay_id: "s" });
  const stays = asked.filter(({ path }) => path.endsWith("/stays"));
  assert.equal(stays.length, 2);
  assert.equal(stays[0].headers["Idempotency-Key"], stays[1].headers["Idempotency-Key"]);
  assert.deepEqual(stays.map(({ headers }) => headers["X-CSRF-Token"]), ["csrf-1", "csrf-2"]);
});

test("many requests that find the token expired renew it once", async () => {
  let stale = true;
  const { staff, asked } = await signedIn({
    "GET /x": () => (stale ? problem(401, "token_expired") : [200, {}]),
    "POST /staff/session/refresh": () => ((stale = false), [200, session(2)]),
  });
  await Promise.all(Array.from({ length: 5 }, () => staff.call("GET", "/api/v1/x")));
  assert.equal(tried(asked).filter((each) => each === "POST /staff/session/refresh").length, 1);
});

test("of two tabs the second takes what the first has renewed", async () => {
  let tail = Promise.resolve();
  const locks = { request: (_, work) => (tail = tail.then(work, work)) };
  let now = session(1);
  const answers = {
    "GET /staff/session": () => [200, now],
    "GET /x": () => (now.csrf === "csrf-1" ? problem(401, "token_expired") : [200, {}]),
    "POST /staff/session/refresh": () => ((now = session(2)), [200, now]),
  };
  const [one, other] = [await signedIn(answers, { locks }), await signedIn(answers, { locks })];
  await Promise.all([one, other].map(({ staff }) => staff.call("GET", "/api/v1/x")));
  const refreshes = [...one.asked, ...other.asked].filter(({ path }) => path.endsWith("/refresh"));
  assert.equal(refreshes.length, 1);
});

test("a refusal that is about the request is not taken for the end of the session", async () => {
  const { staff, asked } = await signedIn({ "POST /staff/password": problem(401, "unauthorized") });
  await assert.rejects(staff.call("POST", "/api/v1/staff/password", {}), { code: "unauthorized" });
  assert.equal(staff.phase, "in");
  assert.equal(tried(asked).filter((each) => each === "POST /staff/password").length, 1, "a wrong password counts once");
});

test("a session that was ended elsewhere sends to the sign-in, and says so", async () => {
  const { staff, answers } = await signedIn({ "GET /x": problem(401, "unauthorized"), "POST /staff/session/refresh": problem(401, "unauthorized") });
  answers["GET /staff/session"] = problem(401, "unauthorized");
  await assert.rejects(staff.call("GET", "/api/v1/x"), { status: 401 });
  assert.deepEqual([staff.phase, staff.ended, staff.me], ["out", true, null]);
});

test("an old CSRF token is fetched anew, and the request repeated", async () => {
  const { staff, answers, asked } = await signedIn({
    "POST /x": ({ headers }) => (headers["X-CSRF-Token"] === "csrf-2" ? [200, { ok: 1 }] : problem(403, "forbidden", { details: { field: "X-CSRF-Token" } })),
  });
  answers["GET /staff/session"] = [200, session(2)];
  assert.deepEqual(await staff.call("POST", "/api/v1/x", {}), { ok: 1 });
  assert.equal(asked.filter(({ path }) => path.endsWith("/refresh")).length, 0);
});

test("nothing is repeated as somebody else whom another tab has signed in", async () => {
  const { staff, answers, asked } = await signedIn({ "POST /x": problem(403, "forbidden", { details: { field: "X-CSRF-Token" } }) });
  answers["GET /staff/session"] = [200, session(2, { ...ME, id: "p2" })];
  await assert.rejects(staff.call("POST", "/api/v1/x", {}), { status: 403 });
  assert.equal(tried(asked).filter((each) => each === "POST /x").length, 1);
});

test("while the hub is away a change is asked for again by itself, once per key", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let up = false;
  const { staff, asked } = await signedIn({ "POST /x": () => (up ? [200, { done: true }] : new TypeError("away")) });
  const done = staff.once("POST", "/api/v1/x", { a: 1 });
  await settle();
  up = true;
  t.mock.timers.tick(500);
  assert.deepEqual(await done, { done: true });
  assert.equal(new Set(asked.map(({ headers }) => headers["Idempotency-Key"])).size, 1);
});

test("pressed again after no answer, the same change keeps its key; another one, and the next one, get their own", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let up = false;
  const { staff, asked } = await signedIn({ "POST /x": () => (up ? [200, {}] : new TypeError("away")) });
  const first = staff.once("POST", "/api/v1/x", { a: 1 }).catch((each) => each);
  for (const pause of [500, 1_500, 3_000]) {
    await settle();
    t.mock.timers.tick(pause);
  }
  assert.ok((await first) instanceof Problem);
  up = true;
  await staff.once("POST", "/api/v1/x", { a: 2 });
  await staff.once("POST", "/api/v1/x", { a: 1 });
  await staff.once("POST", "/api/v1/x", { a: 1 });
  const keys = asked.map(({ headers }) => headers["Idempotency-Key"]);
  assert.equal(new Set(keys.slice(0, 4)).size, 1);
  assert.equal(keys[5], keys[0]);
  assert.equal(new Set([keys[0], keys[4], keys[6]]).size, 3);
});

test("the same change an hour later is another wish, also when the first had no answer", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let up = false;
  const { staff, asked, clock } = await signedIn({ "POST /x": () => (up ? [200, {}] : new TypeError("away")) });
  const first = staff.once("POST", "/api/v1/x", {}).catch((each) => each);
  for (const pause of [500, 1_500, 3_000]) {
    await settle();
    clock.now += 60_000;
    t.mock.timers.tick(pause);
  }
  await first;
  up = true;
  clock.now += 181_000;
  await staff.once("POST", "/api/v1/x", {});
  const keys = asked.map(({ headers }) => headers["Idempotency-Key"]);
  assert.deepEqual([new Set(keys.slice(0, 4)).size, keys.length, keys[4] === keys[0]], [1, 5, false], "each try counts anew");
});

test("the token is renewed shortly before it ends, without anybody asking", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { asked } = await signedIn({ "POST /staff/session/refresh": [200, session(2)] });
  t.mock.timers.tick(839_000);
  await settle();
  assert.equal(asked.length, 0);
  t.mock.timers.tick(1_000);
  await settle();
  assert.deepEqual(tried(asked), ["GET /staff/session", "POST /staff/session/refresh"]);
});

test("signing in tells what the hub wants, and signing out forgets the person", async () => {
  const { staff, answers, asked } = open({ "POST /staff/session": problem(401, "second_factor_required"), "POST /staff/session/end": [200, {}] });
  await assert.rejects(staff.signIn({ email: "a@b", password: "p" }), { code: "second_factor_required" });
  assert.notEqual(staff.phase, "in");
  answers["POST /staff/session"] = [201, session(1)];
  await staff.signIn({ email: "a@b", password: "p", code: "123456" });
  assert.equal(staff.phase, "in");
  assert.deepEqual(asked.at(-1).body, { email: "a@b", password: "p", code: "123456" });
  await staff.signOut();
  assert.deepEqual([staff.phase, staff.ended, staff.me], ["out", false, null]);
});

test("what a change has told of its position goes along with what is asked later", async () => {
  const { staff, asked } = await signedIn({
    "POST /stays": [200, {}, { "Hub-Position": "p7" }],
    "GET /orders": [200, {}],
  });
  await staff.call("GET", "/orders");
  await staff.call("POST", "/stays", {});
  await staff.call("GET", "/orders");
  await staff.call("GET", "/orders");
  assert.deepEqual(asked.map(({ headers }) => headers["Hub-Position"]), [undefined, undefined, "p7", "p7"]);
});
