import { isCalling } from "./flow.js";
import { isUpcoming } from "./lens.js";
import { shouts } from "./noted.js";

const NAG_MS = 20_000;

/**
 * When a screen makes itself heard. Told of every change, and once a second of the time; calls `ring(name, order)` with
 * "arrived", "changed", "cancelled", "ready", "unaccepted" or "late", each at most once for all that came together.
 */
export class Alarms {
  #ring;
  #upcoming = new Set();
  #late = null;
  #called = new Map();
  #nagged = null;

  constructor(ring) {
    this.#ring = ring;
  }

  /** @param known false for the first snapshot: what was there before is no news, unless nobody has seen it yet */
  changed(changes, { known, lens, now }) {
    const heard = new Map();
    for (const { kind, before, after } of changes) {
      if (kind !== "order" || after === null || lens.items(after).length === 0) continue;
      const name = nameOf(before, after, { known, lens, now });
      if (name !== null) heard.set(name, after);
    }
    for (const [name, order] of heard) this.#ring(name, order);
  }

  /** What time alone brings: scheduled orders that fire, those that get late, those that nobody accepts. */
  tick(orders, { lens, now, isLate, everySeconds }) {
    const heard = new Map();
    const shown = orders.filter((order) => lens.shows(order, now));
    for (const order of shown) if (this.#upcoming.has(order.id)) heard.set("arrived", order);
    this.#upcoming = new Set(orders.filter((order) => isUpcoming(order, now)).map(({ id }) => id));
    const late = new Set(shown.filter(isLate).map(({ id }) => id));
    if (this.#late !== null) for (const order of shown) if (late.has(order.id) && !this.#late.has(order.id)) heard.set("late", order);
    this.#late = late;
    this.#callAgain(shown.filter(isCalling), now, everySeconds, heard);
    const shouting = shown.filter((order) => shouts(order, lens));
    if (shouting.length === 0) this.#nagged = null;
    else if (this.#nagged === null) this.#nagged = now;
    else if (now - this.#nagged >= NAG_MS) {
      this.#nagged = now;
      heard.set(shouting[0].status === "cancelled" ? "cancelled" : "changed", shouting[0]);
    }
    for (const [name, order] of heard) this.#ring(name, order);
    return heard;
  }

  #callAgain(calling, now, everySeconds, heard) {
    for (const order of calling) {
      const times = Math.floor((now - Date.parse(order.alerts.chime)) / (everySeconds * 1000));
      if (times >= 0 && times !== this.#called.get(order.id)) heard.set("unaccepted", order);
      this.#called.set(order.id, times);
    }
    const ids = new Set(calling.map(({ id }) => id));
    for (const id of this.#called.keys()) if (!ids.has(id)) this.#called.delete(id);
  }
}

function nameOf(before, after, { known, lens, now }) {
  if (before === null) {
    if (!lens.shows(after, now)) return null;
    if (after.status === "received") return (known || after.shown_at === null) && lens.view !== "runner" ? "arrived" : null;
    return known && after.recall_count > 0 ? "changed" : null; // called back so late that this screen had forgotten it
  }
  if (!known) return null;
  if (shouts(after, lens) && !shouts(before, lens)) {
    if (!lens.shows(after, now)) return null;
    return after.status === "cancelled" ? "cancelled" : "changed";
  }
  if (after.recall_count > before.recall_count) return lens.shows(after, now) ? "changed" : null;
  const isReady = before.status !== "ready" && after.status === "ready";
  return isReady && lens.view !== "kitchen" ? "ready" : null;
}
