/** The last bump, as long as it can be taken back. Event: "change". */
export class Undo extends EventTarget {
  /** `{order, item, to, opId, until}` with `until` in ms of the page's clock, or null. */
  offer = null;
  #actions;
  #seconds;
  #timer = null;

  /** @param seconds returns for how long the hub takes a bump back */
  constructor(actions, seconds) {
    super();
    this.#actions = actions;
    this.#seconds = seconds;
    actions.addEventListener("bumped", ({ detail }) => this.#made(detail));
    actions.addEventListener("void", ({ detail }) => detail === this.offer?.opId && this.#become(null));
  }

  take() {
    const { offer } = this;
    if (offer === null) return;
    this.#become(null);
    this.#actions.undo(offer);
  }

  #made(detail) {
    const ms = this.#seconds() * 1000;
    this.#become({ ...detail, until: performance.now() + ms });
    this.#timer = setTimeout(() => this.#become(null), ms);
  }

  #become(offer) {
    clearTimeout(this.#timer);
    this.offer = offer;
    this.dispatchEvent(new Event("change"));
  }
}
