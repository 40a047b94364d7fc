import assert from "node:assert/strict";
import { test } from "node:test";

import { conflictOf, contained } from "../../../hub/web/static/tablet/allergens.js";
import { isNight, isOpen, isSoldOut, minutesLeft, nextOpening, partOfDay, refusal } from "../../../hub/web/static/tablet/hours.js";
import { fits, given, isFull, missing, offered, toggled, unitPrice } from "../../../hub/web/static/tablet/options.js";
import { reorder } from "../../../hub/web/static/tablet/reorder.js";

const at = (time, day = "2026-11-21") => Date.parse(`${day}T${time}:00+09:00`); // a Saturday
const TOKYO = "Asia/Tokyo";

test("opening hours: start belongs to it, end does not, midnight is crossed", () => {
  const night = { start_time: "22:00", end_time: "02:00" };
  const open = (hours, time) => isOpen(hours, at(time), TOKYO);
  const times = ["21:59", "22:00", "23:59", "00:00", "01:59", "02:00"];
  assert.deepEqual(times.map((time) => open(night, time)), [false, true, true, true, true, false]);
  assert.equal(open({ start_time: "06:30", end_time: "10:30" }, "10:30"), false);
  assert.equal(open({ start_time: null, end_time: null }, "04:00"), true);
});

test("a window belongs to the day on which it starts", () => {
  const friday = { start_time: "22:00", end_time: "02:00", days: [5] };
  assert.equal(isOpen(friday, at("23:00", "2026-11-20"), TOKYO), true);
  assert.equal(isOpen(friday, at("01:59", "2026-11-21"), TOKYO), true, "it is still Friday's");
  assert.equal(isOpen(friday, at("23:00", "2026-11-21"), TOKYO), false);
  assert.equal(isOpen(friday, at("01:00", "2026-11-20"), TOKYO), false);
});

test("no order in the last minutes before the end, also past midnight", () => {
  const bar = { start_time: "11:00", end_time: "02:00", last_order_minutes: 15 };
  const why = (time) => refusal(bar, at(time), TOKYO);
  assert.deepEqual(["10:59", "11:00", "01:44", "01:45", "01:59", "02:00"].map(why), ["closed", null, null, "last_order", "last_order", "closed"]);
  assert.equal(minutesLeft(bar, at("01:15"), TOKYO), 30);
  assert.equal(minutesLeft(bar, at("01:50"), TOKYO), null);
  const early = { start_time: "22:00", end_time: "00:10", last_order_minutes: 30 };
  assert.equal(refusal(early, at("23:45"), TOKYO), "last_order");
});

test("when it opens: today, tomorrow, on its weekday", () => {
  const dinner = { start_time: "17:00", end_time: "22:00" };
  assert.deepEqual(nextOpening(dinner, at("12:00"), TOKYO), { inDays: 0, weekday: 6, time: "17:00" });
  assert.deepEqual(nextOpening(dinner, at("22:00"), TOKYO), { inDays: 1, weekday: 7, time: "17:00" });
  const brunch = { start_time: "10:00", end_time: "14:00", days: [6, 7] };
  assert.deepEqual(nextOpening(brunch, at("15:00", "2026-11-22"), TOKYO), { inDays: 6, weekday: 6, time: "10:00" });
  assert.equal(nextOpening({ start_time: null, end_time: null }, at("12:00"), TOKYO), null);
});

test("hours are those of the hotel's wall, also where its clock is set back", () => {
  const zone = "America/New_York"; // 2026-11-01, 02:00 becomes 01:00
  const night = { start_time: "22:00", end_time: "02:00" };
  assert.equal(isOpen(night, Date.parse("2026-11-01T01:59:00-04:00"), zone), true);
  assert.equal(isOpen(night, Date.parse("2026-11-01T02:00:00-05:00"), zone), false);
});

test("what is sold out until a time comes back at that time", () => {
  const until = { sold_out: true, sold_out_until: "2026-11-21T08:00:00Z" };
  assert.equal(isSoldOut(until, Date.parse("2026-11-21T07:59:59Z")), true);
  assert.equal(isSoldOut(until, Date.parse("2026-11-21T08:00:00Z")), false);
  assert.equal(isSoldOut({ sold_out: true, sold_out_until: null }, Date.now()), true);
});

test("parts of the day, and a night that the hotel sets", () => {
  const parts = ["04:59", "05:00", "11:00", "17:00", "22:00"].map((time) => partOfDay(at(time), TOKYO));
  assert.deepEqual(parts, ["night", "morning", "day", "evening", "night"]);
  const hotel = { night_start: "21:30", night_end: "06:00", time_zone: TOKYO };
  const nights = ["21:29", "21:30", "00:00", "05:59", "06:00"].map((time) => isNight(hotel, at(time)));
  assert.deepEqual(nights, [false, true, true, true, false]);
});

const choice = (key, price = 0, allergens = []) => ({ key, name_ja: key, name_en: key, price, allergens });
const BEEF = {
  id: "beef",
  price: 3000,
  allergens: ["beef"],
  may_contain: ["soy"],
  sold_out: false,
  options: [
    { key: "done", min: 1, max: 1, choices: [choice("rare"), choice("well", -100)] },
    { key: "extra", min: 0, max: 2, choices: [choice("egg", 200, ["egg"]), choice("rice", 300), choice("sauce", 100, null)] },
    { key: "cover", min: 1, max: 1, choices: [choice("lid")] },
  ],
};

