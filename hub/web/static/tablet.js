import { perFrame, setText } from "./dom.js";
import { mayPairAgain, openHub } from "./hub.js";
import { COMMON, Translator } from "./i18n.js";
import { inRoom } from "./core/visibility.js";
import "./pairing-view.js";
import "./tablet/allergy-view.js";
import "./tablet/attract-view.js";
import { Banner } from "./tablet/banner.js";
import { Bar } from "./tablet/bar.js";
import { Basket } from "./tablet/basket.js";
import { Filter } from "./tablet/filter.js";
import { PageHistory } from "./tablet/history.js";
import { isNight } from "./tablet/hours.js";
import "./tablet/item-view.js";
import { closeEscapes } from "./tablet/kiosk.js";
import { MenuCache } from "./tablet/menu-cache.js";
import "./tablet/menu-page.js";
import { noticeOf } from "./tablet/notice-view.js";
import "./tablet/orders-view.js";
import { OwnPhone } from "./tablet/own-phone.js";
import "./tablet/pages-view.js";
import "./tablet/phone-panel.js";
import { retryPhotos } from "./tablet/photo.js";
import { Placing } from "./tablet/placing.js";
import { Rest } from "./tablet/rest.js";
import "./tablet/review-view.js";
import { currentStep, isUnanswered } from "./tablet/steps.js";
import { TABLET } from "./tablet/strings.js";

const LANGUAGE_KEY = "hub.tablet.language";
const SLOW_MS = 8_000;
const CONNECTING_MS = 4_000;
const BLIP_MS = 2_500;
const TICK_MS = 5_000;
const NEXT_GUEST_MS = 30_000;
// What can be read by anybody, before it is known whose tablet this is.
const OPEN_PAGES = new Set(["menu", "item", "guide"]);

const find = (selector) => document.querySelector(selector);

/**
 * The guest's tablet: which page is shown, and everything the pages share.
 *
 * A page is an element with `data-page`, `attach(app)` and `render()`; it may have `opened(of)`, `closed(next)`,
 * `changed(changes)` for documents that change while it is shown, `wiped()` when the stay is over, and `landing`, the
 * element to which the focus goes instead of its title.
 */
