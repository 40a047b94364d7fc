import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Live } from "../../../hub/web/static/staff/live.js";
import { newest } from "../../../hub/web/static/staff/newest.js";

globalThis.document ??= { hidden: false };

const STAYS = "/api/v1/stays";

/** A session whose answers are given by hand, in the order of the questions. */
class Session {
  phase = "in";
  me = { id: "ada" };
  asked = [];

  may(permission) {
    return permission === "stay.read";
  }

  call(_method, path) {
    assert.equal(path, STAYS);
    return new Promise((resolve, reject) => this.asked.push({ resolve: (...rooms) => resolve({ stays: rooms.map((room) => ({ room_number: room })) }), reject }));
  }
}

let session;
let live;
const rooms = () => live.rooms.map(({ room }) => room);
const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  session = new Session();
  live = new Live(session);
});

afterEach(() => {
  session.phase = "out";
  live.clear();
});

test("who has changed something is not told by a question that was asked before the change", async () => {
  live.start();
  await settled();
  let told = false;
  const after = live.refresh().then(() => (told = true)); // the guest of 501 has just been checked in
  await settled();
  session.asked[0].resolve();
  await settled();
  assert.deepEqual([told, rooms()], [false, []], "the first answer knows nothing of it");
  session.asked[1].resolve("501");
  await after;
  assert.deepEqual(rooms(), ["501"]);
});

test("those who ask while a question is under way share the next one", async () => {
  const all = [live.refresh()];
  await settled();
  all.push(live.refresh(), live.refresh(), live.refresh());
  session.asked[0].resolve("501");
  await settled();
  assert.equal(session.asked.length, 2);
  session.asked[1].resolve("501", "502");
  await Promise.all(all);
  assert.deepEqual([session.asked.length, rooms()], [2, ["501", "502"]]);
});

test("a question that failed does not take the next one along", async () => {
  const first = live.refresh();
  await settled();
  const second = live.refresh();
  session.asked[0].reject(Object.assign(new Error("away"), { name: "Problem", code: "away" }));
  await first;
  assert.equal(live.problem.code, "away");
  await settled();
  session.asked[1].resolve("501");
  await second;
  assert.deepEqual([live.problem, rooms()], [null, ["501"]]);
});

test("a fault in one question leaves the next ones asked", async () => {
  const first = live.refresh();
  await settled();
  const second = live.refresh();
  session.asked[0].reject(new TypeError("a fault of ours"));
  await assert.rejects(first, TypeError);
  await settled();
  session.asked[1].resolve("501");
  await second;
  assert.deepEqual(rooms(), ["501"]);
});

test("of answers that overtake each other the newest question's counts", async () => {
  const ask = newest();
  const answers = [];
  const question = () => new Promise((resolve) => answers.push(resolve));
  const [old, fresh] = [ask(question), ask(question)];
  answers[1]("fresh");
  answers[0]("old");
  assert.deepEqual(await Promise.all([old, fresh]), [null, "fresh"]);
});
