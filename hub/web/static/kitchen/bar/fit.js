const LEVELS = 6;
const RELAX_MS = 10 * 60_000;

/**
 * Leaves out of the bar what matters least, step by step, until the rest has room: labels first, the undo never. The
 * style sheet says what goes at each step, `fit1` to `fit6`. What has gone stays away for a while: tools must not come
 * and go with every bump that offers an undo.
 */
export class Fit {
  #bar;
  #fitted = null;
  #level = 0;

  constructor(bar) {
    this.#bar = bar;
    new ResizeObserver(() => this.anew()).observe(bar);
    setInterval(() => this.anew(), RELAX_MS);
  }

  /** @param state differs whenever the bar has other contents */
  to(state) {
    if (state === this.#fitted) return;
    this.#fitted = state;
    while (this.#level < LEVELS && this.#bar.scrollWidth > this.#bar.clientWidth) this.#bar.classList.add(`fit${++this.#level}`);
  }

  /** From the beginning: another width, or other words. */
  anew() {
    for (; this.#level > 0; this.#level--) this.#bar.classList.remove(`fit${this.#level}`);
    const state = this.#fitted;
    this.#fitted = null;
    this.to(state);
  }
}
