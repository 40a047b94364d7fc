const LEAVE_MS = 1000;

/**
 * The orders on their way. One that is delivered or comes back keeps its place for a second, untouchable: the next one
 * must not move under the finger that has just pressed.
 */
export class Away {
  #carried = new Map();
  #leaving = new Map();

  /**
   * Those on their way and those that have just left it, each in its place.
   * @param ids of all orders, in the order in which they are shown
   * @param carried id -> order on its way
   * @param at ms of the page's clock
   */
  update(ids, carried, at) {
    for (const [id, { until }] of this.#leaving) if (until <= at || carried.has(id)) this.#leaving.delete(id);
    for (const [id, order] of this.#carried) if (!carried.has(id)) this.#leaving.set(id, { order, until: at + LEAVE_MS });
    this.#carried = carried;
    return ids.map((id) => carried.get(id) ?? this.#leaving.get(id)?.order).filter(Boolean);
  }

  /** Is it on its way, and not just gone? */
  has(id) {
    return this.#carried.has(id);
  }

  /** Milliseconds until the next one goes, from `at`; null when none does. */
  nextIn(at) {
    const times = [...this.#leaving.values()].map(({ until }) => until - at);
    return times.length === 0 ? null : Math.max(0, Math.min(...times));
  }
}
