/** What is marked on the board: the dish, with or without its options, whose row of the all-day counts was tapped. */
export class Marks {
  /** `{dish, variant}`; a variant of null is every one. */
  #wanted = null;

  get active() {
    return this.#wanted !== null;
  }

  /** Differs whenever something else is marked. */
  get key() {
    return this.#wanted === null ? "" : `${this.#wanted.dish}/${this.#wanted.variant}`;
  }

  has(item) {
    if (this.#wanted === null || item.menu_item_id !== this.#wanted.dish) return false;
    return this.#wanted.variant === null || this.#wanted.variant === variantOf(item);
  }

  /** Mark it, or nothing any more when it is marked already. */
  toggle(dish, variant = null) {
    const same = this.#wanted?.dish === dish && this.#wanted.variant === variant;
    this.#wanted = same ? null : { dish, variant };
  }

  clear() {
    this.#wanted = null;
  }
}

/** The same dish with other options is another variant. */
export const variantOf = (item) => item.options.map(({ key }) => key).sort().join(" ");
