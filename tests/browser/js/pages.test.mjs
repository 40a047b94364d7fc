import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { COMMON, LANGUAGES, Translator } from "../../../hub/web/static/i18n.js";
import { ageOf } from "../../../hub/web/static/kitchen/age.js";
import { nextOfItem, nextOfOrder } from "../../../hub/web/static/kitchen/flow.js";
import { arrange, cut, isSorted, linesOf, shape } from "../../../hub/web/static/kitchen/grid.js";
import { KITCHEN } from "../../../hub/web/static/kitchen/strings.js";
import { Basket } from "../../../hub/web/static/tablet/basket.js";
import { isNight, isOpen, partOfDay } from "../../../hub/web/static/tablet/hours.js";
import { currentStep, mayCancel, stepsOf } from "../../../hub/web/static/tablet/steps.js";
import { STAFF } from "../../../hub/web/static/staff/strings.js";
import { TABLET } from "../../../hub/web/static/tablet/strings.js";
import { Storage, order } from "./support.mjs";

const STATIC = new URL("../../../hub/web/static/", import.meta.url);
const sources = (folder) =>
  readdirSync(new URL(folder, STATIC)).filter((name) => name.endsWith(".js") && name !== "strings.js" && name !== "i18n.js")
    .map((name) => readFileSync(new URL(folder + name, STATIC), "utf8")).join("\n");

for (const [name, catalogue, folder] of [["common", COMMON, null], ["tablet", TABLET, "tablet/"], ["kitchen", KITCHEN, "kitchen/"], ["staff", STAFF, "staff/"]]) {
  test(`${name}: every text exists in both languages, with the same placeholders, unmixed`, () => {
    assert.deepEqual(Object.keys(catalogue.ja), Object.keys(catalogue.en));
    const holes = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const key of Object.keys(catalogue.ja)) {
      assert.deepEqual(holes(catalogue.ja[key]), holes(catalogue.en[key]), key);
      assert.notEqual(catalogue.ja[key].trim(), "", key);
      assert.doesNotMatch(catalogue.en[key], /[぀-ヿ一-鿿]/, key);
    }
  });
  test(`${name}: no text is left over`, () => {
    const folders = folder === null ? ["", "tablet/", "kitchen/", "staff/"] : ["", folder];
    const code = folders.map(sources).join("\n");
    const families = [...code.matchAll(/`([\w.]+\.)\$\{/g)].map(([, family]) => family);
    const tails = [...code.matchAll(/\$\{\w+\}(\.\w+)`/g)].map(([, tail]) => tail);
    const codes = ["price_changed", "out_of_stock", "item_unavailable", "age_not_attested", "stay_ended", "not_found", "still_wanted"]; // problem.code
    const unused = Object.keys(catalogue.ja).filter((key) => !( code.includes(`"${key}"`) || codes.includes(key) || families.some((family) => key.startsWith(family)) ||
        tails.some((tail) => key.endsWith(tail)) || /^(loading|unpaired|ended|replaced|stopped)$/.test(key)));
    assert.deepEqual(unused, []);
  });
}

test("a missing text is an error, not an empty place", () => {
  const i18n = new Translator({ catalogues: [COMMON], storage: new Storage(), key: "k" });
  assert.throws(() => i18n.text("nothing"));
  const holey = new Translator({ catalogues: [{ ja: { a: "{x}" }, en: { a: "{x}" } }], storage: new Storage(), key: "k" });
  assert.throws(() => holey.text("a", { x: null }));
  assert.throws(() => holey.text("a"));
  assert.equal(holey.text("a", { x: 0 }), "0");
  assert.deepEqual(LANGUAGES, ["ja", "en"]);
  assert.equal(i18n.yen(3850), "3,850円");
  i18n.language = "en";
  assert.equal(i18n.yen(3850), "¥3,850");
  assert.equal(i18n.time(Date.parse("2026-11-21T15:03:10Z"), "Asia/Tokyo", { seconds: true }), "00:03:10");
});

test("the age of a ticket: word and minutes, from when it was placed", () => {
  const placed = Date.parse(order().placed_at);
  const at = (minutes, changes) => ageOf(order(changes), placed + minutes * 60_000);
  assert.deepEqual(at(0), { minutes: 0, level: "ok" });
  assert.deepEqual(at(7), { minutes: 7, level: "soon" });
  assert.deepEqual(at(10), { minutes: 10, level: "late" });
  assert.equal(at(10, { status: "ready" }).level, "ok", "the way to the room has its own time");
  assert.equal(at(20, { status: "ready", recall_count: 1 }).level, "late");
  assert.deepEqual(at(-5), { minutes: 0, level: "ok" });
});

test("twelve tickets at 1920x1080, eight at 1366x768", () => {
  assert.equal(shape(1920 - 24, 1080 - 76 - 24).cells, 12);
  assert.equal(shape(1366 - 24, 768 - 76 - 24).cells, 8);
  assert.equal(shape(1366 - 24, 768 - 76 - 56 - 24).cells, 8, "also before anybody has enabled the sound");
  assert.equal(shape(1080 - 24, 1920 - 76 - 24).cells, 12);
});

test("a long ticket is cut between rows, never inside one, and loses none", () => {
  assert.deepEqual(cut([50, 50, 50], 200, 200), [[0, 3]]);
  assert.deepEqual(cut([50, 50, 50, 50, 50], 110, 160), [[0, 2], [2, 5]]);
  assert.deepEqual(cut([300, 50], 200, 200), [[0, 1], [1, 2]]);
  assert.deepEqual(cut([150, 50], 100, 200), [[0, 0], [0, 2]], "a long request may fill the first cell");
});

