const MENU = Object.freeze({ page: "menu", of: null });

/**
 * The shown page in the browser's own history: the back key of a phone leads from any page to the menu, never further.
 * A page that was left is forgotten there, so that nothing of a guest can be found by going forth again.
 */
export class PageHistory {
  #history;
  #inside;
  #leaving = false;
  #next = null;

  /** @param moved is called with `{page, of}` when the guest went back or forth */
  constructor(moved, { history = globalThis.history, target = globalThis } = {}) {
    this.#history = history;
    this.#inside = this.here !== MENU;
    target.addEventListener("popstate", () => (this.#leaving ? this.#left() : this.#moved(moved)));
  }

  /** Where a reload left off. */
  get here() {
    return this.#history.state?.page ? this.#history.state : MENU;
  }

  go(page, of = null) {
    if (page === "menu") this.#leave();
    else if (this.#leaving) this.#next = { page, of };
    else this.#enter({ page, of });
  }

  #enter(place) {
    if (this.#inside) this.#history.replaceState(place, "");
    else this.#history.pushState(place, "");
    this.#inside = true;
  }

  #leave() {
    this.#next = null;
    if (!this.#inside) return;
    this.#inside = false;
    this.#leaving = true; // the browser goes back a moment later
    this.#history.replaceState(null, "");
    this.#history.back();
  }

  #left() {
    this.#leaving = false;
    if (this.#next !== null) this.#enter(this.#next);
    this.#next = null;
  }

  #moved(moved) {
    this.#inside = this.here !== MENU;
    moved(this.here);
  }
}
