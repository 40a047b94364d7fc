import assert from "node:assert/strict";
import { test } from "node:test";

import { Store } from "../../../hub/web/static/core/store.js";
import { COMMON, Translator } from "../../../hub/web/static/i18n.js";
import { Basket } from "../../../hub/web/static/tablet/basket.js";
import { Placing } from "../../../hub/web/static/tablet/placing.js";
import { TABLET } from "../../../hub/web/static/tablet/strings.js";
import { Storage, settle } from "./support.mjs";
import { install } from "./support-dom.mjs";

const body = install();
const { ReviewView } = await import("../../../hub/web/static/tablet/review-view.js");

const HOTEL = { id: "h", time_zone: "Asia/Tokyo", legal_age: 20, delivery_minutes: 10, phone: null, pause: null, allergens: { items: [] } };
const QUOTE = { total_amount: 1650, subtotal_amount: 1650, service_amount: 0, service_charge_bp: 0, taxes: [], prices_include_tax: true };
const DUE = "2026-11-22T10:30:00Z";
const PATIENCE_MS = 10_000;

const dish = (id) => ({ id, name_ja: id, name_en: id, price: 1650, options: [], allergens: [], sold_out: false, fulfilment: "room_service", preparation_minutes: 10 });

/** A page that is open with `count` soups; `hub.answers` false: a total that is asked for does not come. */
async function open(t, count, { attempt = null } = {}) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const hub = {
    live: true,
    answers: true,
    time: Date.parse("2026-11-22T09:00:00Z"),
    now: () => hub.time,
    principal: { room_number: "1203" },
    store: new Store(),
    placed: [],
    withdraw: () => false,
    command(name, args, { opId } = {}) {
      if (name === "order.quote") return hub.answers ? Promise.resolve({ quote: QUOTE }) : new Promise(() => {});
      hub.placed.push({ args, opId });
      return new Promise(() => {});
    },
  };
  hub.store.replace([{ kind: "hotel", data: HOTEL }, ...["soup", "beer"].map((id) => ({ kind: "menu_item", data: dish(id) }))]);
  const basket = new Basket(new Storage());
  basket.belongsTo("stay");
  if (count > 0) basket.add({ menu_item_id: "soup", quantity: count });
  if (attempt !== null) {
    basket.begin(attempt, basket.wish, hub.time - 660_000);
    basket.sent();
  }
  const placing = new Placing(hub, basket);
  const view = new ReviewView();
  const i18n = new Translator({ catalogues: [COMMON, TABLET], storage: new Storage(), key: "k" });
  const app = { hub, basket, placing, i18n, page: "menu", render: () => app.page === "review" && view.render(), go() {} };
  view.attach(app);
  basket.addEventListener("change", () => app.page === "review" && view.basketChanged());
  placing.resume();
  const pass = async (ms) => {
    t.mock.timers.tick(ms);
    await settle();
    app.render();
  };
  const enter = async () => {
    app.page = "review";
    view.opened();
    app.render();
    await pass(200);
  };
  const leave = () => {
    view.closed();
    app.page = "menu";
  };
  const press = async (button) => {
    button.dispatchEvent(new Event("click"));
    await settle();
  };
  t.after(() => {
    leave();
    body.replaceChildren();
  });
  await enter();
  return {
    hub, basket, placing, view, pass, enter, leave,
    place: () => press(view.querySelector(".place")),
    dialog: () => body.querySelector("dialog"),
    /** Answer the question that is asked; what happens meanwhile is for `before`. */
    async say(answer, before = () => {}) {
      const dialog = body.querySelector("dialog");
      before();
      await press(dialog.querySelector(answer === "yes" ? ".primary" : ".quiet"));
      dialog.dispatchEvent(new Event("close"));
      await settle();
    },
    wish: () => view.querySelector(".review-lines").querySelector("input")?.value ?? null,
    problem: () => placing.problem?.code ?? null,
  };
}

/** Yes has been said while the total was asked for anew, and that has not come yet. */
async function waiting(t) {
  const page = await open(t, 6);
  await page.place();
  page.hub.answers = false;
  await page.say("yes", () => page.view.requote());
  await page.pass(200);
  page.hub.answers = true;
  assert.deepEqual([page.hub.placed, page.problem()], [[], null]);
  return page;
}

test("the wish in words that a line shows is the one that is sent, whatever stood there at an earlier visit", async (t) => {
  const page = await open(t, 1);
  assert.equal(page.wish(), null);
  page.leave();
  page.basket.add({ menu_item_id: "soup", note: "no onions" });
  await page.enter();
  assert.equal(page.wish(), "no onions");
  page.leave();
  page.basket.setQuantity("soup", 0);
  page.basket.add({ menu_item_id: "soup" });
  await page.enter();
  assert.deepEqual([page.wish(), page.basket.lines[0].note], [null, ""]);
});

test("who has said yes gets the order when the total has come", async (t) => {
  const page = await waiting(t);
  page.view.requote();
  await page.pass(200);
  assert.equal(page.hub.placed.length, 1);
});

test("a yes is not for what was chosen after it: the guest is told, and nothing goes", async (t) => {
  const changes = [(basket) => basket.setDue(DUE), (basket) => basket.setNote("soup", "hot"), (basket) => basket.setRequests("two plates")];
  for (const change of changes) {
    const page = await waiting(t);
    change(page.basket);
    page.view.requote();
    await page.pass(200);
    assert.deepEqual([page.hub.placed, page.problem()], [[], "not_sent"]);
    assert.match(page.view.querySelector(".problem").textContent, /もう一度お進みください/);
    t.mock.timers.reset();
    body.replaceChildren();
  }
});

test("a yes ends with the visit", async (t) => {
  const page = await waiting(t);
  page.leave();
  await page.enter();
  await page.pass(PATIENCE_MS);
  assert.deepEqual([page.hub.placed, page.problem()], [[], null]);
});

test("a yes for which no total has come is not dropped without a word", async (t) => {
  const page = await waiting(t);
  await page.pass(PATIENCE_MS);
  assert.deepEqual([page.hub.placed, page.problem()], [[], "not_sent"]);
});

test("who changes an old order that may have arrived is told that both would be made, and only then it goes", async (t) => {
  const page = await open(t, 1, { attempt: "first" });
  assert.equal(page.problem(), "maybe_sent");
  page.basket.add({ menu_item_id: "beer" });
  await page.pass(200);
  await page.place();
  assert.match(page.dialog().textContent, /両方をご用意/);
  await page.say("no");
  assert.deepEqual([page.hub.placed, page.basket.attempt.op_id], [[], "first"]);
  await page.place();
  await page.say("yes");
  assert.equal(page.hub.placed.length, 1);
  assert.notEqual(page.hub.placed[0].opId, "first");
});

test("one that is still wanted as it was goes without that question, under its own op_id", async (t) => {
  const page = await open(t, 1, { attempt: "first" });
  await page.place();
  assert.deepEqual([page.dialog(), page.hub.placed.map(({ opId }) => opId)], [null, ["first"]]);
});
