import assert from "node:assert/strict";
import { test } from "node:test";

import { Lens } from "../../../hub/web/static/kitchen/lens.js";
import { SERVER_TIME, settle } from "./support.mjs";
import { install } from "./support-dom.mjs";
import { ticket } from "./support-kitchen.mjs";

const body = install();
const { recallPanel } = await import("../../../hub/web/static/kitchen/panels/recall.js");

const NOW = Date.parse(SERVER_TIME);
const at = (minutes) => new Date(NOW + minutes * 60_000).toISOString();

/** The panel over these orders; `answer` says who did what when, `change` puts an order in. */
function make(orders, { live = true } = {}) {
  const answers = [];
  const known = new Map(orders.map((order) => [order.id, order]));
  const store = { hotel: { recall_minutes: 30, time_zone: "Asia/Tokyo" }, all: () => [...known.values()] };
  const hub = { live, store, now: () => NOW, command: () => new Promise((resolve) => answers.push(resolve)) };
  const i18n = { text: (key) => key, time: String, of: () => "" };
  const panel = recallPanel({ hub, i18n, lens: new Lens(), panelClosed() {} });
  const list = body.children.at(-1).querySelector(".recall-list");
  return {
    list,
    rows: () => list.children.map(({ dataset }) => dataset.key).join(" "),
    answer: async (times) => {
      answers.pop()({ orders: Object.entries(times).map(([id, minutes]) => ({ order: { id }, by: "Aoi", at: at(minutes) })) });
      await settle();
    },
    change: (order) => {
      known.set(order.id, order);
      panel.render();
    },
  };
}

const way = ticket({ id: "way", status: "delivering", ready_at: at(-20) });
const done = ticket({ id: "done", status: "delivered", finished_at: at(-10) });

test("the newest step comes first, and from the first answer on every row keeps its place", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { list, rows, answer, change } = make([way, done]);
  assert.deepEqual([rows(), list.inert], ["done way", true], "nothing to be tapped yet");
  await answer({ way: -5, done: -10 });
  assert.deepEqual([rows(), list.inert], ["way done", false]);
  change({ ...done, version: 2 });
  await answer({ way: -5, done: -1 });
  assert.equal(rows(), "way done");
  change(ticket({ id: "late", status: "delivered", finished_at: at(0) }));
  assert.equal(rows(), "way done late");
});

test("without an answer the rows stand as they are known", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  assert.equal(make([way, done], { live: false }).list.inert, false);
  const { list, rows } = make([way, done]);
  t.mock.timers.tick(400);
  assert.deepEqual([rows(), list.inert], ["done way", false]);
});
