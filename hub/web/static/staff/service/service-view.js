import { h, setText } from "../../dom.js";
import { icon } from "../../icons.js";
import { fold } from "../filter.js";
import { button } from "../form.js";
import { RowList } from "../row-list.js";
import { ServiceSettingsPanel } from "../service-settings.js";
import { SidePanel } from "../side-panel.js";
import { TaxRatesPanel } from "../tax-rates.js";
import { i18n, say, text } from "../words.js";
import { alarmOf, byRoom, chainOf, elapsed, isUpcoming, isWaiting, needsAttention, waitsSince } from "./chain.js";
import { HooksPanel } from "./hooks-panel.js";
import { LadderPanel } from "./ladder-panel.js";
import { OrderPanel } from "./order-panel.js";
import { ScreensList } from "./screens.js";

const LADDER = "ladder";
const HOOKS = "hooks";
const SETTINGS = "settings";
const TAXES = "taxes";

/** Room service as the desk sees it: every open order, how far it has come, and who does not answer. */
export class ServiceView extends HTMLElement {
  #app;
  #list;
  #side;
  #order;
  #ladder;
  #hooks;
  #settings;
  #taxes;
  #screens;
  #stale = h("p", { class: "alert stale", role: "alert", hidden: true });
  #open = null;
  #second = null;

  attach(app) {
    this.#app = app;
    const { session } = app;
    this.#side = new SidePanel({ closed: () => this.#closed() });
    this.#order = new OrderPanel(app, this.#side);
    this.#ladder = new LadderPanel(app, this.#side);
    this.#hooks = new HooksPanel(app, this.#side);
    this.#settings = new ServiceSettingsPanel(app, this.#side);
    this.#taxes = new TaxRatesPanel(app, this.#side);
    this.#screens = new ScreensList(app);
    this.#list = new RowList({
      name: "service",
      choices: [["service.all", () => true], ["service.attention", needsAttention], ["service.waiting", isWaiting]],
      key: ({ id }) => id,
      create: () => [
        h("span", { class: "row-name" }),
        h("span", { class: "row-text" },
          h("span", { class: "row-main" }),
          h("span", { class: "chain" }, ...["sent", "shown", "accepted"].map(stage))),
        h("span", { class: "pill" }),
      ],
      update: (row, order) => this.#show(row, order),
      choose: (id) => this.#choose(id),
      tools: [
        session.may("staff.manage") ? button("quiet", "ladder.title", () => this.#openPanel(LADDER, this.#ladder), { symbol: "clock" }) : null,
        session.may("webhook.manage") ? button("quiet", "hooks.title", () => this.#openPanel(HOOKS, this.#hooks), { symbol: "globe" }) : null,
        session.may("tax.manage") ? button("quiet", "tax.title", () => this.#openPanel(TAXES, this.#taxes), { symbol: "percent" }) : null,
        session.may("staff.manage") ? button("quiet", "serving.open", () => this.#openPanel(SETTINGS, this.#settings), { symbol: "settings" }) : null,
      ],
    });
    this.append(h("h1", { class: "visually-hidden", tabindex: "-1" }, say(h("span"), "service.title")),
      h("div", { class: "split" },
        h("div", { class: "service-side" }, this.#stale, this.#list.element),
        h("div", { class: "panel-place" }, this.#side.element, this.#screens.element)));
  }

  connectedCallback() {
    this.#second = setInterval(() => this.hidden || this.render(), 1_000);
  }

  disconnectedCallback() {
    clearInterval(this.#second);
  }

  render() {
    const { orders, live } = this.#app;
    this.#showStale();
    this.#list.rows = byRoom(orders.orders).map((order) => ({ ...order, folded: fold(`${order.room_number} #${order.order_number}`) }));
    this.#showEmpty();
    this.#screens.update(live.devices, orders.store.all("silent_tablet"));
    if (!this.#side.open || this.#open === null) return;
    if ([LADDER, HOOKS, SETTINGS, TAXES].includes(this.#open)) return;
    const order = orders.store.get("order", this.#open);
    if (orders.phase !== "connecting" || order !== null) this.#order.update(order);
  }

  /** No list looks complete that is not. */
  #showStale() {
    const { orders } = this.#app;
    const fresh = orders.phase === "live";
    this.#stale.hidden = fresh;
    if (fresh) return;
    if (orders.lastAt === null) say(this.#stale, "service.connecting");
    else say(this.#stale, "service.stale", { time: () => i18n.time(orders.lastAt, this.#zone, { seconds: true }) });
  }

  /** That there is nothing is said only when it is known. */
  #showEmpty() {
    const { orders } = this.#app;
    const empty = this.querySelector(".row-empty");
    if (orders.orders.length > 0) say(empty, "service.none");
    else if (orders.phase === "live") say(empty, "service.empty", { time: () => i18n.time(orders.now(), this.#zone) });
    else say(empty, "verbatim", { text: "" });
  }

  get #zone() {
    return this.#app.orders.store.hotel?.time_zone ?? "UTC";
  }

  #show(row, order) {
    const [name, textPart, pill] = row.children;
    const [main, chain] = textPart.children;
    const now = this.#app.orders.now();
    setText(name, order.room_number);
    say(main, "service.order", { number: order.order_number, items: () => itemsOf(order) });
    for (const [n, { at, passed }] of chainOf(order).entries()) {
      const part = chain.children[n];
      part.dataset.state = passed ? "done" : "open";
      setText(part.lastElementChild, at === null ? "" : i18n.time(Date.parse(at), this.#zone));
    }
    const alarm = alarmOf(order);
    row.dataset.alarm = alarm ?? (needsAttention(order) ? "chime" : "");
    pill.dataset.state = row.dataset.alarm === "" ? order.status : "alarm";
    const waits = elapsed(now - waitsSince(order));
    if (isUpcoming(order, now)) say(pill, "service.upcoming", { time: () => i18n.time(Date.parse(order.fire_at), this.#zone) });
    else if (!isWaiting(order)) say(pill, `service.state.${order.status === "received" ? "accepted" : order.status}`);
    else if (alarm === "unseen" || alarm === "lost") say(pill, "service.unseen", { time: waits });
    else say(pill, "service.unaccepted", { time: waits });
  }

  #choose(id) {
    this.#open = id;
    this.#list.chosen = id;
    this.#order.show(this.#app.orders.store.get("order", id));
    this.#side.focus();
  }

  #openPanel(name, panel) {
    this.#open = name;
    this.#list.chosen = null;
    panel.show();
    this.#side.focus();
  }

  #closed() {
    this.#hooks.forget();
    this.#list.chosen = this.#open;
    this.#open = null;
    this.#list.focus();
  }
}

const stage = (name) => h("span", { class: "stage" }, icon("check", "icon stage-icon"), text("span", `chain.${name}`), h("span", { class: "stage-at" }));

/** "Onion soup ×2, Tea", in the language of the page; what was cancelled is left out. */
function itemsOf({ items }) {
  return items
    .filter(({ status }) => status !== "cancelled")
    .map((item) => `${i18n.of(item, "name")}${item.quantity > 1 ? ` ×${item.quantity}` : ""}`)
    .join(i18n.text("comma"));
}

customElements.define("service-view", ServiceView);
