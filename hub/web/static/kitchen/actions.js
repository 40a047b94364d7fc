import { newOpId } from "../core/commands.js";
import { linesToMove, linesToRecall, needsId, nextOfItem, nextStep, unfinished } from "./flow.js";
import { ownOf, unnotedAllergy, unnotedCancellation } from "./noted.js";

const DOUBLE_TAP_MS = 450;

/**
 * What a cook can do. Everything goes through the outbox, so that nothing is lost when the line is down. `guarded`
 * holds what was tapped a moment ago: the second half of a double tap must not make a second step.
 * Events: "change"; "bumped" with what can be undone; "void" with the opId of a bump that changed nothing.
 */
export class Actions extends EventTarget {
  guarded = new Set();
  #outbox;
  #lens;
  #ask;

  /**
   * @param lens returns what this screen looks at
   * @param ask `{idChecked(order), unfinished(order, items)}`, each resolves with true or false
   */
  constructor(outbox, lens, ask) {
    super();
    this.#outbox = outbox;
    this.#lens = lens;
    this.#ask = ask;
  }

  async bump(order) {
    const lens = this.#lens();
    const to = nextStep(order, lens);
    if (to === null || to === "allergy" || this.guarded.has(order.id)) return;
    if (to === "acknowledge") {
      this.acknowledge(order);
      return;
    }
    const args = { order_id: order.id, to };
    if (to === "ready" && lens.view === "expo") {
      const open = unfinished(order);
      if (open.length > 0 && !(await this.#ask.unfinished(order, open))) return;
    }
    if (to === "delivered" && needsId(order)) {
      if (!(await this.#ask.idChecked(order))) return;
      args.id_checked = true;
    }
    if (lens.partial) args.items = linesToMove(order, lens, to);
    this.#bump(order, "order.advance", args, { to });
  }

  bumpItem(order, item) {
    const to = nextOfItem(order, item, this.#lens());
    if (to === null || this.guarded.has(`${order.id}:${item.line}`)) return;
    this.#bump(order, "item.advance", { order_id: order.id, line: item.line, to }, { to, item });
  }

  /** Begin a scheduled order before its time; none after it at once, since the next row comes under the finger. */
  fire(order) {
    if (this.guarded.has("fire")) return;
    this.#guard("fire");
    this.#bump(order, "order.advance", { order_id: order.id, to: "cooking", now: true }, { to: "cooking" });
  }

  /** Orders that a runner takes along together. */
  send(orders, tripId) {
    for (const order of orders) {
      this.#bump(order, "order.advance", { order_id: order.id, to: "delivering", trip_id: tripId }, { to: "delivering" });
    }
  }

  deliver(order, idChecked) {
    if (this.guarded.has(order.id)) return;
    const args = { order_id: order.id, to: "delivered" };
    if (needsId(order)) args.id_checked = idChecked;
    this.#bump(order, "order.advance", args, { to: "delivered" });
  }

  /** A bump that has not left this device is taken out of the outbox; the hub is asked to undo any other. */
  undo({ order, opId }) {
    if (!this.#outbox.withdraw(opId)) this.#run(order, "order.recall", { undo: true });
  }

  /** One step back from what the cook saw: a second screen that does the same at once is refused. */
  recall(order) {
    const items = linesToRecall(order, this.#lens());
    return this.#run(order, "order.recall", { expected_version: order.version, ...(items && { items }) });
  }

  acknowledge(order) {
    this.#guard(order.id);
    return this.#note(order, "order.acknowledge", unnotedCancellation(order));
  }

  noteAllergy(order) {
    return this.#note(order, "order.acknowledge_allergy", unnotedAllergy(order));
  }

  /** A human has seen it: told once, whatever was touched. */
  accept(order) {
    if (order.status !== "received" || order.accepted_at !== null) return null;
    return this.#run(order, "order.accept");
  }

  rush(order, rush) {
    return this.#run(order, "order.rush", { rush });
  }

  /** The whole order, or one item of it. */
  cancel(order, reason, item = null) {
    return this.#run(order, "order.cancel", item === null ? { reason } : { reason, items: [item.line] });
  }

  /** @param until "service" for a dish that comes back by itself, null for one that somebody has to bring back */
  soldOut(dish, soldOut, until = null) {
    const args = { menu_item_id: dish.id, sold_out: soldOut };
    if (soldOut) args.until = until;
    return this.#outbox.add("menu.sold_out", args, dish.id);
  }

  /** Take no orders for `minutes`, null until somebody opens again. */
  pause({ minutes, message_ja, message_en }) {
    return this.#outbox.add("kitchen.pause", { minutes, message_ja, message_en }, "pause");
  }

  resume() {
    return this.#outbox.add("kitchen.resume", {}, "pause");
  }

  #guard(what) {
    this.guarded.add(what);
    setTimeout(() => {
      this.guarded.delete(what);
      this.dispatchEvent(new Event("change"));
    }, DOUBLE_TAP_MS);
  }

  async #bump(order, name, args, { to, item = null }) {
    this.#guard(item === null ? order.id : `${order.id}:${item.line}`);
    const opId = newOpId();
    const answered = this.#outbox.add(name, args, order.id, opId);
    this.dispatchEvent(new CustomEvent("bumped", { detail: { order, item, to, opId } }));
    const result = await answered;
    if (result === null || result.noop) this.dispatchEvent(new CustomEvent("void", { detail: opId }));
  }

  /** A screen of some stations speaks for its own, and for no more of them than its cook has seen it concerns. */
  #note(order, name, unnoted) {
    const lens = this.#lens();
    return this.#run(order, name, lens.partial ? { stations: ownOf(unnoted, lens) } : {});
  }

  #run(order, name, args = {}) {
    return this.#outbox.add(name, { order_id: order.id, ...args }, order.id);
  }
}
