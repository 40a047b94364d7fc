import { CommandError, newOpId } from "../core/commands.js";
import { fingerprint } from "./basket.js";

const SLOW_MS = 5_000;
const OLD_MS = 600_000;
const CLOCKS_MS = 5_000; // the hub and its database may differ in what time it is

/** What an old order is asked about with: the first never left this tablet, of the second nobody knows. */
export const QUESTIONS = new Set(["still_wanted", "maybe_sent"]);

/**
 * Sending one order. `state` is "idle" or "sending"; `slow` when the answer takes long; `problem` is the CommandError of
 * the last final refusal.
 * Events: "change", "placed" with the order as `detail`, "asked" when an old order must be confirmed again.
 */
export class Placing extends EventTarget {
  state = "idle";
  slow = false;
  problem = null;
  #hub;
  #basket;
  #timer = null;
  #asked = null;

  constructor(hub, basket) {
    super();
    this.#hub = hub;
    this.#basket = basket;
  }

  /**
   * The line is up. An order without an answer is sent under its own op_id, so that it is never doubled; an old one is
   * not before the guest has said so: who waited for so long may have called, or eaten elsewhere. One that is among the
   * orders of the stay has arrived.
   */
  resume() {
    const { attempt } = this.#basket;
    if (attempt === null) return;
    if (this.#hub.now() - attempt.at > OLD_MS) this.#settleOld();
    else if (this.state === "idle") this.#send();
    else this.#basket.sent();
  }

  /** The guest has been asked about the order under way, and has not answered yet. */
  get asking() {
    return this.#asked !== null && this.#basket.attempt?.op_id === this.#asked;
  }

  /** The guest has changed what they have been asked about: sent as it is now, it is an order beside the old one. */
  get changed() {
    return this.asking && !isSame(this.#basket.wish, this.#basket.attempt.args);
  }

  /**
   * Send what is in the basket at the total and for the time that were quoted. `allergensConfirmed`: the guest has seen what of their
   * allergens is in it. A second tap while the first is under way does nothing. An old order that is still wanted as it
   * was goes under its own op_id: if it did arrive, it is found. One that was `changed` goes only when the guest wants
   * it `besides`.
   */
  place(quote, { ageAttested = false, allergensConfirmed = false, besides = false } = {}) {
    const basket = this.#basket;
    if (!basket.open || this.state === "sending" || (basket.attempt !== null && !this.asking)) return;
    if (this.changed && !besides) return;
    const args = { ...basket.wish, quoted_total: quote.total_amount, age_attested: ageAttested };
    if (quote.estimate) args.quoted_until = quote.estimate.to;
    if (allergensConfirmed) args.allergens_confirmed = true;
    const now = this.#hub.now();
    if (this.asking && !this.changed) basket.renew(now);
    else basket.begin(newOpId(), args, now);
    this.#asked = null;
    this.#send();
  }

  /** True while the order has certainly not reached the hub. */
  get unsent() {
    return this.#basket.attempt?.sent === false;
  }

  /** Back to the basket, possible only while the order has never left this tablet. */
  withdraw() {
    return this.unsent && this.#hub.withdraw(this.#basket.attempt.op_id);
  }

  settle() {
    this.problem = null;
  }

  /** Say what is wrong before the hub has been asked. */
  refuse(code, details) {
    this.#become("idle", new CommandError({ code, message: "refused by this tablet", details }));
  }

  async #send() {
    const { op_id: opId, args } = this.#basket.attempt;
    if (this.#hub.live) this.#basket.sent();
    this.#become("sending", null);
    this.#timer = setTimeout(() => this.#tooLong(), SLOW_MS);
    try {
      const { order } = await this.#hub.command("order.place", args, { opId });
      this.#took(opId, order);
    } catch (error) {
      // The end of the session says nothing about the order: only its op_id can tell, when the line is back.
      const open = error.code === "session_ended" || this.#asked === opId;
      if (!open && this.#basket.attempt?.op_id === opId) this.#basket.refused();
      if (this.state === "sending") this.#become("idle", open || error.code === "withdrawn" ? null : error);
    }
  }

  /** The hub has the order: it leaves the basket. */
  #took(opId, order) {
    if (this.#basket.attempt?.op_id === opId) this.#basket.placed(this.#hub.now());
    this.#become("idle", null);
    this.dispatchEvent(new CustomEvent("placed", { detail: order }));
  }

  #settleOld() {
    const { op_id: opId, args, at, sent } = this.#basket.attempt;
    const isIt = (order) => Date.parse(order.placed_at) >= at - CLOCKS_MS && fingerprint(order.items.map(lineOf)) === fingerprint(args.lines);
    const arrived = sent ? this.#hub.store.all("order").find(isIt) : undefined;
    if (arrived) {
      this.#hub.withdraw(opId, { sent: true });
      this.#took(opId, arrived);
    } else if (!this.asking) {
      this.#askAgain();
    }
  }

  #askAgain() {
    const { op_id: opId, sent } = this.#basket.attempt;
    this.#asked = opId;
    this.#hub.withdraw(opId, { sent: true });
    const left = this.#basket.count > 0; // or the guest has taken everything out
    if (!sent || !left) this.#basket.refused();
    if (left) this.dispatchEvent(new Event("asked"));
    const question = { code: sent ? "maybe_sent" : "still_wanted", message: "an old order without an answer" };
    this.#become("idle", left ? new CommandError(question) : null);
  }

  #tooLong() {
    this.slow = true;
    this.dispatchEvent(new Event("change"));
  }

  #become(state, problem) {
    clearTimeout(this.#timer);
    this.slow = false;
    this.state = state;
    this.problem = problem;
    this.dispatchEvent(new Event("change"));
  }
}

/** The line of the basket from which an item of an order has come. */
const lineOf = ({ menu_item_id, options = [], quantity }) => ({ menu_item_id, options: options.map(({ key }) => key), quantity });

/** Whether two orders ask for the same; what was confirmed on the way does not count. */
const isSame = (one, other) =>
  ["lines", "special_requests", "due_at"].every((name) => JSON.stringify(one[name]) === JSON.stringify(other[name]));