test("a ticket keeps its cell; a free one is filled from behind; nobody moves", () => {
  const first = arrange({ before: [], keys: ["a", "b", "c", "d", "e", "f"], perPage: 4, page: 0 });
  assert.deepEqual(first, ["a", "b", "c", "d", "e", "f"]);
  const then = arrange({ before: first, keys: ["a", "c", "d", "e", "f"], perPage: 4, page: 0 });
  assert.deepEqual(then, ["a", "e", "c", "d", "f"]);
  assert.equal(isSorted(then, ["a", "c", "d", "e", "f"]), false);
  const few = arrange({ before: ["a", "b", "c"], keys: ["a", "c"], perPage: 4, page: 0 });
  assert.deepEqual(few, ["a", null, "c"]);
});

test("looking at the second page, its tickets stay while the first one is packed", () => {
  const before = ["a", "b", "c", "d", "e", "f"];
  const then = arrange({ before, keys: ["b", "d", "e", "f"], perPage: 2, page: 1 });
  assert.deepEqual(then, ["b", "e", "f", "d"]);
});

test("a wide character takes a whole place", () => {
  assert.equal(linesOf("和朝食御膳", 20, 100), 1);
  assert.equal(linesOf("和朝食御膳二", 20, 100), 2);
  assert.equal(linesOf("a\nb", 20, 100), 2);
});

test("a bump is one step, never a jump", () => {
  assert.deepEqual(["received", "cooking", "ready", "delivering", "delivered", "cancelled"].map((status) => nextOfOrder({ status })),
    ["cooking", "ready", "delivering", "delivered", null, null]);
  assert.equal(nextOfItem({ status: "cooking" }, { status: "pending" }), "cooking");
  assert.equal(nextOfItem({ status: "ready" }, { status: "cooking" }), null);
});

test("the basket belongs to one stay and outlives a reload, with the order that is being sent", () => {
  const storage = new Storage();
  const basket = new Basket(storage);
  basket.belongsTo("stay-1");
  basket.setQuantity("soup", 2);
  basket.setNote("soup", " no salt ");
  basket.begin("op-1", { lines: basket.wire });
  const again = new Basket(storage);
  again.belongsTo("stay-1");
  assert.deepEqual(again.wire, [{ menu_item_id: "soup", quantity: 2, note: "no salt" }]);
  assert.equal(again.attempt.op_id, "op-1");
  again.belongsTo("stay-2");
  assert.deepEqual([again.lines, again.attempt], [[], null]);
});

test("what is added while the order is on its way stays in the basket", () => {
  const basket = new Basket(new Storage());
  basket.setQuantity("soup", 2);
  basket.setRequests("two plates");
  basket.begin("op-1", { lines: basket.wire, special_requests: "two plates" }, 0);
  basket.setQuantity("soup", 3);
  basket.setQuantity("tea", 1);
  basket.placed(1000);
  assert.deepEqual(basket.wire, [{ menu_item_id: "soup", quantity: 1 }, { menu_item_id: "tea", quantity: 1 }]);
  assert.equal(basket.requests, "");
});

test("the same order within three minutes is noticed, a large quantity too", () => {
  const basket = new Basket(new Storage());
  basket.setQuantity("beer", 6);
  assert.equal(basket.unusual.menu_item_id, "beer");
  basket.setQuantity("beer", 2);
  assert.equal(basket.unusual, null);
  basket.begin("op-1", { lines: basket.wire }, 900);
  basket.placed(1000);
  assert.equal(basket.count, 0);
  basket.setQuantity("beer", 2);
  assert.equal(basket.isRepeat(2000), true);
  assert.equal(basket.isRepeat(1000 + 180_000), false);
});

test("opening hours: start belongs to it, end does not, midnight is crossed", () => {
  const at = (time) => Date.parse(`2026-11-21T${time}:00+09:00`);
  const night = { start_time: "22:00", end_time: "02:00" };
  const open = (hours, time) => isOpen(hours, at(time), "Asia/Tokyo");
  assert.deepEqual(["21:59", "22:00", "23:59", "00:00", "01:59", "02:00"].map((time) => open(night, time)), [false, true, true, true, true, false]);
  assert.equal(open({ start_time: "06:30", end_time: "10:30" }, "10:30"), false);
  assert.equal(open({ start_time: null, end_time: null }, "04:00"), true);
  assert.deepEqual(["04:59", "05:00", "11:00", "17:00", "22:00"].map((time) => partOfDay(at(time), "Asia/Tokyo")), ["night", "morning", "day", "evening", "night"]);
  assert.deepEqual(["06:59", "07:00", "22:00"].map((time) => isNight(at(time), "Asia/Tokyo")), [true, false, true]);
});

test("the guest reads the receipt chain, and a later step implies the earlier ones", () => {
  const states = (changes) => stepsOf(order(changes)).map(({ state }) => state).join(" ");
  assert.equal(states({}), "now next next next next next next");
  assert.equal(states({ status: "ready" }), "done done done done now next next");
  assert.equal(currentStep(order()), "sent");
  assert.equal(currentStep(order({ shown_at: "x" })), "shown");
  assert.equal(currentStep(order({ status: "cooking" })), "cooking");
  assert.equal(states({ status: "delivered" }), "done done done done done done done");
  assert.equal(currentStep(order({ status: "cancelled" })), "cancelled");
  assert.equal(mayCancel(order()), true);
  assert.equal(mayCancel(order({ items: [{ status: "cooking" }] })), false);
});
