import assert from "node:assert/strict";
import { test } from "node:test";

import { ageOf } from "../../../hub/web/static/kitchen/age.js";
import { allDay } from "../../../hub/web/static/kitchen/all-day.js";
import { linesToMove, linesToRecall, mayRecall, nextOfItem, nextStep, unfinished } from "../../../hub/web/static/kitchen/flow.js";
import { forecast } from "../../../hub/web/static/kitchen/forecast.js";
import { actionOf, assign, changedKeys, DEFAULT_KEYS } from "../../../hub/web/static/kitchen/keymap.js";
import { isUpcoming, Lens } from "../../../hub/web/static/kitchen/lens.js";
import { byFloor, floorOf, tripsOf } from "../../../hub/web/static/kitchen/runner/trips.js";
import { findOrders } from "../../../hub/web/static/kitchen/search.js";
import { item, ticket } from "./support-kitchen.mjs";

const NOW = Date.parse(ticket().placed_at);
const later = (minutes) => new Date(NOW + minutes * 60_000).toISOString();
const everything = new Lens();
const bar = new Lens({ stations: ["bar"] });
const expo = new Lens({ view: "expo" });
const runner = new Lens({ view: "runner" });
const mixed = (changes = {}) =>
  ticket({ items: [item({ line: 1, station: "kitchen" }), item({ line: 2, station: "bar" }), item({ line: 3, station: "bar", status: "cooking" })], ...changes });

test("the age of a ticket: word and minutes, from when the kitchen could begin", () => {
  const at = (minutes, changes = {}, more = {}) =>
    ageOf(ticket(changes), NOW + minutes * 60_000, { lens: everything, thresholds: { soon: 70, late: 100 }, deliveryMinutes: 10, ...more });
  assert.deepEqual(at(0), { minutes: 0, level: "ok" });
  assert.deepEqual(at(7), { minutes: 7, level: "soon" });
  assert.deepEqual(at(10), { minutes: 10, level: "late" });
  assert.equal(at(10, {}, { thresholds: { soon: 50, late: 120 } }).level, "soon", "as the screen is set");
  assert.equal(at(10, { status: "ready" }).level, "ok", "the way to the room has its own time");
  assert.equal(at(20, { status: "ready", recall_count: 1 }).level, "late");
  assert.deepEqual(at(-5), { minutes: 0, level: "ok" });
  assert.deepEqual(at(45, { fire_at: later(40) }), { minutes: 5, level: "ok" }, "a scheduled one from when it fires");
  const slow = { items: [item({ preparation_minutes: 30, station: "kitchen" }), item({ preparation_minutes: 5, station: "bar" })] };
  assert.equal(at(10, slow).level, "ok");
  assert.equal(at(10, slow, { lens: bar }).level, "late", "a station has the time of its own dishes");
});

test("a bump is one step, never a jump", () => {
  const steps = ["received", "cooking", "ready", "delivering", "delivered"].map((status) => nextStep(ticket({ status }), everything));
  assert.deepEqual(steps, ["cooking", "ready", "delivering", "delivered", null]);
  assert.equal(nextOfItem(ticket({ status: "cooking" }), item(), everything), "cooking");
  assert.equal(nextOfItem(ticket({ status: "ready" }), item({ status: "cooking" }), everything), null);
});

test("a cancellation is acknowledged first, then the allergy, then it is cooked", () => {
  const conflict = item({ line: 1, conflicts: ["egg"] });
  const order = ticket({ items: [conflict, item({ line: 2, status: "cancelled" })] });
  assert.equal(nextStep(order, everything), "acknowledge");
  const acked = { ...order, cancel_acked_at: later(1) };
  assert.equal(nextStep(acked, everything), "allergy");
  assert.equal(nextOfItem(acked, conflict, everything), null, "and no item of it");
  assert.equal(nextStep({ ...acked, allergy_acked_at: later(1) }, everything), "cooking");
  assert.equal(nextStep({ ...acked, status: "ready" }, everything), "delivering");
  const gone = { items: [item(), item({ status: "cancelled", conflicts: ["egg"] })], cancel_acked_at: later(1) };
  assert.equal(nextStep(ticket(gone), everything), "cooking");
});

