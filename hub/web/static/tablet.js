import { h, perFrame, setText } from "./dom.js";
import { icon } from "./icons.js";
import { isClosed, mayPairAgain, openHub } from "./hub.js";
import { COMMON, LANGUAGE_NAMES, Translator } from "./i18n.js";
import { inRoom, isActive } from "./core/visibility.js";
import { Basket } from "./tablet/basket.js";
import "./pairing-view.js";
import "./tablet/cart-panel.js";
import { isNight } from "./tablet/hours.js";
import "./tablet/menu-view.js";
import "./tablet/notice-view.js";
import { ordersOfRoom } from "./tablet/orders-view.js";
import { Placing } from "./tablet/placing.js";
import "./tablet/review-view.js";
import { call } from "./tablet/phone.js";
import { currentStep } from "./tablet/steps.js";
import { TABLET } from "./tablet/strings.js";

const LANGUAGE_KEY = "hub.tablet.language";
const SLOW_MS = 8_000;
const TICK_MS = 15_000;
const NEXT_GUEST_MS = 30_000;

const find = (selector) => document.querySelector(selector);

/** The guest's tablet: which page is shown, and everything the pages share. */
class Tablet {
  hub = openHub("tablet");
  basket = new Basket(localStorage);
  placing = new Placing(this.hub, this.basket);
  i18n = new Translator({ catalogues: [COMMON, TABLET], storage: localStorage, key: LANGUAGE_KEY });
  render = perFrame(() => this.#render());

  #page = "menu";
  #started = performance.now();
  #announced = new Map();
  #menuPage = find("#menu-page");
  #menu = find("menu-view");
  #cart = find("cart-panel");
  #review = find("review-view");
  #orders = find("orders-view");
  #notice = find("notice-view");
  #pairing = find("pairing-view");
  #bar = new Bar(find("#bar"), this);

  constructor() {
    for (const view of [this.#menu, this.#cart, this.#review, this.#orders, this.#notice]) view.attach(this);
    this.#pairing.attach(this, "tablet");
    this.hub.addEventListener("phase", () => this.#phaseChanged());
    this.hub.addEventListener("wipe", () => this.#wipe());
    this.hub.store.subscribe((changes) => this.#documentsChanged(changes));
    this.basket.addEventListener("change", () => this.#basketChanged());
    this.placing.addEventListener("change", () => this.render());
    this.placing.addEventListener("placed", ({ detail }) => this.#placed(detail));
    this.placing.addEventListener("asked", () => this.go("review"));
    this.i18n.addEventListener("change", () => this.#languageChanged());
    setInterval(() => this.#tick(), TICK_MS);
    setInterval(() => this.#awaitNextGuest(), NEXT_GUEST_MS);
    setTimeout(this.render, SLOW_MS);
    this.render();
  }

  get page() {
    return this.#page;
  }

  go(page) {
    if (page === this.#page) return;
    if (this.#page === "orders") this.#orders.closed();
    this.#page = page;
    if (page === "review") this.#review.opened();
    this.#render();
    find("#main").scrollTop = 0;
    this.#heading?.focus({ preventScroll: true });
  }

  /** The title of the page that is shown: who cannot see must not be left on a button that has gone. */
  get #heading() {
    return [...document.querySelectorAll("#main h1")].find((title) => title.checkVisibility());
  }

  #tick() {
    const now = this.hub.now();
    this.hub.store.prune("order", (order) => inRoom(order, now));
    this.render();
  }

  /** A tablet in an empty room asks from time to time whether somebody has moved in. */
  #awaitNextGuest() {
    if (this.hub.live && this.hub.principal.stay_id === null) this.hub.retry();
  }

  #phaseChanged() {
    const { hub } = this;
    if (hub.live) {
      const { stay } = this.basket;
      if (stay !== null && stay !== hub.principal.stay_id) this.#wipe(); // the last guest left while this tablet was off
      this.basket.belongsTo(hub.principal.stay_id);
      this.placing.resume();
      if (this.#page === "review") this.#review.requote();
    }
    if (hub.phase === "ended" && (hub.reason === "stay_ended" || mayPairAgain(hub))) this.#wipe();
    this.render();
  }

  #basketChanged() {
    if (this.#page === "review" && this.placing.state === "idle") {
      if (this.basket.lines.length === 0 && this.basket.attempt === null) this.go("menu");
      else this.#review.basketChanged();
    }
    this.render();
  }

  #documentsChanged(changes) {
    if (this.#page === "review" && changes.some(({ kind }) => kind === "menu_item")) this.#review.requote();
    for (const { kind, id, before, after } of changes) {
      if (kind !== "order" || after === null) continue;
      const step = currentStep(after);
      if (before !== null && this.#announced.get(id) !== step) this.#announce(after, step);
      this.#announced.set(id, step);
    }
    this.render();
  }

  #languageChanged() {
    setText(find("#announcer"), ""); // said in the other language
    this.render();
  }

  #announce(order, step) {
    const status = this.i18n.text(`step.${step}`);
    setText(find("#announcer"), this.i18n.text("live", { number: order.order_number, status }));
  }

  #placed(order) {
    this.#orders.celebrate(order);
    this.go("orders");
    const { i18n } = this;
    setText(find("#announcer"), `${i18n.text("received")} ${i18n.text("received.number", { number: order.order_number })}`);
  }

  /** The stay is over: nothing of it may be seen or sent by the next guest. */
  #wipe() {
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    this.basket.wipe();
    this.i18n.language = "ja";
    localStorage.removeItem(LANGUAGE_KEY);
    sessionStorage.clear();
    history.replaceState(null, "", location.pathname);
    globalThis.caches?.keys().then((names) => names.forEach((name) => caches.delete(name)));
    this.#announced.clear();
    setText(find("#announcer"), "");
    this.go("menu");
  }

  /** The whole-page notice that stands instead of the menu, or null. */
  get #noticeName() {
    const { hub } = this;
    if (hub.phase === "unpaired") return "unpaired";
    if (hub.phase === "ended") {
      if (hub.reason === "replaced") return "replaced";
      if (isClosed(hub)) return "closed";
      return hub.reason === "stay_ended" || hub.reason === "revoked" ? "ended" : "stopped";
    }
    if (hub.store.hotel === null) return "loading";
    return hub.principal.stay_id === null ? "ended" : null;
  }

  #render() {
    const { hub, i18n } = this;
    const hotel = hub.store.hotel;
    document.documentElement.lang = i18n.language;
    document.documentElement.dataset.phase = hub.phase;
    document.title = i18n.text("title");
    document.documentElement.dataset.theme = hotel && isNight(hub.now(), hotel.time_zone) ? "night" : "day";
    const notice = this.#noticeName;
    this.#bar.show(notice === null);
    this.#showBanner(notice === null && !hub.live);
    this.#pairing.show(notice === "unpaired");
    this.#notice.hidden = notice === null || notice === "unpaired";
    const page = notice === null ? this.#page : null;
    this.#menuPage.hidden = page !== "menu";
    this.#review.hidden = page !== "review";
    this.#orders.hidden = page !== "orders";
    if (!this.#notice.hidden) this.#notice.show(notice, { slow: notice === "loading" && performance.now() - this.#started >= SLOW_MS });
    else if (page === "review") this.#review.render();
    else if (page === "orders") this.#orders.render();
    if (page === "menu") {
      this.#menu.render();
      this.#cart.render();
    }
  }

  #showBanner(offline) {
    const { i18n, hub } = this;
    const banner = find("#banner");
    const state = offline ? i18n.language : "";
    banner.hidden = !offline;
    if (banner.dataset.state === state) return;
    banner.dataset.state = state;
    if (!offline) return banner.replaceChildren();
    return banner.replaceChildren(
      icon("offline"),
      h("p", {}, h("strong", {}, i18n.text("offline")), " ", i18n.text("offline.call", { call: call(this) })),
      h("button", { type: "button", onclick: () => hub.retry() }, i18n.text("offline.retry")),
    );
  }
}

/** The bar at the top of every page: hotel, room, way home, orders, language. */
class Bar {
  #tablet;
  #name = h("span", { class: "hotel" });
  #room = h("span", { class: "room" });
  #home = h("button", { type: "button", class: "brand" }, this.#name, this.#room);
  #ordersText = h("span");
  #orders = h("button", { type: "button", class: "quiet orders-button" }, icon("tray"), this.#ordersText);
  #languageText = h("span");
  #language = h("button", { type: "button", class: "quiet language" }, icon("globe"), this.#languageText);

  constructor(element, tablet) {
    this.#tablet = tablet;
    this.#home.addEventListener("click", () => tablet.go("menu"));
    this.#orders.addEventListener("click", () => tablet.go("orders"));
    this.#language.addEventListener("click", () => (tablet.i18n.language = tablet.i18n.other));
    element.append(this.#home, this.#orders, this.#language);
  }

  show(open) {
    const { hub, i18n, page } = this.#tablet;
    const hotel = hub.store.hotel;
    setText(this.#name, hotel?.name ?? i18n.text("title"));
    setText(this.#room, hub.principal?.room_number && open ? i18n.text("room", { room: hub.principal.room_number }) : "");
    this.#home.setAttribute("aria-label", i18n.text("menu"));
    this.#orders.hidden = !open;
    const latest = open ? ordersOfRoom(hub).find(isActive) : undefined;
    const text = latest
      ? i18n.text("live", { number: latest.order_number, status: i18n.text(`step.${currentStep(latest)}`) })
      : i18n.text("orders");
    setText(this.#ordersText, text);
    this.#orders.setAttribute("aria-label", text);
    this.#orders.classList.toggle("active", latest !== undefined);
    this.#orders.setAttribute("aria-pressed", String(page === "orders"));
    setText(this.#languageText, LANGUAGE_NAMES[i18n.other]);
    this.#languageText.lang = i18n.other;
    this.#language.setAttribute("aria-label", i18n.text("language.switch"));
  }
}

new Tablet();
