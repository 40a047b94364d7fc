import { h, perFrame, setText } from "./dom.js";
import { icon } from "./icons.js";
import { LANGUAGE_NAMES } from "./i18n.js";
import "./staff/account-view.js";
import { takeCode } from "./staff/address.js";
import "./staff/code-views.js";
import "./staff/devices-view.js";
import { factorSetup } from "./staff/factor-setup.js";
import { button } from "./staff/form.js";
import { Live } from "./staff/live.js";
import { wordsFor } from "./staff/problems.js";
import "./staff/rooms-view.js";
import { AlarmBanner } from "./staff/service/alarm-banner.js";
import { Bell } from "./staff/service/bell.js";
import "./staff/service/service-view.js";
import { OrderStream } from "./staff/service/stream.js";
import { StaffSession } from "./staff/session.js";
import "./staff/signin-view.js";
import { i18n, keepHoursOf, say, silence, text } from "./staff/words.js";

const PAGES = [["rooms", "stay.read", "door"], ["service", "order.read", "bell"], ["devices", "device.read", "tablet"], ["account", "self", "person"]];
const LETTERS = ["reset", "verify"];
const RETRY_MS = 4_000;
const TOAST_MS = 6_000;
const CHECK_MS = 5_000;

const find = (selector) => document.querySelector(selector);

/** The staff's page: who is signed in, which view is shown, and what the views share. */
class Staff {
  session = new StaffSession({ fetch: (...request) => fetch(...request), locks: navigator.locks ?? null });
  live = new Live(this.session);
  orders = new OrderStream({ look: () => this.session.look() });
  hotel = null;
  slug = new URLSearchParams(location.search).get("hotel");

  #render = perFrame(() => this.#draw());
  #outside = Object.fromEntries(["signin", "forgot", "reset", "verify"].map((name) => [name, find(`${name}-view`)]));
  #pages = find("#pages");
  #views = {};
  #view = "start";
  #person = null;
  #named = false; // the address says which hotel it is
  #pair = null; // the code of a device that waits, kept through a sign-in
  #bar = new Bar(find("#bar"), this);
  #elsewhere = "BroadcastChannel" in globalThis ? new BroadcastChannel("hub.staff") : null;
  #bell = new Bell();
  #alarm = new AlarmBanner(find("#alarm"), { orders: this.orders, bell: this.#bell, app: this });
  #announcer = find("#announcer");
  #toast = null;