test("options: too few are missed, too many are not taken, one of one is exchanged", () => {
  assert.equal(missing(BEEF, ["cover:lid"]).key, "done");
  assert.equal(missing(BEEF, ["done:rare", "cover:lid"]), null);
  const [done, extra] = BEEF.options;
  assert.deepEqual(toggled(done, done.choices[1], ["done:rare"]), ["done:well"]);
  const two = ["extra:egg", "extra:rice"];
  assert.equal(isFull(extra, two), true);
  assert.deepEqual(toggled(extra, extra.choices[2], two), two);
  assert.deepEqual(toggled(extra, extra.choices[0], two), ["extra:rice"]);
  assert.deepEqual(given(BEEF), ["cover:lid"], "what leaves no choice is chosen");
});

test("options make the price, which never falls below nothing", () => {
  assert.equal(unitPrice(BEEF, ["done:well", "extra:egg", "extra:rice"]), 3400);
  assert.equal(unitPrice({ ...BEEF, price: 50 }, ["done:well"]), 0);
});

test("a choice that is gone does not stay behind the one that takes its place", () => {
  assert.deepEqual(offered(BEEF, ["extra:fish", "done:rare", "cover:lid"]), ["done:rare", "cover:lid"]);
});

test("options that the dish has no more, or has too many of, do not fit", () => {
  assert.equal(fits(BEEF, ["done:rare", "cover:lid"]), true);
  assert.equal(fits(BEEF, ["done:rare", "cover:lid", "extra:fish"]), false);
  assert.equal(fits(BEEF, ["done:rare", "done:well", "cover:lid"]), false);
  assert.equal(fits(BEEF, ["cover:lid"]), false);
});

test("what nobody has confirmed is never free of anything", () => {
  assert.deepEqual(contained(BEEF, ["extra:egg"]), ["beef", "egg"]);
  assert.equal(contained(BEEF, ["extra:sauce"]), null);
  assert.equal(conflictOf(BEEF, ["egg"]), null);
  assert.deepEqual(conflictOf(BEEF, ["egg"], ["extra:egg"]), { contains: ["egg"], mayContain: [], unconfirmed: false });
  assert.deepEqual(conflictOf(BEEF, ["soy", "egg"]), { contains: [], mayContain: ["soy"], unconfirmed: false });
  assert.deepEqual(conflictOf(BEEF, ["beef", "milk"], ["extra:sauce"]), { contains: ["beef"], mayContain: [], unconfirmed: true });
  assert.deepEqual(conflictOf({ ...BEEF, allergens: null }, ["milk"]), { contains: [], mayContain: [], unconfirmed: true });
  assert.equal(conflictOf({ ...BEEF, allergens: null }, []), null);
});

test("to order the same again says what is gone and what costs another price now", () => {
  const menu = { beef: BEEF, tea: { id: "tea", price: 900, allergens: [], options: [], sold_out: true }, cake: { id: "cake", price: 700, allergens: [], options: [], sold_out: false } };
  const app = { basket: { lines: [] }, hub: { now: () => at("12:00"), store: { get: (_, id) => menu[id] ?? null, hotel: { time_zone: TOKYO } } } };
  const item = (menu_item_id, unit_price, options = []) => ({ menu_item_id, unit_price, quantity: 2, note: null, options: options.map((key) => ({ key })) });
  const order = {
    items: [item("beef", 2900, ["done:well", "cover:lid"]), item("tea", 900), item("cake", 650), item("soup", 500), item("beef", 3000, ["done:blue", "cover:lid"])],
  };
  const { lines, gone, changed } = reorder(app, order);
  assert.deepEqual(lines.map(({ menu_item_id, options }) => [menu_item_id, options.length]), [["beef", 2], ["cake", 0]]);
  assert.deepEqual(gone.map(({ menu_item_id }) => menu_item_id), ["tea", "soup", "beef"]);
  assert.deepEqual(changed.map(({ item: { menu_item_id }, price }) => [menu_item_id, price]), [["cake", 700]]);
});

test("to order the same again says which wish in words is left out, and what the order has no room for", () => {
  const dish = (id) => ({ id, price: 700, allergens: [], options: [], sold_out: false });
  const hub = { now: () => at("12:00"), store: { get: (_, id) => dish(id), hotel: { time_zone: TOKYO } } };
  const item = (id, note = null) => ({ menu_item_id: id, unit_price: 700, quantity: 1, note, options: [] });
  const line = (id, note = "") => ({ menu_item_id: id, options: [], quantity: 1, note });
  const again = (lines, ...items) => {
    const found = reorder({ hub, basket: { lines } }, { items });
    return ["unsaid", "over"].map((name) => found[name].map(({ menu_item_id: id }) => id));
  };
  const wish = "no onion";
  assert.deepEqual(again([line("soup", "no salt"), line("tea"), line("cake", wish)], item("soup", wish), item("tea", wish), item("cake", wish)), [["soup"], []]);
  assert.deepEqual(again([], item("soup", wish), item("soup", "no salt")), [["soup"], []], "also of two lines of that order");
  const many = Array.from({ length: 49 }, (_, n) => line(`dish${n}`));
  assert.deepEqual(again(many, item("soup"), item("tea"), item("dish3")), [[], ["tea"]]);
});
