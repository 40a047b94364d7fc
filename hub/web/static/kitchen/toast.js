import { setText } from "../dom.js";

const TOAST_MS = 5000;

/** A few words about what did not work, above everything, for five seconds. */
export class Toast {
  #place;
  #timer = null;

  constructor(place) {
    this.#place = place;
  }

  /** @param key of the text; one that the catalogue does not have says that it did not work */
  say(i18n, key) {
    this.#place.hidePopover();
    this.#place.showPopover(); // above an open panel too
    setText(this.#place, i18n.text(i18n.has(key) ? key : "error.other"));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#place.hidePopover(), TOAST_MS);
  }
}
