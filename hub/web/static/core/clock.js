const SAMPLES = 8;

/**
 * The hub's time, in milliseconds since 1970, whatever the clock of this device says.
 *
 * It runs on the monotonic clock, so that a corrected device clock moves nothing. Every sample is late by the
 * way of the frame; the latest offsets' maximum is the sample that travelled fastest.
 */
export class ServerClock {
  #offsets = [];
  #monotonic;
  #wall;

  constructor({ monotonic = () => performance.now(), wall = () => Date.now() } = {}) {
    this.#monotonic = monotonic;
    this.#wall = wall;
  }

  get known() {
    return this.#offsets.length > 0;
  }

  /** Take a `server_time` (RFC 3339) that has just arrived. */
  sync(serverTime) {
    const offset = Date.parse(serverTime) - this.#monotonic();
    if (Number.isNaN(offset)) return;
    this.#offsets.push(offset);
    if (this.#offsets.length > SAMPLES) this.#offsets.shift();
  }

  /** Forget the samples: the monotonic clock may have stood still while the device slept. */
  reset() {
    this.#offsets = [];
  }

  now() {
    return this.known ? Math.max(...this.#offsets) + this.#monotonic() : this.#wall();
  }
}
