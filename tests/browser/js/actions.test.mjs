import assert from "node:assert/strict";
import { test } from "node:test";

import { Actions } from "../../../hub/web/static/kitchen/actions.js";
import { call } from "../../../hub/web/static/tablet/phone.js";
import { TABLET } from "../../../hub/web/static/tablet/strings.js";
import { Translator } from "../../../hub/web/static/i18n.js";
import { Storage, order, settle } from "./support.mjs";

function makeActions() {
  const sent = [];
  const command = async (name, args) => {
    sent.push([name, args]);
    return { order: order(), noop: false };
  };
  return { sent, actions: new Actions({ command }, async () => true) };
}

test("a recall is from the version the cook saw; an undo is not, a sighting must not take it away", async () => {
  const { sent, actions } = makeActions();
  await actions.recall(order({ version: 7 }));
  await actions.undo(order({ version: 7 }));
  assert.deepEqual(sent, [
    ["order.recall", { order_id: "o1", expected_version: 7 }],
    ["order.recall", { order_id: "o1", undo: true }],
  ]);
});

test("one item can be cancelled, or the whole order", async () => {
  const { sent, actions } = makeActions();
  await actions.cancel(order(), "sold_out", { line: 2 });
  await actions.cancel(order(), "guest");
  assert.deepEqual(sent.map(([, args]) => args), [
    { order_id: "o1", reason: "sold_out", items: [2] },
    { order_id: "o1", reason: "guest" },
  ]);
});

test("an order that another system cancelled is acknowledged, not bumped", async () => {
  const { sent, actions } = makeActions();
  await actions.bump(order({ status: "cancelled" }));
  await settle();
  assert.deepEqual(sent, [["order.acknowledge", { order_id: "o1" }]]);
});

test("a hotel without a phone number never shows an empty one", () => {
  const i18n = new Translator({ catalogues: [TABLET], storage: new Storage(), key: "k" });
  const app = (phone) => ({ i18n, hub: { store: { hotel: { phone } } } });
  assert.equal(call(app("9")), "内線 9 へお電話ください");
  for (const none of [null, undefined, ""]) assert.equal(call(app(none)), "フロントまでお電話ください");
});
