import { awaitsAcknowledgement } from "../core/visibility.js";
import { needsId, nextOfItem, nextOfOrder } from "./flow.js";

const DOUBLE_TAP_MS = 450;

/**
 * What a cook can do. `pending` holds `order:line` and `order:*` of everything that waits for its answer, also while
 * the line is down: it is sent once, when the line is back. `guarded` holds what was tapped a moment ago.
 * Events: "change"; "bumped" with what can be undone; "failed" with the CommandError.
 */
export class Actions extends EventTarget {
  pending = new Set();
  guarded = new Set();
  #hub;
  #confirmId;

  /** @param confirmId asks whether the guest's ID was checked; resolves with true or false */
  constructor(hub, confirmId) {
    super();
    this.#hub = hub;
    this.#confirmId = confirmId;
  }

  async bump(order) {
    const key = `${order.id}:*`;
    if (awaitsAcknowledgement(order)) {
      await this.#run(key, "order.acknowledge", { order_id: order.id });
      return;
    }
    const to = nextOfOrder(order);
    if (to === null || this.guarded.has(key)) return;
    const args = { order_id: order.id, to };
    if (to === "delivered" && needsId(order)) {
      if (!(await this.#confirmId(order))) return;
      args.id_checked = true;
    }
    this.#guard(key);
    const result = await this.#run(key, "order.advance", args);
    if (result && !result.noop) this.#bumped({ order: result.order, to });
  }

  async bumpItem(order, item) {
    const to = nextOfItem(order, item);
    const key = `${order.id}:${item.line}`;
    if (to === null || this.guarded.has(key)) return;
    this.#guard(key);
    const result = await this.#run(key, "item.advance", { order_id: order.id, line: item.line, to });
    if (result && !result.noop) this.#bumped({ order: result.order, item, to });
  }

  async undo(order) {
    return this.#run(`${order.id}:*`, "order.recall", { order_id: order.id, undo: true });
  }

  /** One step back from what the cook saw: a second screen that does the same at once is refused. */
  async recall(order) {
    return this.#run(`${order.id}:*`, "order.recall", { order_id: order.id, expected_version: order.version });
  }

  /** The whole order, or one item of it. */
  async cancel(order, reason, item = null) {
    const args = { order_id: order.id, reason };
    if (item !== null) args.items = [item.line];
    return this.#run(`${order.id}:${item?.line ?? "*"}`, "order.cancel", args);
  }

  async soldOut(item, soldOut) {
    return this.#run(`menu:${item.id}`, "menu.sold_out", { menu_item_id: item.id, sold_out: soldOut });
  }

  /** The second half of a double tap must not bump a second step. */
  #guard(key) {
    this.guarded.add(key);
    setTimeout(() => {
      this.guarded.delete(key);
      this.dispatchEvent(new Event("change"));
    }, DOUBLE_TAP_MS);
  }

  async #run(key, name, args) {
    if (this.pending.has(key)) return null;
    this.pending.add(key);
    this.dispatchEvent(new Event("change"));
    try {
      return await this.#hub.command(name, args);
    } catch (error) {
      if (error.details?.order) this.#hub.store.apply("order", error.details.order);
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
      return null;
    } finally {
      this.pending.delete(key);
      this.dispatchEvent(new Event("change"));
    }
  }

  #bumped(detail) {
    this.dispatchEvent(new CustomEvent("bumped", { detail }));
  }
}