test("what nobody has to make is ready in one step, alone and with others", () => {
  const beer = item({ line: 1, station: "bar", preparation_minutes: 0 });
  const sour = item({ line: 2, station: "bar" });
  const drinks = ticket({ items: [beer, item({ line: 2, status: "cancelled" })], cancel_acked_at: later(1) });
  for (const lens of [everything, bar, expo]) assert.equal(nextStep(drinks, lens), "ready");
  assert.equal(nextStep({ ...drinks, status: "cooking" }, everything), "ready");
  assert.equal(nextOfItem(drinks, beer, everything), "ready");
  assert.deepEqual(linesToMove(drinks, bar, "ready"), [1]);

  const both = ticket({ items: [beer, sour, item({ line: 3 })] });
  assert.equal(nextStep(both, everything), "cooking");
  assert.equal(nextStep(both, bar), "cooking");
  assert.deepEqual(linesToMove(both, bar, "cooking"), [2], "the first bump begins what is cooked");
  const begun = forecast(both, [{ name: "order.advance", args: { to: "cooking", items: [2] } }]);
  assert.equal(nextStep(begun, bar), "ready");
  assert.deepEqual(linesToMove(begun, bar, "ready"), [1, 2], "the second one readies all of its own");

  const waiting = { ...both, status: "cooking" };
  assert.deepEqual(unfinished(waiting).map(({ line }) => line), [2, 3]);
  assert.deepEqual(unfinished({ ...waiting, items: [{ ...beer, status: "cooking" }, { ...sour, status: "ready" }] }), []);
});

test("a station sees and moves its own items, and is done when they are", () => {
  assert.deepEqual(bar.items(mixed()).map(({ line }) => line), [2, 3]);
  assert.equal(nextStep(mixed(), bar), "cooking");
  assert.deepEqual(linesToMove(mixed(), bar, "cooking"), [2]);
  const made = mixed({ status: "cooking" });
  made.items[1].status = made.items[2].status = "ready";
  assert.equal(nextStep(made, bar), null);
  assert.equal(bar.shows(made, NOW), false);
  assert.equal(everything.shows(made, NOW), true);
  assert.equal(mayRecall(made, bar), true);
  assert.deepEqual(linesToRecall(made, bar), [2, 3]);
  assert.equal(mayRecall(made, everything), false);
  assert.equal(bar.shows(ticket(), NOW), false, "nothing of it is the bar's");
});

test("whoever sees a part is told where else it is made; the expo when there are several", () => {
  assert.deepEqual(bar.others(mixed()), [{ key: "kitchen", done: 0, count: 1 }]);
  assert.deepEqual(expo.others(mixed()).map(({ key, count }) => [key, count]), [["kitchen", 1], ["bar", 2]]);
  assert.deepEqual(expo.others(ticket()), []);
  assert.deepEqual(everything.others(mixed()), []);
});

test("a station hears of a cancelled item of its own, until it is acknowledged", () => {
  const order = mixed({ status: "cooking" });
  order.items[1].status = "cancelled";
  order.items[2].status = "ready";
  assert.equal(bar.shows(order, NOW), true);
  assert.equal(bar.shows({ ...order, cancel_acked_at: later(1) }, NOW), false);
});

test("each station shouts until it has noted a cancellation itself, whatever others did", () => {
  const cancelled = mixed({ status: "cooking" });
  cancelled.items[0].status = cancelled.items[1].status = "cancelled";
  const grill = new Lens({ stations: ["kitchen"] });
  const cold = new Lens({ stations: ["cold"] });
  const byBar = { ...cancelled, cancel_acked_stations: ["bar"] };
  const steps = (order) => [grill, bar, everything, expo].map((lens) => nextStep(order, lens));
  assert.deepEqual(steps(cancelled), Array(4).fill("acknowledge"));
  assert.deepEqual(steps(byBar), ["acknowledge", "ready", "acknowledge", "acknowledge"]);
  assert.deepEqual(steps({ ...byBar, cancel_acked_at: later(1) }), [null, "ready", "ready", "ready"]);
  assert.equal(grill.shows(byBar, NOW), true);
  assert.equal(grill.shows({ ...byBar, cancel_acked_at: later(1) }, NOW), false);
  const whole = { ...byBar, status: "cancelled" };
  assert.deepEqual([grill, bar, cold, everything].map((lens) => lens.shows(whole, NOW)), [true, false, false, true]);
});

