const TOUCHES = ["pointerdown", "keydown", "wheel", "touchstart", "scroll", "input"];
// A whole click: with its first half alone, the second half would press what appears under the finger.
const WAKES = ["click", "keydown"];

/**
 * Nobody has touched this screen for `seconds()`: "warn". For 20 seconds more: "rest". A touch in between, or after:
 * "wake". `active()` says whether there is anything to rest from.
 */
export class Idle extends EventTarget {
  state = "awake";
  #seconds;
  #active;
  #since;
  #now;

  /** Seconds in which a touch keeps everything as it is (WCAG 2.2.1). */
  static GRACE = 20;

  constructor({ seconds, active, target = globalThis, now = () => performance.now(), every = (work) => setInterval(work, 1000) }) {
    super();
    this.#seconds = seconds;
    this.#active = active;
    this.#now = now;
    this.#since = now();
    const hear = (names, heard) => {
      for (const name of names) target.addEventListener(name, () => heard() && this.touched(), { capture: true, passive: true });
    };
    hear(TOUCHES, () => this.state === "awake");
    hear(WAKES, () => this.state !== "awake");
    every(() => this.#tick());
  }

  /** Seconds until the screen rests, while it warns. */
  get left() {
    return Math.max(0, Math.ceil(this.#seconds() + Idle.GRACE - this.#passed));
  }

  touched() {
    this.#since = this.#now();
    this.#become("awake");
  }

  get #passed() {
    return (this.#now() - this.#since) / 1000;
  }

  #tick() {
    if (!this.#active()) {
      this.touched();
      return;
    }
    const limit = this.#seconds();
    if (this.#passed >= limit + Idle.GRACE) this.#become("resting");
    else if (this.#passed >= limit) this.#become("warning");
    if (this.state === "warning") this.dispatchEvent(new Event("count"));
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
