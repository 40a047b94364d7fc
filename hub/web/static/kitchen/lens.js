import { isActive, onGrid } from "../core/visibility.js";
import { isLive } from "./flow.js";
import { shouts } from "./noted.js";

const CARRIED = new Set(["ready", "delivering"]);

/** The hub's time at which the kitchen begins: when it was ordered, or when a scheduled order fires. */
export const begins = (order) => Date.parse(order.fire_at ?? order.placed_at);

/** A scheduled order whose time has not come. */
export const isUpcoming = (order, now) => order.status === "received" && order.fire_at !== null && begins(order) > now;

/**
 * What a screen looks at. The kitchen with stations sees their items, and an order until they are made; the kitchen
 * without stations and the expo see whole orders until they are delivered; runners see what is ready.
 */
export class Lens {
  /** @param stations keys, or null for all of them */
  constructor({ view = "kitchen", stations = null } = {}) {
    this.view = view;
    this.stations = view === "kitchen" && stations?.length > 0 ? new Set(stations) : null;
  }

  /** Does it see parts of orders only? */
  get partial() {
    return this.stations !== null;
  }

  /** The items of an order that are this screen's. */
  items(order) {
    return this.partial ? order.items.filter((item) => this.stations.has(item.station)) : order.items;
  }

  /** Is it a ticket on the grid, at the hub's time `now`? Never hidden by its age. */
  shows(order, now) {
    if (!onGrid(order) || isUpcoming(order, now)) return false;
    if (this.view === "runner") return CARRIED.has(order.status) || (order.status === "cancelled" && order.ready_at !== null);
    if (!this.partial) return true;
    if (shouts(order, this)) return true;
    return isActive(order) && this.items(order).some((item) => item.status === "pending" || item.status === "cooking");
  }

  /** Is it a scheduled order that this screen will get? */
  expects(order, now) {
    return isUpcoming(order, now) && this.items(order).some(isLive);
  }

  /**
   * Where else an order is made, `{key, done, count}` in the order of their first item: for a station the others, for
   * the expo all when there are several, for a kitchen that sees everything none.
   */
  others(order) {
    const found = new Map();
    if (!this.partial && this.view !== "expo") return [];
    for (const item of order.items) {
      if (!isLive(item) || this.stations?.has(item.station)) continue;
      const each = found.get(item.station) ?? { key: item.station, done: 0, count: 0 };
      each.count += 1;
      if (item.status === "ready") each.done += 1;
      found.set(item.station, each);
    }
    return this.partial || found.size > 1 ? [...found.values()] : [];
  }
}