test("each station notes an allergy for itself before it begins", () => {
  const egg = { conflicts: ["egg"] };
  const order = ticket({ items: [item({ line: 1, ...egg }), item({ line: 2, station: "bar", ...egg }), item({ line: 3, station: "cold" })] });
  const lenses = [new Lens({ stations: ["kitchen"] }), bar, new Lens({ stations: ["cold"] }), everything];
  const steps = (noted) => lenses.map((lens) => nextStep({ ...order, ...noted }, lens));
  assert.deepEqual(steps({}), ["allergy", "allergy", "cooking", "allergy"]);
  assert.deepEqual(steps({ allergy_acked_stations: ["bar"] }), ["allergy", "cooking", "cooking", "allergy"]);
  assert.deepEqual(steps({ allergy_acked_at: later(1) }), Array(4).fill("cooking"));
  const noted = { ...order, allergy_acked_stations: ["bar"] };
  assert.equal(nextOfItem(noted, order.items[1], bar), "cooking");
  assert.equal(nextOfItem(noted, order.items[0], lenses[0]), null);
});

test("runners see what is ready or on its way, and what was cancelled in the pass", () => {
  const shown = ["received", "cooking", "ready", "delivering", "delivered"].filter((status) => runner.shows(ticket({ status }), NOW));
  assert.deepEqual(shown, ["ready", "delivering"]);
  assert.equal(runner.shows(ticket({ status: "cancelled", ready_at: later(1) }), NOW), true);
  assert.equal(runner.shows(ticket({ status: "cancelled" }), NOW), false);
});

test("a scheduled order is no ticket before its time, unless somebody has begun it", () => {
  const order = ticket({ fire_at: later(20) });
  assert.equal(isUpcoming(order, NOW), true);
  assert.equal(everything.shows(order, NOW), false);
  assert.equal(everything.expects(order, NOW), true);
  assert.equal(bar.expects(order, NOW), false);
  assert.equal(everything.shows(order, NOW + 20 * 60_000), true);
  assert.equal(everything.shows({ ...order, status: "cooking" }, NOW), true);
});

test("what waits to be sent is shown as done, and nothing that is not sure", () => {
  const does = (order, name, args) => forecast(order, [{ name, args }]);
  const started = does(mixed(), "order.advance", { to: "cooking", items: [2] });
  assert.deepEqual(started.items.map(({ status }) => status), ["pending", "cooking", "cooking"]);
  assert.equal(started.status, "cooking");
  assert.equal(does(ticket({ status: "cooking" }), "order.advance", { to: "ready" }).status, "ready");
  assert.equal(does(ticket(), "item.advance", { line: 1, to: "cooking" }).status, "cooking");
  assert.equal(does(ticket({ status: "ready" }), "order.advance", { to: "delivering" }).status, "delivering");
  assert.equal(does(ticket(), "order.cancel", { reason: "guest" }).status, "received");
  assert.equal(does(ticket(), "order.rush", { rush: true }).rush, true);
  const shelf = ticket({ items: [item({ line: 1, preparation_minutes: 0 }), item({ line: 2 })] });
  const taken = does(shelf, "item.advance", { line: 1, to: "ready" });
  assert.deepEqual([taken.status, ...taken.items.map(({ status }) => status)], ["cooking", "ready", "pending"]);
  assert.deepEqual(does(shelf, "item.advance", { line: 2, to: "ready" }), shelf, "the hub would refuse it");
  const twice = forecast(ticket(), [{ name: "order.advance", args: { to: "cooking" } }, { name: "order.advance", args: { to: "ready" } }]);
  assert.equal(twice.status, "ready");
});

