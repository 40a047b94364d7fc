import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { conflictOf, nameOf } from "./allergens.js";
import { awayText, lastOrderText, readyText, unavailable } from "./availability.js";
import { lineKey } from "./basket.js";
import { warningText } from "./conflict-text.js";
import { avoided } from "./filter.js";
import { marksOf } from "./marks.js";
import { photo } from "./photo.js";
import { stepper } from "./stepper.js";

/**
 * One dish on the menu. Its parts stay the same elements whatever changes, so that a press or the focus is never lost;
 * the whole card opens the dish's own page.
 */
export class DishCard extends HTMLElement {
  #app;
  #item = null;
  #language = null;
  #photo = null;
  #stepper = null;
  #marks = h("p", { class: "marks" });
  #open = h("button", { type: "button", class: "dish-open" });
  #text = h("p", { class: "dish-text" });
  #warning = h("p", { class: "warning" });
  #allergens = h("p", { class: "allergens" });
  #price = h("span", { class: "price" });
  #note = h("span", { class: "dish-note" });
  #choose = h("button", { type: "button", class: "choose" });
  #away = h("span", { class: "away" });
  #action = h("div", { class: "dish-action" });

  constructor(app, { eager = false } = {}) {
    super();
    this.#app = app;
    this.eager = eager;
    this.className = "dish";
    for (const button of [this.#open, this.#choose]) button.addEventListener("click", () => app.go("item", this.#item.id));
    const foot = h("div", { class: "dish-foot" }, h("div", { class: "dish-figures" }, this.#price, this.#note), this.#action);
    const body = h("div", { class: "dish-body" }, this.#marks, h("h3", {}, this.#open), this.#text, this.#warning, this.#allergens, foot);
    this.append(body);
  }

  show(item) {
    const { i18n, basket } = this.#app;
    if (this.#item !== item || this.#language !== i18n.language) this.#write(item);
    this.#showState(item);
    const count = basket.quantityOf(item.id);
    this.#stepper?.show(count, { off: !basket.open });
    this.#choose.disabled = !basket.open;
    if (this.#stepper === null) setText(this.#choose, i18n.text(count === 0 ? "choose" : "choose.again", { count }));
    this.classList.toggle("chosen", count > 0);
  }

  focus(options) {
    this.#open.focus(options);
  }

  /** What only the document and the language change. */
  #write(item) {
    const { basket, i18n } = this.#app;
    const name = i18n.of(item, "name");
    const pictured = this.#item?.image_url === item.image_url && this.#language === i18n.language;
    this.#item = item;
    this.#language = i18n.language;
    this.dataset.item = item.id;
    if (!pictured || this.#photo === null) {
      const fresh = photo(item, { alt: name, eager: this.eager });
      if (this.#photo === null) this.prepend(fresh);
      else this.#photo.replaceWith(fresh);
      this.#photo = fresh;
    }
    this.#marks.replaceChildren(...marksOf(this.#app, item));
    setText(this.#open, name);
    setText(this.#text, i18n.of(item, "description"));
    setText(this.#price, i18n.yen(item.price));
    this.#choose.setAttribute("aria-label", i18n.text("choose.item", { name }));
    this.#writeAllergens(item);
    const plain = item.options.length === 0;
    const now = () => basket.quantityOf(item.id);
    this.#stepper = plain ? stepper(i18n, name, { now, change: (quantity) => this.#change(quantity) }) : null;
    this.#action.replaceChildren(this.#stepper ?? this.#choose, this.#away);
  }

  #writeAllergens(item) {
    const { i18n } = this.#app;
    this.#allergens.className = `allergens ${item.allergens === null ? "unknown" : ""}`;
    if (item.allergens === null) {
      setText(this.#allergens, i18n.text("allergens.unknown"));
    } else if (item.allergens.length === 0) {
      setText(this.#allergens, i18n.text("allergens.none"));
    } else {
      const names = item.allergens.map((code) => h("span", {}, nameOf(this.#app, code)));
      this.#allergens.replaceChildren(h("span", { class: "visually-hidden" }, i18n.text("allergens")), ...names);
    }
  }

  #showState(item) {
    const { hub, i18n } = this.#app;
    const now = hub.now();
    const why = unavailable(this.#app, item, now);
    this.classList.toggle("unavailable", why !== null);
    this.classList.toggle("gone", why === "sold_out");
    const control = this.#stepper ?? this.#choose;
    control.hidden = why !== null;
    this.#away.hidden = why === null;
    setText(this.#away, why === null ? "" : awayText(this.#app, item, why, now));
    const note = lastOrderText(this.#app, item, now) || readyText(this.#app, item);
    this.#note.hidden = why !== null;
    if (this.#note.dataset.text !== note) {
      this.#note.dataset.text = note;
      this.#note.replaceChildren(icon("clock"), note);
    }
    const conflict = conflictOf(item, avoided(this.#app));
    this.classList.toggle("conflict", conflict !== null);
    setText(this.#warning, conflict === null ? "" : warningText(this.#app, conflict));
  }

  #change(quantity) {
    const { basket } = this.#app;
    const line = { menu_item_id: this.#item.id, options: [] };
    if (basket.line(lineKey(line)) === null) basket.add(line);
    else basket.setQuantity(lineKey(line), quantity);
  }
}

customElements.define("dish-card", DishCard);