class Tablet {
  hub = openHub("tablet");
  basket = new Basket(localStorage);
  filter = new Filter(localStorage);
  placing = new Placing(this.hub, this.basket);
  i18n = new Translator({ catalogues: [COMMON, TABLET], storage: localStorage, key: LANGUAGE_KEY });
  render = perFrame(() => this.#render());

  #page = "menu";
  #resumed = false;
  #lostAt = performance.now();
  #announced = new Map();
  #cache = new MenuCache(localStorage);
  #pages = new Map([...document.querySelectorAll("[data-page]")].map((view) => [view.dataset.page, view]));
  #notice = find("notice-view");
  #pairing = find("pairing-view");
  #attract = find("attract-view");
  #bar = new Bar(find("#bar"), this);
  #banner = new Banner(find("#banner"), this);
  #ownPhone = new OwnPhone(this.hub);
  #history = new PageHistory(({ page, of }) => page !== this.#page && this.#mayOpen(page) && this.#open(page, of));
  #rest = new Rest(this, this.#attract, { active: () => this.#mayRest, fell: () => this.#fell() });

  constructor() {
    const { hub } = this;
    for (const view of [...this.#pages.values(), this.#notice, this.#attract]) view.attach(this);
    this.#pairing.attach(this, "tablet");
    if (hub.paired) hub.store.replace(this.#cache.read());
    hub.addEventListener("phase", () => this.#phaseChanged());
    hub.addEventListener("wipe", () => this.#wipe());
    hub.store.subscribe((changes) => this.#documentsChanged(changes));
    this.basket.addEventListener("change", () => this.#basketChanged());
    this.filter.addEventListener("change", () => this.render());
    this.placing.addEventListener("change", () => this.render());
    this.placing.addEventListener("placed", ({ detail }) => this.#placed(detail));
    this.placing.addEventListener("asked", () => this.go("review"));
    this.i18n.addEventListener("change", () => this.#languageChanged());
    setInterval(() => this.#tick(), TICK_MS);
    setInterval(() => this.#awaitNextGuest(), NEXT_GUEST_MS);
    for (const ms of [CONNECTING_MS, SLOW_MS]) setTimeout(this.render, ms);
    addEventListener("pagehide", () => this.#cache.flush());
    closeEscapes(() => hub.principal?.kind === "phone");
    this.#tick();
  }

  get page() {
    return this.#page;
  }

  /** Show a page; `of` is the key of what it shows, where there are several. */
  go(page, of = null) {
    if ((page === this.#page && of === null) || !this.#mayOpen(page)) return;
    this.#history.go(page, of);
    this.#open(page, of);
  }

  /** Tell those who hear the page what has happened. */
  say(text) {
    setText(find("#announcer"), text);
  }

  #mayOpen(page) {
    return this.basket.open || OPEN_PAGES.has(page);
  }

  #open(page, of) {
    const view = this.#pages.get(page);
    this.#pages.get(this.#page).closed?.({ page, of });
    this.#page = page;
    view.opened?.(of);
    this.#render();
    find("#main").scrollTop = 0;
    const landing = view.landing ?? this.#heading;
    landing?.focus({ preventScroll: true });
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
    if (hub.live) this.#wentLive();
    else if (this.#lostAt === null) this.#lost();
    if (hub.phase === "unpaired") this.#cache.wipe();
    if (hub.phase === "ended" && (hub.reason === "stay_ended" || mayPairAgain(hub))) this.#wipe();
    this.render();
  }

  /** What is back within a moment moves nothing on the page, and nobody is alarmed. */
  #lost() {
    this.#lostAt = performance.now();
    setTimeout(this.render, BLIP_MS + 20);
  }

  #wentLive() {
    const { hub, basket } = this;
    const stay = hub.principal.stay_id;
    this.#lostAt = null;
    if (basket.stay !== null && basket.stay !== stay) this.#wipe(); // the last guest left while this tablet was off
    basket.belongsTo(stay);
    this.filter.belongsTo(stay);
    this.#cache.keep(hub.store);
    retryPhotos();
    if (!this.#resumed) {
      this.#resumed = true;
      const { page, of } = this.#history.here;
      if (page !== this.#page && this.#pages.has(page)) this.#open(page, of);
    }
    this.placing.resume();
    if (this.#page === "review") this.#pages.get("review").requote();
  }

  #basketChanged() {
    if (this.#page === "review" && this.placing.state === "idle") {
      if (this.basket.lines.length === 0 && (this.basket.attempt === null || this.placing.asking)) this.go("menu");
      else this.#pages.get("review").basketChanged();
    }
    this.render();
  }

  #documentsChanged(changes) {
    this.#pages.get(this.#page).changed?.(changes);
    if (this.hub.live && changes.some(({ kind }) => kind === "menu_item" || kind === "hotel")) this.#cache.keep(this.hub.store);
    for (const { kind, id, before, after } of changes) {
      if (kind !== "order" || after === null) continue;
      const step = currentStep(after);
      if (before !== null && this.#announced.get(id) !== step) this.#announce(after, step);
      this.#announced.set(id, step);
    }
    this.render();
  }

  #languageChanged() {
    this.say(""); // said in the other language
    this.render();
  }

  #announce(order, step) {
    const status = this.i18n.text(`step.${step}`);
    this.say(this.i18n.text("live", { number: order.order_number, status }));
  }

  #placed(order) {
    this.#rest.wake();
    this.#pages.get("orders").celebrate(order);
    this.go("orders");
    const { i18n } = this;
    this.say(`${i18n.text("received")} ${i18n.text("received.number", { number: order.order_number })}`);
  }

  /** A phone in a hand has its own rest; an order on its way, or one that the kitchen does not answer, is watched. */
  get #mayRest() {
    const { hub, placing } = this;
    const watched = hub.store.all("order").some(isUnanswered);
    return this.#noticeName === null && hub.principal?.kind === "tablet" && placing.state === "idle" && !watched && !this.#pages.get(this.#page).reading;
  }

  #fell() {
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    this.go("menu");
    this.#pages.get("menu").rewind();
  }

  /** The stay is over: nothing of it may be seen or sent by the next guest. */
  #wipe() {
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    this.#rest.wake();
    this.basket.wipe();
    this.filter.wipe();
    this.i18n.language = "ja";
    localStorage.removeItem(LANGUAGE_KEY);
    this.#cache.wipe();
    sessionStorage.clear();
    globalThis.caches?.keys().then((names) => names.forEach((name) => caches.delete(name)));
    this.#announced.clear();
    this.placing.settle();
    this.say("");
    this.#history.go("menu");
    this.#open("menu", null);
    for (const view of [...this.#pages.values(), this.#attract]) view.wiped?.();
  }

  /** The whole-page notice that stands instead of the menu, or null. */
  get #noticeName() {
    return this.#ownPhone.notice ?? noticeOf(this.hub);
  }

  #render() {
    const { hub, i18n } = this;
    const hotel = hub.store.hotel;
    const root = document.documentElement;
    root.lang = i18n.language;
    root.dataset.phase = hub.phase;
    // a stay that ended at night takes the hotel along: the goodbye is as dark as what was there before
    if (hotel) root.dataset.theme = isNight(hotel, hub.now()) ? "night" : "day";
    document.title = i18n.text("title");
    const notice = this.#noticeName;
    const lostMs = this.#lostAt === null ? 0 : performance.now() - this.#lostAt;
    this.#bar.show(notice === null);
    const patience = this.#resumed ? BLIP_MS : CONNECTING_MS;
    this.#banner.show(notice === null, { offline: !hub.live && lostMs >= patience });
    this.#pairing.show(notice === "unpaired");
    this.#notice.hidden = notice === null || notice === "unpaired";
    if (!this.#notice.hidden) this.#notice.show(notice, { slow: notice === "loading" && lostMs >= SLOW_MS });
    const page = notice === null ? this.#page : null;
    for (const [name, view] of this.#pages) view.hidden = name !== page;
    this.#pages.get(page)?.render();
    if (this.#rest.resting) this.#attract.render();
    globalThis.watchdog?.beat();
  }
}

new Tablet();