test("a note that waits to be sent counts for the stations that it names, or for all", () => {
  const items = [item({ line: 1, conflicts: ["egg"] }), item({ line: 2, station: "bar", conflicts: ["egg"] }), item({ line: 3, station: "cold" })];
  const cancelled = ticket({ status: "cancelled", items });
  const order = ticket({ items });
  for (const [name, what, before, others] of [["order.acknowledge", "cancel", cancelled, ["kitchen", "cold"]], ["order.acknowledge_allergy", "allergy", order, ["kitchen"]]]) {
    const after = (...lists) => {
      const noted = forecast(before, lists.map((stations) => ({ name, args: stations ? { stations } : {} })));
      return [noted[`${what}_acked_stations`], noted[`${what}_acked_at`] !== null];
    };
    assert.deepEqual(after(["bar", "moon"]), [["bar"], false]);
    assert.deepEqual(after(["moon"]), [[], false]);
    assert.deepEqual(after(["bar"], others), [["bar", ...others], true]);
    assert.deepEqual(after(null), [[], true]);
    assert.deepEqual(after(["bar"], null), [["bar"], true]);
  }
  const touched = forecast(order, [{ name: "order.acknowledge_allergy", args: { stations: ["bar"] } }]);
  assert.notEqual(touched.accepted_at, null);
});

test("all-day counts: what is still to be made, by dish and by how it is wanted", () => {
  const fried = [{ key: "egg:fried", name_en: "Fried" }];
  const orders = [
    ticket({ items: [item({ quantity: 2 }), item({ menu_item_id: "eggs", options: fried }), item({ menu_item_id: "eggs", quantity: 3 })] }),
    ticket({ items: [item({ status: "ready" }), item({ status: "cooking" }), item({ status: "cancelled" }), item({ menu_item_id: "eggs", options: fried })] }),
  ];
  const place = (id) => ({ eggs: 1, soup: 2 })[id];
  const [eggs, soup] = allDay(orders, everything, place);
  assert.deepEqual([eggs.id, eggs.quantity, eggs.variants.map(({ key, quantity }) => [key, quantity])], ["eggs", 5, [["egg:fried", 2], ["", 3]]]);
  assert.deepEqual([soup.quantity, soup.cooking, soup.variants], [3, 1, []]);
  assert.deepEqual(allDay(orders, bar, place), []);
});

test("a search finds rooms, numbers and dishes in both languages, whatever their width", () => {
  const orders = [ticket({ id: "a", room_number: "1203", order_number: 7 }), ticket({ id: "b", room_number: "801", order_number: 1203, items: [item({ name_ja: "カレー", name_en: "Curry", note: "辛口" })] })];
  const found = (wanted) => findOrders(orders, wanted).map(({ id }) => id);
  assert.deepEqual(found("1203"), ["a", "b"], "the room comes first");
  assert.deepEqual(found("#1203"), ["b"]);
  assert.deepEqual(found("CURRY"), ["b"]);
  assert.deepEqual(found("ｶﾚｰ 801"), ["b"]);
  assert.deepEqual(found("辛口"), ["b"]);
  assert.deepEqual(found("  "), []);
  assert.deepEqual(found("ramen"), []);
});

test("a key that is given to another action is swapped, and only changes are kept", () => {
  const keys = assign(DEFAULT_KEYS, "bump", "r");
  assert.equal(actionOf(keys, "r"), "bump");
  assert.equal(actionOf(keys, "Enter"), "recall");
  assert.deepEqual(changedKeys(keys), { bump: "r", recall: "Enter" });
  assert.deepEqual(changedKeys(assign(keys, "bump", "Enter")), {});
  assert.equal(new Set(Object.values(keys)).size, Object.keys(keys).length);
});

test("rooms by floor, orders by trip", () => {
  assert.deepEqual(["601", "1203", "Villa 2", "B305"].map(floorOf), ["6", "12", "", "3"]);
  const order = (room_number, trip_id = null) => ticket({ id: room_number, room_number, trip_id });
  const floors = byFloor([order("1203"), order("Villa 2"), order("610"), order("602")]);
  assert.deepEqual(floors.map(({ floor, orders }) => [floor, orders.map(({ id }) => id)]), [["6", ["602", "610"]], ["12", ["1203"]], ["", ["Villa 2"]]]);
  const trips = tripsOf([order("705", "t"), order("901"), order("702", "t")]);
  assert.deepEqual(trips.map(({ orders }) => orders.map(({ id }) => id)), [["702", "705"], ["901"]]);
});
