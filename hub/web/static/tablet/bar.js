import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { LANGUAGE_NAMES } from "../i18n.js";
import { isActive } from "../core/visibility.js";
import { ordersOfRoom } from "./orders-view.js";
import { Entries } from "./entries.js";
import { currentStep } from "./steps.js";
import { langOf } from "./words.js";

/** The bar at the top of every page: hotel, room, way home, orders, language. */
export class Bar {
  #app;
  #name = h("span", { class: "hotel" });
  #room = h("span", { class: "room" });
  #home = h("button", { type: "button", class: "brand" }, this.#name, this.#room);
  #ordersText = h("span");
  #orders = h("button", { type: "button", class: "quiet orders-button" }, icon("tray"), this.#ordersText);
  #languageText = h("span");
  #language = h("button", { type: "button", class: "quiet language" }, icon("globe"), this.#languageText);

  #entries;

  constructor(element, app) {
    this.#app = app;
    this.#entries = new Entries(app);
    this.#home.addEventListener("click", () => app.go("menu"));
    this.#orders.addEventListener("click", () => app.go("orders"));
    this.#language.addEventListener("click", () => (app.i18n.language = app.i18n.other));
    element.append(this.#home, ...this.#entries.elements, this.#orders, this.#language);
  }

  /** `open`: there is a menu to show. */
  show(open) {
    const { hub, i18n, page } = this.#app;
    const name = hub.store.hotel?.name ?? i18n.text("title");
    const room = hub.principal?.room_number && open ? i18n.text("room", { room: hub.principal.room_number }) : "";
    setText(this.#name, name);
    this.#name.lang = langOf(name) ?? i18n.language;
    setText(this.#room, room);
    this.#home.setAttribute("aria-label", `${i18n.text("home")} ${room}`.trim());
    this.#entries.show(open);
    this.#orders.hidden = !open;
    this.#orders.disabled = !this.#app.basket.open; // that there are none is not known yet
    const latest = open ? ordersOfRoom(hub).find(isActive) : undefined;
    const text = latest
      ? i18n.text("live", { number: latest.order_number, status: i18n.text(`step.${currentStep(latest)}`) })
      : i18n.text("orders");
    setText(this.#ordersText, text);
    this.#orders.setAttribute("aria-label", text);
    this.#orders.classList.toggle("active", latest !== undefined);
    if (page === "orders") this.#orders.setAttribute("aria-current", "page");
    else this.#orders.removeAttribute("aria-current");
    setText(this.#languageText, LANGUAGE_NAMES[i18n.other]);
    this.#languageText.lang = i18n.other;
    this.#language.setAttribute("aria-label", `${LANGUAGE_NAMES[i18n.other]}, ${i18n.text("language.switch")}`);
  }
}
