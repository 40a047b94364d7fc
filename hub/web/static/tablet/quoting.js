import { fingerprint } from "./basket.js";

const QUOTE_AFTER_MS = 200;
const FRESH_MS = 60_000;

/**
 * The hub's own total for what is chosen now. `quote` is null until it is known, `error` the CommandError of a refusal.
 * Event: "change".
 */
export class Quoting extends EventTarget {
  quote = null;
  error = null;
  #app;
  #asked = 0;
  #chosen = "";
  #timer = null;
  #fresh = null;

  constructor(app) {
    super();
    this.#app = app;
  }

  /** Ask while the page is open, and again every minute: the load of the kitchen changes, and what was closed opens. */
  start() {
    this.ask();
    clearInterval(this.#fresh);
    this.#fresh = setInterval(() => this.ask({ keep: true }), FRESH_MS);
  }

  stop() {
    clearInterval(this.#fresh);
    clearTimeout(this.#timer);
    this.#asked += 1;
  }

  /** Something that changes the total or the time has been touched; a wish in words has not. */
  get outdated() {
    return this.#chosen !== this.#now;
  }

  /** The total of what is chosen now, when it is known; null when it was refused, or has not come within `withinMs`. */
  async known(withinMs) {
    if (this.quote === null && this.error === null) {
      await new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.removeEventListener("change", heard);
          resolve();
        };
        const heard = () => (this.quote ?? this.error) !== null && done();
        const timer = setTimeout(done, withinMs);
        this.addEventListener("change", heard);
      });
    }
    return this.quote;
  }

  /** The hub has said another total with its refusal. */
  take(quote) {
    this.#asked += 1;
    this.#become(quote, null);
  }

  /** Ask the hub; an older answer is thrown away. With `keep` the old one stands until the new one is here. */
  ask({ keep = false } = {}) {
    this.#chosen = this.#now;
    if (!keep) this.#become(null, null);
    const asked = ++this.#asked;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(asked), QUOTE_AFTER_MS);
  }

  get #now() {
    const { lines, due } = this.#app.basket;
    return `${fingerprint(lines)} ${due}`;
  }

  async #send(asked) {
    const { hub, basket } = this.#app;
    if (asked !== this.#asked || !hub.live || basket.lines.length === 0) return;
    const args = { lines: basket.wire, ...(basket.due === null ? {} : { due_at: basket.due }) };
    try {
      const { quote } = await hub.command("order.quote", args);
      if (asked === this.#asked) this.#become(quote, null);
    } catch (error) {
      if (asked === this.#asked) this.#become(null, error);
    }
  }

  #become(quote, error) {
    this.quote = quote;
    this.error = error;
    this.dispatchEvent(new Event("change"));
  }
}
