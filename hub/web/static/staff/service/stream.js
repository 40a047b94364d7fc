import { Backoff } from "../../core/backoff.js";
import { ServerClock } from "../../core/clock.js";
import { Store } from "../../core/store.js";
import { isOpen } from "./chain.js";

const FIRST_FRAME_MS = 15_000;
const LATE_MS = 1_000;
const CLOSED = 2; // EventSource.CLOSED: it was refused, and does not come back by itself

/**
 * The hotel's orders as they change, over server-sent events: the browser sends the session's cookie, and goes on where
 * it was after a break.
 *
 * phase: "off" | "connecting" | "live". Only "live" means up to date: the hub has said so, not longer ago than two of its
 * heartbeats. Events: "change" after every change of phase or of an order.
 */
export class OrderStream extends EventTarget {
  store = new Store();
  phase = "off";
  /** The hub's time (ms) when it last said something, null before. */
  lastAt = null;

  #clock = new ServerClock();
  #backoff;
  #open;
  #look;
  #source = null;
  #silence = null;
  #retry = null;
  #pingMs = FIRST_FRAME_MS;
  #heardAt = 0;

  /** @param look finds out whether the session is still there, and renews it */
  constructor({ look, open = () => new EventSource("/api/v1/events"), random = Math.random }) {
    super();
    this.#look = look;
    this.#open = open;
    this.#backoff = new Backoff({ random, windowMs: 3_000 });
    this.store.subscribe(() => this.#changed());
  }

  get orders() {
    return this.store.all("order").filter(isOpen);
  }

  now() {
    return this.#clock.now();
  }

  start() {
    if (this.phase === "off") this.#connect();
  }

  stop() {
    this.#hangUp();
    this.phase = "off";
    this.lastAt = null;
    this.store.clear();
    this.#changed();
  }

  /** Try now: the machine woke up, or somebody asked. */
  wake() {
    if (this.phase === "connecting") this.#connect();
    else this.check();
  }

  /** Whether the line is dead by the clock on the wall: the timers of a machine that slept have stood still. */
  check() {
    if (this.phase === "live" && Date.now() - this.#heardAt > this.#silenceMs) this.#connect();
  }

  get #silenceMs() {
    return 2 * this.#pingMs + LATE_MS;
  }

  #connect() {
    this.#hangUp();
    this.#become("connecting");
    const source = this.#open();
    this.#source = source;
    for (const kind of ["welcome", "snapshot", "event", "position"])
      source.addEventListener(kind, ({ data }) => this.#source === source && this.#heard(kind, JSON.parse(data)));
    source.onerror = () => {
      if (this.#source !== source) return;
      this.#become("connecting");
      if (source.readyState === CLOSED) this.#later();
    };
    this.#watch();
  }

  #heard(kind, frame) {
    this.#heardAt = Date.now();
    this.#watch();
    if (kind === "welcome") {
      this.#clock.reset();
      this.#pingMs = frame.ping_ms;
    }
    if (frame.server_time) this.#clock.sync(frame.server_time);
    this.lastAt = this.#clock.now();
    if (kind === "snapshot") this.store.replace(frame.state);
    else if (kind === "event") this.store.apply(frame.kind, frame.data);
    else if (kind === "position") {
      this.store.prune("order", isOpen);
      this.#backoff.reset();
      this.#become("live");
    }
  }

  /** Two heartbeats without a word: the line is dead, whatever the browser believes. */
  #watch() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#connect(), this.#silenceMs);
    this.#silence.unref?.();
  }

  #later() {
    this.#hangUp();
    this.#retry = setTimeout(async () => {
      await this.#look();
      if (this.phase === "connecting") this.#connect();
    }, this.#backoff.next());
    this.#retry.unref?.();
  }

  #hangUp() {
    clearTimeout(this.#silence);
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }

  #become(phase) {
    if (this.phase === phase) return;
    this.phase = phase;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
