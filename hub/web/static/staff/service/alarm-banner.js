import { h } from "../../dom.js";
import { icon } from "../../icons.js";
import { button } from "../form.js";
import { i18n, say, text } from "../words.js";
import { alarmsOf, elapsed, waitsSince } from "./chain.js";

const SHOWN = 2;
const USUAL_EVERY_S = 20;

/**
 * Stands above every page of the desk while an order needs somebody: which room, and what to do. It rings at once and
 * again and again, until somebody has said that he sees to it.
 */
export class AlarmBanner {
  #element;
  #orders;
  #bell;
  #app;
  #seenTo = new Set();
  #ringAt = null;
  #drawn = "";
  #lines = h("ul", { class: "alarm-lines" });
  #more = button("link", "alarm.more", () => this.#app.go("service"));
  #sound = button("quiet", "alarm.sound", () => this.#bell.enable(), { symbol: "bell" });
  #understood = button("primary", "alarm.understood", () => this.#seeTo(), { symbol: "check" });

  constructor(element, { orders, bell, app }) {
    this.#element = element;
    this.#orders = orders;
    this.#bell = bell;
    this.#app = app;
    element.append(icon("bell", "icon alarm-icon"), this.#lines,
      h("div", { class: "alarm-tools" }, this.#more, this.#sound, this.#understood));
    orders.addEventListener("change", () => this.update());
    bell.addEventListener("change", () => this.update());
    i18n.addEventListener("change", () => {
      this.#drawn = "";
      this.update();
    });
    setInterval(() => this.update(), 1_000);
  }

  get count() {
    return alarmsOf(this.#orders.orders).length;
  }

  update() {
    const now = this.#orders.now();
    const alarms = alarmsOf(this.#orders.orders);
    const names = new Set(alarms.map(nameOf));
    for (const name of this.#seenTo) if (!names.has(name)) this.#seenTo.delete(name);
    const unheard = alarms.some((each) => !this.#seenTo.has(nameOf(each)));
    this.#ring(unheard, now);
    this.#draw(alarms, names, unheard);
    for (const { order } of alarms.slice(0, SHOWN)) {
      const time = this.#lines.querySelector(`[data-id="${order.id}"] .alarm-time`);
      if (time) time.textContent = elapsed(now - waitsSince(order));
    }
  }

  /** The words change only with the alarms: a live region must not repeat itself. */
  #draw(alarms, names, unheard) {
    const drawn = JSON.stringify([[...names], unheard, this.#bell.ready, this.#app.view]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#element.hidden = alarms.length === 0;
    this.#element.dataset.state = unheard ? "loud" : "seen";
    this.#lines.replaceChildren(...alarms.slice(0, SHOWN).map(({ order, alarm }) =>
      h("li", { data: { id: order.id } },
        h("strong", {}, text("span", "room", { room: order.room_number }), " ", h("span", { class: "alarm-time", "aria-hidden": "true" })),
        text("span", `alarm.${alarm}`, { number: order.order_number }))));
    this.#more.hidden = alarms.length <= SHOWN && this.#app.view === "service";
    if (alarms.length > SHOWN) say(this.#more.firstElementChild, "alarm.rest", { count: alarms.length - SHOWN });
    else say(this.#more.firstElementChild, "alarm.more");
    this.#sound.hidden = this.#bell.ready || !unheard;
    this.#understood.hidden = !unheard;
  }

  #ring(unheard, now) {
    if (!unheard) this.#ringAt = null;
    else if (this.#ringAt === null || now >= this.#ringAt) {
      this.#bell.ring();
      this.#ringAt = now + 1000 * (this.#orders.store.hotel?.alert_seconds.every ?? USUAL_EVERY_S);
    }
  }

  #seeTo() {
    for (const each of alarmsOf(this.#orders.orders)) this.#seenTo.add(nameOf(each));
    this.update();
  }
}

const nameOf = ({ order, alarm }) => `${order.id} ${alarm}`;
