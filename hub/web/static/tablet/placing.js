import { newOpId } from "../core/commands.js";

/**
 * Sending one order. `state` is "idle" or "sending"; `problem` is the CommandError of the last final refusal.
 * Events: "change", and "placed" with the order as `detail`.
 */
export class Placing extends EventTarget {
  state = "idle";
  problem = null;
  #hub;
  #basket;
  #resumed = false;

  constructor(hub, basket) {
    super();
    this.#hub = hub;
    this.#basket = basket;
  }

  /** An order that was being sent when the page was closed: ask for its answer under the same op_id. */
  resume() {
    if (this.state === "sending" || !this.#basket.attempt) return;
    this.#resumed = true;
    this.#send();
  }

  /** A second tap while the first is under way does nothing. */
  place(quote, { ageAttested }) {
    if (this.state === "sending") return;
    const args = { lines: this.#basket.wire, quoted_total: quote.total_amount, age_attested: ageAttested };
    const requests = this.#basket.requests.trim();
    if (requests !== "") args.special_requests = requests;
    this.#basket.begin(newOpId(), args);
    this.#resumed = false;
    this.#send();
  }

  /** True while the order has certainly not reached the hub. */
  get unsent() {
    return !this.#resumed && this.#hub.unsent(this.#basket.attempt?.op_id);
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
    this.#become("sending", null);
    try {
      const { order } = await this.#hub.command("order.place", args, { opId });
      this.#basket.placed(this.#hub.now());
      this.#become("idle", null);
      this.dispatchEvent(new CustomEvent("placed", { detail: order }));
    } catch (error) {
      if (this.#basket.attempt) this.#basket.refused();
      this.#become("idle", error.code === "withdrawn" || error.code === "session_ended" ? null : error);
    }
  }

  #become(state, problem) {
    this.state = state;
    this.problem = problem;
    this.dispatchEvent(new Event("change"));
  }
}
