import assert from "node:assert/strict";
import { test } from "node:test";

import { ScreenSettings } from "../../../hub/web/static/kitchen/settings.js";
import { Storage, settle } from "./support.mjs";
import { FakeHub } from "./support-kitchen.mjs";

function make(storage = new Storage()) {
  const hub = Object.assign(new FakeHub(), { live: true });
  const settings = new ScreenSettings(hub, storage);
  const told = (own, stations = []) => hub.listeners.forEach((listener) => listener([{ kind: "screen", id: "d", after: { id: "d", stations, settings: own } }]));
  return { hub, storage, settings, told };
}

test("what nobody has set has its default, also inside a group", () => {
  const { settings, told } = make();
  assert.deepEqual([settings.values.view, settings.values.text_size, settings.lens.partial], ["kitchen", 100, false]);
  told({ sounds: { arrived: false }, keys: { bump: "F5" } });
  assert.deepEqual([settings.values.sounds.arrived, settings.values.sounds.cancelled], [false, true]);
  assert.deepEqual([settings.keys.bump, settings.keys.undo], ["F5", "u"]);
});

test("stations are those that the device was given, unless somebody has chosen others; none are all", () => {
  const { settings, told } = make();
  told({}, ["bar"]);
  assert.deepEqual([...settings.lens.stations], ["bar"]);
  told({ stations: ["cold"] }, ["bar"]);
  assert.deepEqual([...settings.lens.stations], ["cold"]);
  told({ stations: [] }, ["bar"]);
  assert.equal(settings.lens.partial, false);
});

test("a change shows at once, and is told to the hub when the hand has come to rest", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { hub, settings, told } = make();
  settings.change({ columns: 4 });
  settings.change({ text_size: 130 });
  assert.equal(settings.values.columns, 4);
  assert.equal(hub.sent.length, 0);
  told({ columns: 6 });
  assert.equal(settings.values.columns, 4, "what is being changed here is newer");
  t.mock.timers.tick(400);
  assert.deepEqual(hub.sent.map(([name, args]) => [name, args]), [["screen.configure", { settings: { columns: 4, text_size: 130 } }]]);
  hub.answers[hub.sent[0][2]].resolve({});
  await settle();
  told({ columns: 6 });
  assert.equal(settings.values.columns, 6);
});

test("a reload knows the settings before the hub is heard, and tells what was not told", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { storage, settings } = make();
  settings.change({ view: "runner" });
  const again = make(storage);
  assert.equal(again.settings.values.view, "runner");
  again.hub.dispatchEvent(new Event("phase"));
  assert.deepEqual(again.hub.sent.map(([, args]) => args.settings), [{ view: "runner" }]);
});

test("what the hub refuses is as the hub has it again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { hub, settings, told } = make();
  const refused = [];
  settings.addEventListener("refused", ({ detail }) => refused.push(detail.code));
  told({ columns: 6 });
  settings.change({ columns: 99 });
  t.mock.timers.tick(400);
  hub.answers[hub.sent[0][2]].reject({ code: "invalid_input" });
  await settle();
  assert.deepEqual([settings.values.columns, refused], [6, ["invalid_input"]]);
  told({ columns: 5 });
  assert.equal(settings.values.columns, 5);
});

test("settings that somebody has damaged are none", () => {
  const storage = new Storage();
  storage.setItem("hub.kitchen.settings", "{");
  assert.equal(make(storage).settings.values.view, "kitchen");
});

test("what changes nothing is no change, and the lens is another one only when it sees something else", () => {
  const { settings, told } = make();
  let changes = 0;
  settings.addEventListener("change", () => (changes += 1));
  told({ columns: 5, sounds: { volume: 30, late: true } }, ["bar"]);
  const { lens } = settings;
  told({ sounds: { late: true, volume: 30 }, columns: 5 }, ["bar"]);
  assert.equal(changes, 1);
  told({ columns: 6 }, ["bar"]);
  assert.equal(changes, 2);
  assert.equal(settings.lens, lens);
  told({ columns: 6 }, ["bar", "cold"]);
  assert.equal(changes, 3);
  assert.deepEqual([...settings.lens.stations], ["bar", "cold"]);
});
