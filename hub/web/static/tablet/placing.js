import { CommandError, newOpId } from "../core/commands.js";

const SLOW_MS = 5_000;
const OLD_MS = 600_000;

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

  constructor(hub, basket) {
    super();
    this.#hub = hub;
    this.#basket = basket;
  }

  /**
   * The line is up. An order without an answer is sent under its own op_id, so that it is never doubled; one that
   * never left this tablet and is old is not: the guest may have eaten elsewhere.
   */
  resume() {
    const { attempt } = this.#basket;
    if (attempt === null) return;
    if (!attempt.sent && this.#hub.now() - attempt.at > OLD_MS) this.#askAgain();
    else if (this.state === "idle") this.#send();
    else this.#basket.sent();
  }

  /** A second tap while the first is under way does nothing. */
  place(quote, { ageAttested }) {
    if (this.state === "sending" || this.#basket.attempt !== null) return;
    const args = { lines: this.#basket.wire, quoted_total: quote.total_amount, age_attested: ageAttested };
    const requests = this.#basket.requests.trim();
    if (requests !== "") args.special_requests = requests;
    this.#basket.begin(newOpId(), args, this.#hub.now());
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

  async #send() {
    const { op_id: opId, args } = this.#basket.attempt;
    if (this.#hub.live) this.#basket.sent();
    this.#become("sending", null);
    this.#timer = setTimeout(() => this.#tooLong(), SLOW_MS);
    try {
      const { order } = await this.#hub.command("order.place", args, { opId });
      if (this.#basket.attempt?.op_id === opId) this.#basket.placed(this.#hub.now());
      this.#become("idle", null);
      this.dispatchEvent(new CustomEvent("placed", { detail: order }));
    } catch (error) {
      // The end of the session says nothing about the order: only its op_id can tell, when the line is back.
      const open = error.code === "session_ended";
      if (!open && this.#basket.attempt?.op_id === opId) this.#basket.refused();
      if (this.state === "sending") this.#become("idle", open || error.code === "withdrawn" ? null : error);
    }
  }

  #askAgain() {
    this.withdraw();
    this.#basket.refused();
    this.dispatchEvent(new Event("asked"));
    this.#become("idle", new CommandError({ code: "still_wanted", message: "an old order that was never sent" }));
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
