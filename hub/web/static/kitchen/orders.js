import { forecast, linesOf } from "./forecast.js";

/** The orders as this screen shows them: the hub's, and on top what waits to be sent. */
export class Orders {
  #store;
  #outbox;

  constructor(store, outbox) {
    this.#store = store;
    this.#outbox = outbox;
  }

  all() {
    return this.#store.all("order").map((order) => this.#shown(order));
  }

  get(id) {
    const order = this.#store.get("order", id);
    return order && this.#shown(order);
  }

  /** As the hub has told it. */
  told(id) {
    return this.#store.get("order", id);
  }

  /** Lines of an order that wait for the hub; "*" is the whole order. */
  waiting(id) {
    return new Set(this.#outbox.of(id).flatMap(linesOf));
  }

  #shown(order) {
    const entries = this.#outbox.of(order.id);
    return entries.length === 0 ? order : forecast(order, entries);
  }
}
