import { h, setText } from "../dom.js";
import { LANGUAGES } from "../i18n.js";
import { isActive } from "../core/visibility.js";
import { isOpen, isSoldOut, partOfDay } from "./hours.js";
import { ordersOfRoom } from "./orders-view.js";
import { photo } from "./photo.js";
import { currentStep } from "./steps.js";
import { TABLET } from "./strings.js";
import { langOf } from "./words.js";

const DISHES = 2;

/** The screen of a room in which nobody looks at it: the hour, a dish or two, an order that is under way. */
export class AttractView extends HTMLElement {
  #app;
  #dishes = "";
  #hotel = h("p", { class: "attract-hotel" });
  #clock = h("p", { class: "attract-clock" });
  #date = h("p", { class: "attract-date" });
  #greeting = h("p", { class: "attract-greeting" });
  #order = h("p", { class: "attract-order" });
  #pictures = h("div", { class: "attract-dishes", "aria-hidden": "true" });
  #begin = h("button", { type: "button", class: "attract-begin" });

  attach(app) {
    this.#app = app;
    const words = LANGUAGES.map((language) => h("span", { lang: language }, TABLET[language]["begin"]));
    this.#begin.append(...words);
    const text = h("div", { class: "attract-text" }, this.#hotel, this.#clock, this.#date, this.#greeting, this.#order, this.#begin);
    this.append(this.#pictures, text);
  }

  focus() {
    this.#begin.focus({ preventScroll: true });
  }

  wiped() {
    setText(this.#order, "");
  }

  render() {
    const { hub, i18n } = this.#app;
    const hotel = hub.store.hotel;
    if (hotel === null) return;
    const now = hub.now();
    setText(this.#hotel, hotel.name);
    this.#hotel.lang = langOf(hotel.name) ?? i18n.language;
    setText(this.#clock, i18n.time(now, hotel.time_zone));
    setText(this.#date, i18n.date(now, hotel.time_zone));
    setText(this.#greeting, i18n.text(`greeting.${partOfDay(now, hotel.time_zone)}`));
    const latest = ordersOfRoom(hub).find(isActive);
    const status = latest ? i18n.text("live", { number: latest.order_number, status: i18n.text(`step.${currentStep(latest)}`) }) : "";
    setText(this.#order, status);
    this.#order.hidden = status === "";
    this.#showDishes(hotel, now);
  }

  /** What the kitchen serves at this hour; another choice every hour. */
  #showDishes(hotel, now) {
    const { hub, i18n } = this.#app;
    const served = hub.store
      .all("menu_item")
      .filter((item) => item.is_featured && item.image_url && !isSoldOut(item, now) && isOpen(item, now, hotel.time_zone))
      .sort((a, b) => a.display_order - b.display_order);
    const first = Math.floor(now / 3_600_000) % Math.max(1, served.length);
    const chosen = [...served.slice(first), ...served.slice(0, first)].slice(0, DISHES);
    const state = `${chosen.map(({ id }) => id)} ${i18n.language}`;
    if (this.#dishes === state) return;
    this.#dishes = state;
    this.#pictures.replaceChildren(...chosen.map((item) =>
      h("figure", {}, photo(item, { alt: "", eager: true }), h("figcaption", {}, i18n.of(item, "name")))));
  }
}

customElements.define("attract-view", AttractView);
