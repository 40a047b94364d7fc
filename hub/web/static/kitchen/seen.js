const BATCH = 100;

/** Tells the hub which tickets this screen has really painted: the guest then reads "On the kitchen screen". */
export class Seen {
  #hub;
  #asked = new Set();
  #waiting = new Set();

  constructor(hub) {
    this.#hub = hub;
  }

  /** Call with the orders of the page right after they were put into the document. */
  painted(orders) {
    if (document.hidden || !this.#hub.live) return;
    for (const order of orders) {
      if (order.shown_at === null && order.status === "received" && !this.#asked.has(order.id)) this.#waiting.add(order.id);
    }
    if (this.#waiting.size === 0) return;
    // The second frame begins after the first one was presented.
    requestAnimationFrame(() => requestAnimationFrame(() => this.#tell()));
  }

  async #tell() {
    const ids = [...this.#waiting].slice(0, BATCH);
    if (ids.length === 0) return;
    for (const id of ids) {
      this.#waiting.delete(id);
      this.#asked.add(id);
    }
    try {
      await this.#hub.command("order.seen", { order_ids: ids });
    } catch {
      for (const id of ids) this.#asked.delete(id); // told again with the next paint
    }
    if (this.#waiting.size > 0) this.#tell();
  }
}