  constructor() {
    for (const view of Object.values(this.#outside)) view.attach(this);
    this.session.addEventListener("change", () => this.#sessionChanged());
    this.live.addEventListener("change", this.#render);
    this.orders.addEventListener("change", this.#render);
    i18n.addEventListener("change", this.#render);
    addEventListener("hashchange", () => this.#addressChanged());
    addEventListener("online", () => this.#wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
    setInterval(() => this.orders.check(), CHECK_MS);
    for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => this.#bell.ready || this.#bell.enable());
    if (this.#elsewhere) this.#elsewhere.onmessage = () => this.#leftElsewhere();
    this.#start();
  }

  get view() {
    return this.#view;
  }

  /** The pages that this person may open: `[name, symbol]`. */
  get pages() {
    if (this.session.phase !== "in" || this.session.me.second_factor === "required") return [];
    return PAGES.filter(([, permission]) => this.session.may(permission)).map(([name, , symbol]) => [name, symbol]);
  }

  async signOut() {
    try {
      await this.session.signOut();
      this.#elsewhere?.postMessage("out");
    } catch (problem) {
      this.announce(...wordsFor(problem));
    }
  }

  openRoom(room) {
    this.#views.rooms?.open(room);
  }

  /** Show a view of those who are not signed in; `given` is a note, an e-mail or a code. */
  show(name, given = null) {
    this.#view = name;
    this.#draw();
    if (name === "forgot") this.#outside.forgot.opened(given ?? this.#outside.signin.email);
    else this.#outside[name].opened(given);
  }

  /** Where this person begins, or the sign-in. */
  home() {
    if (this.session.phase === "in") this.go(this.pages[0]?.[0] ?? "factor");
    else this.show("signin");
  }

  go(page, { focus = true } = {}) {
    if (page !== this.#view) this.#hush();
    this.#view = page;
    if (location.hash !== `#${page}`) history.pushState(null, "", `${location.pathname}${location.search}#${page}`);
    this.#draw();
    this.#views[page]?.opened?.();
    find("#main").scrollTop = 0;
    if (focus) this.#views[page]?.querySelector("h1")?.focus({ preventScroll: true });
  }

  /** Say what has been done, to eyes and to ears. */
  announce(key, values = {}) {
    say(this.#announcer, key, values).classList.add("shown");
    clearTimeout(this.#toast);
    this.#toast = setTimeout(() => this.#hush(), TOAST_MS);
  }

  #hush() {
    this.#announcer.classList.remove("shown");
    silence(this.#announcer);
  }

  async #start() {
    const given = takeCode(location, history);
    this.#draw();
    if (given?.name === "pair") this.#pair = given.code;
    await this.#findHotel();
    if (given !== null && given.name !== "pair") this.show(given.name, given.code);
    await this.session.start();
  }

  /** The hotel of this address. Without one, a field asks for its short name. */
  async #findHotel() {
    try {
      const query = this.slug === null ? "" : `?hotel=${encodeURIComponent(this.slug)}`;
      this.hotel = await this.session.open("GET", `/api/v1/hotel${query}`);
      this.#named = this.slug === null;
    } catch (problem) {
      if (!problem.temporary) this.#unknown();
      else setTimeout(() => this.hotel === null && this.#findHotel().then(this.#render), RETRY_MS);
    }
  }

  /** No hotel has this name: it stands in the field, to be mended. */
  #unknown() {
    for (const view of [this.#outside.signin, this.#outside.forgot]) view.hotel = this.slug ?? "";
    this.slug = null;
  }

  #addressChanged() {
    const given = takeCode(location, history);
    if (given?.name === "pair") {
      this.#pair = given.code;
      if (this.session.phase === "in") this.#openPair();
    } else if (given !== null) {
      this.show(given.name, given.code);
    } else if (this.session.phase === "in") {
      const page = location.hash.slice(1);
      if (page !== this.#view && this.pages.some(([name]) => name === page)) this.go(page);
    }
  }

  #sessionChanged() {
    const { session } = this;
    if (session.phase === "in") this.#entered();
    else if (session.phase === "out") this.#left();
    else if (session.phase === "away") setTimeout(() => session.start(), RETRY_MS);
    this.#draw();
  }

  #entered() {
    const { me } = this.session;
    this.hotel = me.hotel;
    if (!this.#named) this.#nameHotel(me.hotel.slug);
    const state = JSON.stringify([me.id, me.role, me.permissions, me.second_factor === "required"]);
    const another = this.#person !== state;
    if (another) this.#makePages(me);
    this.#person = state;
    this.live.start();
    if (another) this.orders.stop(); // others may see other orders
    if (this.pages.some(([name]) => name === "service" || name === "devices")) this.orders.start(); // it tells of the hotel too
    if (LETTERS.includes(this.#view)) return; // what a letter asks for is done first
    const outside = this.#view in this.#outside || this.#view === "start" || this.#view === "factor";
    if (!outside && !another) return;
    const asked = location.hash.slice(1);
    const kept = this.pages.find(([name]) => name === asked)?.[0];
    if (this.#pair !== null) this.#openPair();
    else if (me.second_factor === "required") this.go("factor");
    else this.go(kept ?? this.pages[0][0], { focus: this.#view !== "start" });
  }

  /** A reload finds the hotel again where the address does not name one. */
  #nameHotel(slug) {
    this.slug = slug;
    const query = new URLSearchParams(location.search);
    query.set("hotel", slug);
    history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
  }

  #left() {
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    this.live.clear();
    this.orders.stop();
    if (this.session.ended) for (const view of Object.values(this.#views)) view.render?.(); // no guest stays in the page
    else this.#forget();
    const note = this.session.ended ? "session.ended" : this.#pair === null ? null : "signin.pair";
    if (!(this.#view in this.#outside) || note !== null) this.show("signin", note);
  }

  /** Another tab of this browser has signed out. */
  async #leftElsewhere() {
    await this.session.look();
    if (this.session.phase !== "out") return;
    this.#forget();
    this.show("signin");
  }

  #forget() {
    this.#person = null;
    this.#views = {};
    this.#pages.replaceChildren();
    history.replaceState(null, "", location.pathname + location.search);
  }

  #openPair() {
    if (this.session.me.second_factor === "required") return this.go("factor");
    const code = this.#pair;
    this.#pair = null;
    if (!this.session.may("device.pair")) {
      this.announce("pair.not_allowed");
      return this.go(this.pages[0][0]);
    }
    this.go("devices", { focus: false });
    return this.#views.devices.pair(code);
  }

  /** The pages are made anew for another person, or for other permissions: nothing of the last one is left. */
  #makePages(me) {
    this.#views = {};
    for (const [name] of this.pages) {
      const view = document.createElement(`${name}-view`);
      view.attach(this);
      this.#views[name] = view;
    }
    if (me.second_factor === "required") {
      this.#views.factor = h("div", { class: "centre" }, h("div", { class: "card" },
        say(h("h1", { tabindex: "-1" }), "factor.required"), factorSetup(this.session, () => this.session.renewNow())));
    }
    this.#pages.replaceChildren(...Object.values(this.#views));
  }

  #wake() {
    if (this.session.phase === "in") {
      this.session.look().then(() => this.live.refresh());
      this.orders.wake();
    }
    else if (this.session.phase === "away") this.session.start();
  }

  #draw() {
    const { session } = this;
    keepHoursOf(this.orders.store.hotel?.time_zone);
    document.documentElement.lang = i18n.language;
    document.documentElement.dataset.phase = session.phase;
    const inside = session.phase === "in" && !(this.#view in this.#outside);
    const waiting = session.phase === "starting" || session.phase === "away";
    for (const [name, view] of Object.entries(this.#outside)) view.hidden = waiting && name === "signin" ? true : name !== this.#view;
    this.#pages.hidden = !inside;
    for (const [name, view] of Object.entries(this.#views)) {
      view.hidden = name !== this.#view;
      if (inside && !view.hidden) view.render?.();
    }
    const title = i18n.text("title", { page: i18n.text(inside ? `page.${this.#view}` : "page.signin") });
    document.title = this.#alarm.count > 0 ? `(${this.#alarm.count}) ${title}` : title;
    this.#alarm.update();
    this.#bar.show(inside);
    this.#showBanner(session.phase === "away" ? "away" : inside && this.live.problem !== null ? this.#stale() : "");
  }

  /** Why the lists on the page are old. */
  #stale() {
    const { problem } = this.live;
    return problem.code === "away" ? "away" : wordsFor(problem)[0];
  }

  #showBanner(words) {
    const banner = find("#banner");
    if ((banner.dataset.words ?? "") === words) return;
    banner.dataset.words = words;
    banner.hidden = words === "";
    if (banner.hidden) banner.replaceChildren();
    else banner.replaceChildren(icon("offline"), text("p", words), button("quiet", "retry", () => (this.session.phase === "in" ? this.live.refresh() : this.session.start())));
  }
}

/** The bar at the top: hotel, pages, person, language. */
class Bar {
  #app;
  #hotel = h("span", { class: "hotel" });
  #nav = h("nav", { class: "nav", hidden: true });
  #out = button("quiet signout", "signout", () => this.#app.signOut(), { symbol: "signout" });
  #languageText = h("span");
  #language = h("button", { type: "button", class: "quiet language" }, icon("globe"), this.#languageText);
  #drawn = "";

  constructor(element, app) {
    this.#app = app;
    say(this.#nav, "nav", {}, "aria-label");
    say(this.#language, "language.switch", {}, "aria-label");
    this.#language.addEventListener("click", () => (i18n.language = i18n.other));
    element.append(h("div", { class: "brand" }, this.#hotel, text("span.room", "staff")), this.#nav, this.#out, this.#language);
  }

  show(inside) {
    const { hotel, pages, view } = this.#app;
    setText(this.#hotel, hotel?.name ?? "");
    setText(this.#languageText, LANGUAGE_NAMES[i18n.other]);
    this.#languageText.lang = i18n.other;
    this.#nav.hidden = !inside || pages.length === 0;
    this.#out.hidden = !inside;
    const drawn = pages.join();
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#nav.replaceChildren(...pages.map(([name, symbol]) => {
        const tab = button("tab", `page.${name}`, () => this.#app.go(name), { symbol });
        tab.dataset.page = name;
        return tab;
      }));
    }
    for (const tab of this.#nav.children) {
      if (tab.dataset.page === view) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
  }
}

new Staff();
