import assert from "node:assert/strict";
import { test } from "node:test";

import { install } from "./support-dom.mjs";

install();
Object.assign(globalThis, { location: { search: "?lang=en", pathname: "/staff", hash: "" }, history: {} });
globalThis.navigator ??= { languages: ["en"] };
const { StationChoice } = await import("../../../hub/web/static/staff/stations.js");

const STATIONS = ["kitchen", "cold", "bar"].map((key) => ({ key, name_ja: key, name_en: key }));

function choice(given, stations = STATIONS) {
  const store = { hotel: { stations } };
  const made = new StationChoice({ orders: { store } }, given);
  const boxes = () => made.element.querySelectorAll("input");
  return { made, store, boxes, box: (key) => boxes().find(({ value }) => value === key) };
}

test("what the screen has is chosen, and is no change in any order", () => {
  const { made } = choice(["bar", "cold", "old"]);
  assert.deepEqual(made.chosen, ["cold", "bar", "old"]);
  assert.equal(made.changed, false);
});

test("what nobody touched follows the screen", () => {
  const { made, boxes, box } = choice(["kitchen"]);
  const before = box("bar");
  made.update(["kitchen", "bar"]);
  assert.deepEqual(made.chosen, ["kitchen", "bar"]);
  assert.equal(made.changed, false);
  assert.equal(box("bar"), before, "a box that is there keeps the focus");
  made.update(["new"]);
  assert.deepEqual(made.chosen, ["new"]);
  assert.equal(boxes().length, 4);
});

test("what somebody has chosen stays so, whatever else changes", () => {
  const { made, store, box } = choice(["kitchen"]);
  box("cold").checked = true;
  assert.equal(made.changed, true);
  made.update(["kitchen", "bar"]);
  store.hotel = { stations: [...STATIONS, { key: "sushi", name_ja: "鮨", name_en: "Sushi" }] };
  made.update(["kitchen", "bar"]);
  assert.deepEqual(made.chosen, ["kitchen", "cold"]);
  assert.equal(made.changed, true);
  made.update(["kitchen", "cold"]);
  assert.equal(made.changed, false, "the screen has them now");
});

test("a screen of every station is one again", () => {
  const { made, box } = choice(["bar"]);
  box("bar").checked = false;
  assert.equal(made.changed, true);
  assert.deepEqual(made.chosen, []);
});
