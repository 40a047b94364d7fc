import { Backoff } from "./backoff.js";
import { Refused } from "./device.js";

/**
 * This screen waits to be given its place: it shows a code, staff approve it, and it asks in between.
 *
 * `state` is null until there is a code, then `{code, qr, leftMs()}`; "change" says that it is another one. When it is
 * approved, `adopt(answer)` gets the hub's answer with the credential. A code that is over is followed by a new one.
 */
export class Pairing extends EventTarget {
  state = null;

  #type;
  #ask;
  #adopt;
  #monotonic;
  #backoff;
  #timer = null;
  #run = 0;

  /** @param ask posts `(path, body)` and resolves with the answer, or rejects with `Refused` or another error */
  constructor({ type, ask, adopt, client = null, monotonic = () => performance.now(), random = Math.random }) {
    super();
    this.#type = { device_type: type, client };
    this.#ask = ask;
    this.#adopt = adopt;
    this.#monotonic = monotonic;
    this.#backoff = new Backoff({ random });
  }

  get running() {
    return this.#run % 2 === 1;
  }

  start() {
    if (this.running) return;
    this.#run += 1;
    this.#begin(this.#run);
  }

  stop() {
    if (!this.running) return;
    this.#run += 1;
    clearTimeout(this.#timer);
    this.#show(null);
  }

  async #begin(run) {
    let started;
    try {
      started = await this.#ask("/api/v1/devices/pairing", this.#type);
    } catch {
      this.#later(run, this.#backoff.next(), () => this.#begin(run));
      return;
    }
    if (run !== this.#run) return;
    this.#backoff.reset();
    const until = this.#monotonic() + started.expires_in * 1000;
    this.#show({ code: started.user_code, qr: started.qr, leftMs: () => Math.max(0, until - this.#monotonic()) });
    this.#later(run, started.interval * 1000, () => this.#poll(run, started));
  }

  async #poll(run, started) {
    let waitMs = started.interval * 1000;
    try {
      const answer = await this.#ask("/api/v1/devices/pairing/poll", { device_code: started.device_code });
      if (run !== this.#run) return;
      if (answer.status === "approved") {
        this.stop();
        this.#adopt(answer);
        return;
      }
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof Refused) {
        this.#begin(run);
        return;
      }
      waitMs += this.#backoff.next();
    }
    if (this.state?.leftMs() === 0) this.#begin(run);
    else this.#later(run, waitMs, () => this.#poll(run, started));
  }

  #later(run, ms, work) {
    if (run === this.#run) this.#timer = setTimeout(work, ms);
  }

  #show(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
