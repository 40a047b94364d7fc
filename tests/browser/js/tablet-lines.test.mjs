import assert from "node:assert/strict";
import { test } from "node:test";

import { refusalOf, servedAt } from "../../../hub/web/static/tablet/lines.js";

const NOW = Date.parse("2026-11-20T03:00:00Z");
const DISHES = {
  curry: { fulfilment: "room_service", preparation_minutes: 20 },
  bar: { fulfilment: "fridge", preparation_minutes: 15 },
};

function app(due, ...ids) {
  const store = { get: (_, id) => DISHES[id] ?? null, hotel: { delivery_minutes: 10, time_zone: "Asia/Tokyo" } };
  const basket = { due, lines: ids.map((id) => ({ menu_item_id: id })) };
  return { basket, hub: { store, now: () => NOW }, i18n: { text: (key) => key } };
}

test("a wish is of the hours in which the kitchen begins it; what is in the fridge has no kitchen and no way", () => {
  const due = "2026-11-20T05:00:00Z";
  const minutes = (...ids) => (servedAt(app(due, ...ids)) - NOW) / 60_000;
  assert.equal(minutes("curry"), 90);
  assert.equal(minutes("curry", "bar", "gone"), 90);
  assert.equal(minutes("bar"), 120);
  assert.equal(servedAt(app(null, "curry")), NOW);
});

test("a line that the hotel cannot tax beside the others is marked as not to be had", () => {
  const unavailable = [{ menu_item_id: "bar", reason: "no_tax_rate", opens_at: null }];
  const refused = { code: "item_unavailable", details: { field: "lines[1].menu_item_id", unavailable } };
  const both = app(null, "curry", "bar");
  assert.deepEqual(both.basket.lines.map((line) => refusalOf(both, refused, line)), [null, "line.gone"]);
});
