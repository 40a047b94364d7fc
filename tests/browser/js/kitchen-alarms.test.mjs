import assert from "node:assert/strict";
import { test } from "node:test";

import { Alarms } from "../../../hub/web/static/kitchen/alarms.js";
import { Lens } from "../../../hub/web/static/kitchen/lens.js";
import { item, ticket } from "./support-kitchen.mjs";

const NOW = Date.parse(ticket().placed_at);
const at = (seconds) => new Date(NOW + seconds * 1000).toISOString();

function make(lens = new Lens()) {
  const rung = [];
  const alarms = new Alarms((name, { id }) => rung.push(`${name} ${id}`));
  const change = (before, after) => ({ kind: "order", id: after.id, before, after });
  const take = () => rung.splice(0);
  return {
    changed: (changes, known = true) => {
      alarms.changed(changes.map(([before, after]) => change(before, after)), { known, lens, now: NOW });
      return take();
    },
    tick: (orders, seconds, late = []) => {
      alarms.tick(orders, { lens, now: NOW + seconds * 1000, isLate: ({ id }) => late.includes(id), everySeconds: 20 });
      return take();
    },
  };
}

test("a new order rings; what was there before the screen came does not, unless nobody has seen it", () => {
  const { changed } = make();
  assert.deepEqual(changed([[null, ticket()]]), ["arrived o1"]);
  assert.deepEqual(changed([[null, ticket({ shown_at: at(0) })]], false), []);
  assert.deepEqual(changed([[null, ticket()]], false), ["arrived o1"]);
  assert.deepEqual(changed([[ticket(), ticket({ version: 2 })]]), []);
  assert.deepEqual(changed([[null, ticket({ fire_at: at(600) })]]), [], "a scheduled one waits for its time");
});

test("all that comes together rings once", () => {
  const { changed } = make();
  assert.deepEqual(changed([[null, ticket({ id: "a" })], [null, ticket({ id: "b" })]]), ["arrived b"]);
});

test("cancelled, changed and recalled orders sound, each in its own way", () => {
  const { changed } = make();
  const two = (status) => [item({ line: 1 }), item({ line: 2, status })];
  assert.deepEqual(changed([[ticket(), ticket({ status: "cancelled" })]]), ["cancelled o1"]);
  assert.deepEqual(changed([[ticket({ items: two("pending") }), ticket({ items: two("cancelled") })]]), ["changed o1"]);
  assert.deepEqual(changed([[ticket({ status: "ready" }), ticket({ status: "cooking", recall_count: 1 })]]), ["changed o1"]);
});

test("an order that is called back when the screen has forgotten it sounds as any recall", () => {
  const back = ticket({ status: "cooking", recall_count: 1 });
  assert.deepEqual(make().changed([[null, back]]), ["changed o1"]);
  assert.deepEqual(make().changed([[null, back]], false), [], "but not those that were there before the screen came");
  assert.deepEqual(make().changed([[null, ticket({ status: "cooking" })]]), []);
  assert.deepEqual(make(new Lens({ view: "runner" })).changed([[null, back]]), [], "nor what is not shown");
});

test("that an order is ready is heard where it is carried from, not where it is cooked", () => {
  const ready = [[ticket({ status: "cooking" }), ticket({ status: "ready" })]];
  assert.deepEqual(make().changed(ready), []);
  assert.deepEqual(make(new Lens({ view: "expo" })).changed(ready), ["ready o1"]);
  assert.deepEqual(make(new Lens({ view: "runner" })).changed(ready), ["ready o1"]);
  assert.deepEqual(make(new Lens({ view: "runner" })).changed([[null, ticket()]]), [], "and runners hear of nothing else");
});

test("a station hears of its own items alone", () => {
  const { changed } = make(new Lens({ stations: ["bar"] }));
  assert.deepEqual(changed([[null, ticket()]]), []);
  assert.deepEqual(changed([[null, ticket({ items: [item({ station: "bar" })] })]]), ["arrived o1"]);
});

test("a station hears a cancellation of its own until it has noted it, and none of others", () => {
  const [before, after] = ["pending", "cancelled"].map((status) =>
    ticket({ status: "cooking", items: [item({ line: 1 }), item({ line: 2, station: "bar", status }), item({ line: 3, station: "bar" })] }));
  const bar = make(new Lens({ stations: ["bar"] }));
  assert.deepEqual(bar.changed([[before, after]]), ["changed o1"]);
  assert.deepEqual(make(new Lens({ stations: ["kitchen"] })).changed([[before, after]]), []);
  const more = { ...after, items: [{ ...after.items[0], status: "cancelled" }, ...after.items.slice(1)] };
  const byGrill = { ...more, cancel_acked_stations: ["kitchen"] };
  assert.deepEqual([0, 20].map((second) => bar.tick([byGrill], second)), [[], ["changed o1"]]);
  const byBar = { ...more, cancel_acked_stations: ["bar"] };
  assert.deepEqual([40, 60].map((second) => bar.tick([byBar], second)), [[], []]);
});

test("a further cancellation is heard at its own stations, also after everybody has noted the one before", () => {
  const cancelled = (...lines) =>
    ["kitchen", "bar", "kitchen"].map((station, i) => item({ line: i + 1, station, status: lines.includes(i + 1) ? "cancelled" : "pending" }));
  const lenses = [["kitchen"], ["bar"]].map((stations) => new Lens({ stations }));
  const noted = ticket({ status: "cooking", items: cancelled(1, 2), cancel_acked_at: at(0) });
  const more = ticket({ status: "cooking", items: cancelled(1, 2, 3), cancel_acked_stations: ["bar"] });
  assert.deepEqual(lenses.map((lens) => make(lens).changed([[noted, more]])), [["changed o1"], []]);
  const byBar = { ...noted, cancel_acked_at: null, cancel_acked_stations: ["bar"] };
  assert.deepEqual(make(lenses[1]).changed([[byBar, more]]), []);
});

test("a scheduled order rings when its time has come", () => {
  const { tick } = make();
  const order = ticket({ fire_at: at(30) });
  assert.deepEqual(tick([order], 0), []);
  assert.deepEqual(tick([order], 29), []);
  assert.deepEqual(tick([order], 30), ["arrived o1"]);
  assert.deepEqual(tick([order], 31), []);
});

test("an order that nobody accepts rings again and again, until somebody does", () => {
  const { tick } = make();
  const order = ticket({ alerts: { chime: at(90) } });
  assert.deepEqual([90, 91, 109, 110, 111, 130].map((second) => tick([order], second).length), [1, 0, 0, 1, 0, 1]);
  assert.deepEqual(tick([{ ...order, accepted_at: at(131) }], 150), []);
  assert.deepEqual(tick([{ ...order, status: "cooking" }], 170), []);
});

test("a cancellation rings again until a cook has seen it", () => {
  const { tick } = make();
  const order = ticket({ status: "cancelled" });
  assert.deepEqual([0, 10, 20, 30, 40].map((second) => tick([order], second)), [[], [], ["cancelled o1"], [], ["cancelled o1"]]);
  assert.deepEqual(tick([{ ...order, cancel_acked_at: at(41) }], 60), []);
});

test("an order that gets late rings once; those that were late before the screen came do not", () => {
  const { tick } = make();
  const orders = [ticket({ id: "a" }), ticket({ id: "b" })];
  assert.deepEqual(tick(orders, 0, ["a"]), []);
  assert.deepEqual(tick(orders, 1, ["a", "b"]), ["late b"]);
  assert.deepEqual(tick(orders, 2, ["a", "b"]), []);
});
