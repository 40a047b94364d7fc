/**
 * Full-jitter back-off in milliseconds. The first wait lies inside the window that the hub named
 * (a drain spreads its screens with it), later ones inside 0.5 s doubled per attempt, at most 30 s.
 */
export class Backoff {
  #attempt = 0;
  #random;

  constructor({ random = Math.random, windowMs = 1000, baseMs = 500, capMs = 30_000 } = {}) {
    this.#random = random;
    this.windowMs = windowMs;
    this.baseMs = baseMs;
    this.capMs = capMs;
  }

  get attempt() {
    return this.#attempt;
  }

  next() {
    const window =
      this.#attempt === 0 ? this.windowMs : Math.min(this.capMs, this.baseMs * 2 ** this.#attempt);
    this.#attempt += 1;
    return this.#random() * window;
  }

  reset() {
    this.#attempt = 0;
  }
}
