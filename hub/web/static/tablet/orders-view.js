import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { inRoom } from "../core/visibility.js";
import { momentText } from "./estimate.js";
import { OrderCard } from "./order-card.js";

/** The stay's orders in the hub's order of placing, newest first. */
export function ordersOfRoom(hub) {
  const now = hub.now();
  return hub.store
    .all("order")
    .filter((order) => inRoom(order, now))
    .sort((a, b) => Date.parse(b.placed_at) - Date.parse(a.placed_at));
}

/** "Order received #12", and how far every order of the stay is. */
export class OrdersView extends HTMLElement {
  #app;
  #received = h("section", { class: "received" });
  #title = h("h1", { tabindex: "-1" });
  #empty = h("div", { class: "orders-empty" });
  #list = h("div", { class: "order-list" });
  #more = h("button", { type: "button", class: "primary more-orders" });
  #fresh = null;

  attach(app) {
    this.#app = app;
    this.#more.addEventListener("click", () => app.go("menu"));
    this.append(h("div", { class: "orders-inner" }, this.#received, this.#title, this.#empty, this.#list, this.#more));
  }

  /** The order that has just been taken, to be confirmed above the others. */
  celebrate(order) {
    this.#fresh = order;
  }

  closed() {
    this.#fresh = null;
  }

  wiped() {
    this.#fresh = null;
    delete this.#received.dataset.state;
    this.#received.replaceChildren();
    this.#list.replaceChildren();
  }

  render() {
    const { hub, i18n } = this.#app;
    const orders = ordersOfRoom(hub);
    setText(this.#title, i18n.text("orders"));
    setText(this.#more, i18n.text("more"));
    this.#showReceived();
    this.#empty.hidden = orders.length > 0;
    if (orders.length === 0) {
      this.#empty.replaceChildren(icon("tray", "icon large"), h("p", {}, i18n.text("orders.none")), h("p", { class: "hint" }, i18n.text("orders.none.hint")));
    }
    reconcile(this.#list, orders, {
      key: (order) => order.id,
      create: () => new OrderCard(this.#app),
      update: (card, order) => card.show(order),
    });
  }

  #showReceived() {
    const { i18n } = this.#app;
    const order = this.#fresh;
    this.#received.hidden = order === null;
    if (order === null) return;
    const state = `${order.id}.${i18n.language}`;
    if (this.#received.dataset.state === state) return;
    this.#received.dataset.state = state;
    const hint = order.due_at ? i18n.text("received.due", { time: momentText(this.#app, order.due_at) }) : i18n.text("received.hint");
    this.#received.replaceChildren(
      h("span", { class: "seal" }, icon("check")),
      h("div", {},
        h("p", { class: "received-title" }, i18n.text("received"), " ",
          h("strong", {}, i18n.text("received.number", { number: order.order_number }))),
        h("p", { class: "hint" }, hint)),
    );
  }
}

customElements.define("orders-view", OrdersView);
