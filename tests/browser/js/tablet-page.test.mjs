import assert from "node:assert/strict";
import { test } from "node:test";

import { PageHistory } from "../../../hub/web/static/tablet/history.js";
import { Idle } from "../../../hub/web/static/tablet/idle.js";
import { MenuCache } from "../../../hub/web/static/tablet/menu-cache.js";
import { daysOf } from "../../../hub/web/static/tablet/slots.js";
import { currentStep, isUnanswered, mayCancel, stepsOf } from "../../../hub/web/static/tablet/steps.js";
import { TABLET } from "../../../hub/web/static/tablet/strings.js";
import { Translator } from "../../../hub/web/static/i18n.js";
import { Storage, order } from "./support.mjs";

test("the guest reads the receipt chain, and a later step implies the earlier ones", () => {
  const states = (changes) => stepsOf(order(changes)).map(({ state }) => state).join(" ");
  assert.equal(states({}), "now next next next next next next");
  assert.equal(states({ status: "ready" }), "done done done done now next next");
  assert.equal(currentStep(order()), "sent");
  assert.equal(currentStep(order({ shown_at: "x" })), "shown");
  assert.equal(currentStep(order({ accepted_at: "x" })), "accepted");
  assert.equal(currentStep(order({ status: "cooking" })), "cooking");
  assert.equal(states({ status: "delivered" }), "done done done done done done done");
  assert.equal(currentStep(order({ status: "cancelled" })), "cancelled");
  assert.equal(mayCancel(order()), true);
  assert.equal(mayCancel(order({ items: [{ status: "cooking" }] })), false);
});

test("an order that nobody has accepted is one to call about, until somebody does", () => {
  assert.equal(isUnanswered(order({ alerts: {} })), false);
  assert.equal(isUnanswered(order({ alerts: { page: "x" } })), true);
  assert.equal(isUnanswered(order({ alerts: { page: "x" }, accepted_at: "x" })), false);
  assert.equal(isUnanswered(order({ alerts: { page: "x" }, status: "cooking" })), false);
});

test("a screen that nobody touches warns at its time, leaves twenty seconds, then rests; a touch wakes it", () => {
  const target = new EventTarget();
  let now = 0;
  let tick;
  let active = true;
  const idle = new Idle({ seconds: () => 90, active: () => active, target, now: () => now, every: (work) => (tick = work) });
  const after = (seconds) => {
    now = seconds * 1000;
    tick();
    return idle.state;
  };
  assert.deepEqual([89, 90, 109].map(after), ["awake", "warning", "warning"]);
  assert.equal(idle.left, 1);
  assert.equal(after(110), "resting");
  target.dispatchEvent(new Event("pointerdown"));
  assert.equal(idle.state, "resting", "only a whole click wakes it");
  target.dispatchEvent(new Event("click"));
  assert.equal(idle.state, "awake");
  assert.equal(after(199), "awake");
  target.dispatchEvent(new Event("pointerdown"));
  assert.equal(after(210), "awake");
  active = false;
  assert.equal(after(900), "awake", "nothing to rest from");
});

test("the way back leads to the menu, and after a stay to nothing of it", () => {
  const moved = [];
  const target = new EventTarget();
  const entries = [null];
  let here = 0;
  const late = [];
  const history = {
    get state() {
      return entries[here];
    },
    pushState: (state) => entries.splice(++here, Infinity, state),
    replaceState: (state) => (entries[here] = state),
    back: () => late.push(() => {
      here -= 1;
      target.dispatchEvent(new Event("popstate"));
    }),
  };
  const settle = () => late.splice(0).forEach((each) => each());
  const pages = new PageHistory(({ page }) => moved.push(page), { history, target });
  pages.go("item", "soup");
  pages.go("review");
  assert.deepEqual(entries, [null, { page: "review", of: null }], "never more than one page above the menu");
  assert.equal(pages.here.page, "review", "a reload stays there");
  pages.go("menu");
  pages.go("menu");
  pages.go("orders"); // before the browser has gone back
  settle();
  assert.deepEqual([here, entries, moved], [1, [null, { page: "orders", of: null }], []]);
  history.back();
  settle();
  assert.deepEqual([here, moved], [0, ["menu"]], "the guest went back");
  pages.go("orders");
  pages.go("menu");
  settle();
  assert.deepEqual([here, entries], [0, [null, null]], "nothing is left to go forth to");
});

test("the menu that is kept holds nothing of a guest, and nonsense is no menu", () => {
  const storage = new Storage();
  storage.setItem("hub.tablet.menu", JSON.stringify([{ kind: "hotel", data: { id: "h" } }, { kind: "order", data: { id: "o" } }]));
  assert.deepEqual(new MenuCache(storage).read(), [{ kind: "hotel", data: { id: "h" } }]);
  storage.setItem("hub.tablet.menu", "{");
  assert.deepEqual(new MenuCache(storage).read(), []);
});

test("the menu is kept within a moment however often it changes, at once when the page goes, and never after a wipe", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const storage = new Storage();
  const cache = new MenuCache(storage);
  const store = { hotel: { id: "h" }, all: (kind) => (kind === "hotel" ? [{ id: "h" }] : []) };
  const kept = () => new MenuCache(storage).read().length;
  for (let n = 0; n < 3; n += 1) {
    cache.keep(store);
    t.mock.timers.tick(400);
  }
  assert.equal(kept(), 1, "changes that go on do not put it off");
  cache.wipe();
  cache.keep(store);
  cache.flush();
  assert.equal(kept(), 1, "the page goes");
  cache.wipe();
  cache.flush();
  t.mock.timers.tick(2000);
  assert.equal(kept(), 0);
});

test("free times by day and hour; an hour without a free one is left out", () => {
  const i18n = new Translator({ catalogues: [TABLET], storage: new Storage(), key: "k" });
  const app = { i18n, hub: { store: { hotel: { time_zone: "Asia/Tokyo" } } } };
  const slot = (time, free = true) => ({ at: new Date(`2026-11-21T${time}:00+09:00`).toISOString(), free });
  const tomorrow = { at: "2026-11-21T15:00:00Z", free: true };
  const days = daysOf(app, [slot("19:30"), slot("19:45", false), slot("20:00", false), slot("21:00"), tomorrow]);
  assert.deepEqual(days.map(({ day, hours }) => [day, hours.map((hour) => hour.length)]), [["2026-11-21", [2, 1]], ["2026-11-22", [1]]]);
});
