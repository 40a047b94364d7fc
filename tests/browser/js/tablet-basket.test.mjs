import assert from "node:assert/strict";
import { test } from "node:test";

import { Basket, lineKey } from "../../../hub/web/static/tablet/basket.js";
import { Filter, avoided } from "../../../hub/web/static/tablet/filter.js";
import { Storage } from "./support.mjs";

const SOUP = { menu_item_id: "soup" };
const RARE = { menu_item_id: "beef", options: ["done:rare"] };
const WELL = { menu_item_id: "beef", options: ["done:well"] };

function open(storage = new Storage(), stay = "stay-1") {
  const basket = new Basket(storage);
  basket.belongsTo(stay);
  return basket;
}

test("the basket belongs to one stay and outlives a reload, with the order that is being sent", () => {
  const storage = new Storage();
  const basket = open(storage);
  basket.add({ ...SOUP, quantity: 2 });
  basket.setNote("soup", " no salt ");
  basket.begin("op-1", { lines: basket.wire });
  const again = open(storage);
  assert.deepEqual(again.wire, [{ menu_item_id: "soup", quantity: 2, note: "no salt" }]);
  assert.equal(again.attempt.op_id, "op-1");
  again.belongsTo("stay-2");
  assert.deepEqual([again.lines, again.attempt], [[], null]);
});

test("a basket that was kept tells nothing before it is known whose it is", () => {
  const storage = new Storage();
  open(storage).add(SOUP);
  const again = new Basket(storage);
  assert.deepEqual([again.lines, again.count, again.stay], [[], 0, "stay-1"]);
  again.belongsTo("stay-1");
  assert.equal(again.count, 1);
});

test("before it is known whose it is nothing that is kept can be changed: no line, no order under way, no mark", () => {
  const storage = new Storage();
  const basket = open(storage);
  basket.add({ ...SOUP, quantity: 2 });
  basket.begin("op-1", { lines: basket.wire }, 0);
  const filter = new Filter(storage);
  filter.belongsTo("stay-1");
  filter.set({ avoid: ["crab"], hide: true });
  const [again, early] = [new Basket(storage), new Filter(storage)];
  assert.equal(again.open, false);
  again.add(RARE);
  again.setRequests("two plates");
  again.begin("op-2", { lines: [] }, 0);
  early.toggleTag("vegan");
  early.set({ avoid: [] });
  assert.deepEqual([again.lines, early.tags], [[], []]);
  again.belongsTo("stay-1");
  early.belongsTo("stay-1");
  assert.deepEqual([again.open, again.count, again.attempt.op_id], [true, 2, "op-1"]);
  assert.deepEqual([early.avoid, early.hide, early.tags], [["crab"], true, []]);
});

test("after a stay, and in an empty room, nobody's basket takes anything", () => {
  const basket = open();
  basket.wipe();
  basket.add(SOUP);
  basket.belongsTo(null);
  basket.add(SOUP);
  assert.deepEqual([basket.open, basket.count], [false, 0]);
});

test("the same dish with other options is another line, with the same ones in any order it is not", () => {
  const basket = open();
  basket.add(RARE);
  basket.add(WELL);
  basket.add({ ...RARE, quantity: 2 });
  assert.deepEqual(basket.wire, [
    { menu_item_id: "beef", quantity: 3, options: ["done:rare"] },
    { menu_item_id: "beef", quantity: 1, options: ["done:well"] },
  ]);
  assert.equal(basket.quantityOf("beef"), 4);
  assert.equal(basket.quantity(lineKey(RARE)), 3);
  assert.equal(lineKey({ menu_item_id: "x", options: ["b:1", "a:2"] }), lineKey({ menu_item_id: "x", options: ["a:2", "b:1"] }));
  basket.setQuantity(lineKey(WELL), 0);
  assert.equal(basket.lines.length, 1);
});

test("a wish in words that stands in the basket stays, and one comes in where there is none", () => {
  const basket = open();
  basket.add({ ...SOUP, note: "no salt" });
  basket.add({ ...SOUP, note: "no onion" });
  basket.add(RARE);
  basket.add({ ...RARE, note: "no pepper" });
  basket.add(RARE);
  assert.deepEqual(basket.lines.map(({ quantity, note }) => [quantity, note]), [[2, "no salt"], [3, "no pepper"]]);
});

test("a line whose options are changed joins one that has them already", () => {
  const basket = open();
  basket.add(RARE);
  basket.add({ ...WELL, quantity: 2 });
  basket.replace(lineKey(RARE), { options: ["done:medium"], quantity: 1 });
  assert.deepEqual(basket.lines.map(({ options }) => options[0]), ["done:medium", "done:well"]);
  basket.replace(lineKey(WELL), { options: ["done:medium"], quantity: 2 });
  assert.deepEqual(basket.wire, [{ menu_item_id: "beef", quantity: 3, options: ["done:medium"] }]);
});

test("what is added while the order is on its way stays in the basket", () => {
  const basket = open();
  basket.add({ ...SOUP, quantity: 2 });
  basket.add(RARE);
  basket.setRequests("two plates");
  basket.setDue("2026-11-22T10:30:00Z");
  basket.begin("op-1", { lines: basket.wire, special_requests: "two plates" }, 0);
  basket.setQuantity("soup", 3);
  basket.add(WELL);
  basket.placed(1000);
  assert.deepEqual(basket.wire, [{ menu_item_id: "soup", quantity: 1 }, { menu_item_id: "beef", quantity: 1, options: ["done:well"] }]);
  assert.deepEqual([basket.requests, basket.due, basket.attempt], ["", null, null]);
});

test("the same order within three minutes is noticed, a large quantity of one dish too", () => {
  const basket = open();
  basket.add({ ...RARE, quantity: 3 });
  basket.add({ ...WELL, quantity: 3 });
  assert.deepEqual(basket.unusual, { menu_item_id: "beef", count: 6 });
  basket.setQuantity(lineKey(WELL), 2);
  assert.equal(basket.unusual, null, "five are not many");
  basket.setQuantity(lineKey(WELL), 0);
  basket.begin("op-1", { lines: basket.wire }, 900);
  basket.placed(1000);
  basket.add({ ...RARE, quantity: 3 });
  assert.equal(basket.isRepeat(2000), true);
  assert.equal(basket.isRepeat(1000 + 180_000), false);
  basket.replace(lineKey(RARE), { options: ["done:well"], quantity: 3 });
  assert.equal(basket.isRepeat(2000), false, "with other options it is another order");
});

test("what a guest must not eat is forgotten with the stay", () => {
  const storage = new Storage();
  const filter = new Filter(storage);
  filter.belongsTo("stay-1");
  filter.set({ avoid: ["egg"], hide: true });
  filter.toggleTag("vegan");
  const again = new Filter(storage);
  assert.deepEqual([again.avoid, again.tags], [[], []], "nothing before it is known who asks");
  again.belongsTo("stay-1");
  assert.deepEqual([again.avoid, again.hide, again.tags], [["egg"], true, ["vegan"]]);
  again.belongsTo("stay-2");
  assert.deepEqual([again.avoid, again.hide, again.tags], [[], false, []]);
});

test("declared allergens and those of the moment count together, each once", () => {
  const filter = new Filter(new Storage());
  filter.belongsTo("stay-1");
  filter.set({ avoid: ["egg", "milk"] });
  const hub = { store: { all: () => [{ id: "stay-1", allergens: ["crab", "egg"] }] } };
  assert.deepEqual(avoided({ hub, filter }), ["crab", "egg", "milk"]);
});
