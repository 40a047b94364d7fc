import { CartPanel } from "./cart-panel.js";
import { MenuView } from "./menu-view.js";

/** The menu, and beside it what was chosen. */
export class MenuPage extends HTMLElement {
  #menu = new MenuView();
  #cart = new CartPanel();
  #left = null;

  attach(app) {
    this.#menu.attach(app);
    this.#cart.attach(app);
    this.append(this.#menu, this.#cart);
  }

  render() {
    this.#menu.render();
    this.#cart.render();
  }

  wiped() {
    this.#cart.wiped();
    this.rewind();
  }

  rewind() {
    this.#left = null;
    this.#menu.rewind();
  }

  /** Who looks at one dish comes back to where it stands. */
  closed({ page, of }) {
    this.#left = page === "item" ? this.#menu.card(of) : null;
  }

  get landing() {
    return this.#left?.isConnected ? this.#left : null;
  }
}

customElements.define("menu-page", MenuPage);
