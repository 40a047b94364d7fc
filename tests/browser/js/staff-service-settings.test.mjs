import assert from "node:assert/strict";
import { test } from "node:test";

import { changes, headingsOf, keyFor, shown, stationsOf } from "../../../hub/web/static/staff/service-settings-model.js";

const NOTHING = {
  locale: "ja",
  totp_roles: [],
  ...Object.fromEntries(
    ["stations", "categories", "station_capacity", "service_charge_bp", "delivery_minutes", "night_start", "night_end", "idle_seconds",
      "throttle_interval_minutes", "throttle_orders", "throttle_minutes", "legal_age", "recall_minutes", "undo_seconds", "phone"].map((name) => [name, null]),
  ),
};
const KITCHEN = { key: "kitchen", name_ja: "厨房", name_en: "Kitchen" };
const BAR = { key: "bar", name_ja: "バー", name_en: "Bar" };
const SOUPS = { key: "soups", name_ja: "汁物", name_en: "Soups" };
const lists = (settings, more = {}) => ({ stations: stationsOf(settings), headings: headingsOf(settings), roles: settings.totp_roles, ...more });
const typed = (settings, more = {}) => Object.fromEntries(Object.entries({ ...shown(settings), ...more }).map(([name, value]) => [name, String(value)]));

test("what a hotel has not set is shown as usual, and is not sent", () => {
  assert.deepEqual(shown(NOTHING), {
    service_charge: 0, delivery_minutes: 10, night_start: "22:00", night_end: "07:00", idle_seconds: 90,
    throttle_interval_minutes: 15, throttle_orders: "", throttle_minutes: "", legal_age: 20, recall_minutes: 30, undo_seconds: 10,
    phone: "", locale: "ja",
  });
  assert.deepEqual(changes(NOTHING, typed(NOTHING), lists(NOTHING)), {});
});

test("only what differs is sent, and null for what is as usual again", () => {
  const set = { ...NOTHING, service_charge_bp: 1055, delivery_minutes: 0, throttle_orders: 8, night_end: "06:00" };
  assert.equal(shown(set).service_charge, 10.55);
  assert.deepEqual(changes(set, typed(set), lists(set)), {});
  const more = { service_charge: "0.29", delivery_minutes: "10", throttle_orders: "", night_end: "07:00", idle_seconds: "120", legal_age: "18" };
  assert.deepEqual(changes(set, typed(set, more), lists(set)), {
    service_charge_bp: 29, delivery_minutes: null, throttle_orders: null, night_end: null, idle_seconds: 120, legal_age: 18,
  });
});

test("a telephone is a text, and so is the language of letters", () => {
  assert.deepEqual(changes(NOTHING, typed(NOTHING, { phone: "0", locale: "en" }), lists(NOTHING)), { phone: "0", locale: "en" });
  const set = { ...NOTHING, phone: "+81 3 1234 5678" };
  assert.deepEqual(changes(set, typed(set, { phone: "" }), lists(set)), { phone: null });
});

test("who needs a second factor is told as a whole, in any order", () => {
  const set = { ...NOTHING, totp_roles: ["front", "manager"] };
  assert.deepEqual(changes(set, typed(set), lists(set, { roles: ["manager", "front"] })), {});
  assert.deepEqual(changes(set, typed(set), lists(set, { roles: ["front"] })), { totp_roles: ["front"] });
  assert.deepEqual(changes(set, typed(set), lists(set, { roles: [] })), { totp_roles: [] });
});

test("headings of the menu go as a whole, and keep their keys", () => {
  const set = { ...NOTHING, categories: [SOUPS] };
  const before = headingsOf(set);
  assert.deepEqual(changes(set, typed(set), lists(set)), {});
  assert.deepEqual(changes(set, typed(set), lists(set, { headings: [...before, BAR] })), { categories: [SOUPS, BAR] });
  assert.deepEqual(changes(set, typed(set), lists(set, { headings: [] })), { categories: null });
});

test("stations go with their names, portions apart from them", () => {
  const set = { ...NOTHING, stations: [KITCHEN, BAR], station_capacity: { bar: 2, kitchen: 3 } };
  const before = stationsOf(set);
  assert.deepEqual(before.map(({ key, portions }) => [key, portions]), [["kitchen", 3], ["bar", 2]]);
  const changed = (stations) => changes(set, typed(set), lists(set, { stations }));
  assert.deepEqual(changed(before), {});
  assert.deepEqual(changed([{ ...KITCHEN, portions: 5 }, { ...BAR, portions: 2 }]), { station_capacity: { kitchen: 5, bar: 2 } });
  assert.deepEqual(changed([{ ...KITCHEN, portions: 3 }]), { stations: [KITCHEN], station_capacity: null });
  assert.deepEqual(changed([]), { stations: null, station_capacity: null });
  assert.deepEqual(changed([...before].reverse()), { stations: [BAR, KITCHEN] });
});

test("a new station has a key that dishes can name", () => {
  assert.equal(keyFor("Cold kitchen", [], "station"), "cold_kitchen");
  assert.equal(keyFor(" Crêpes & Gaufres! ", [], "heading"), "crepes_gaufres");
  assert.equal(keyFor("2nd Bar", [], "station"), "nd_bar");
  assert.equal(keyFor("厨房", ["station"], "station"), "station_2");
  assert.equal(keyFor("Bar", ["bar", "bar_2"], "station"), "bar_3");
  for (const taken of [[], ["x".repeat(40)]]) assert.match(keyFor("X".repeat(60), taken, "station"), /^[a-z][a-z0-9_]{0,39}$/);
});
