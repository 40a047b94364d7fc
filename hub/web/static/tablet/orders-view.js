import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { inRoom, isActive } from "../core/visibility.js";
import { ask } from "./dialog.js";
import { currentStep, mayCancel, stepsOf } from "./steps.js";

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
  #title = h("h1");
  #empty = h("div", { class: "orders-empty" });
  #list = h("div", { class: "order-list" });
  #more = h("button", { type: "button", class: "primary" });
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

  render() {
    const { hub, i18n } = this.#app;
    const orders = ordersOfRoom(hub);
    setText(this.#title, i18n.text("orders"));
    setText(this.#more, i18n.text("more"));
    this.#received.hidden = this.#fresh === null;
    if (this.#fresh !== null) {
      const state = `${this.#fresh.id}.${i18n.language}`;
      if (this.#received.dataset.state !== state) {
        this.#received.dataset.state = state;
        this.#received.replaceChildren(
          h("span", { class: "seal" }, icon("check")),
          h("div", {},
            h("p", { class: "received-title" }, i18n.text("received"), " ",
              h("strong", {}, i18n.text("received.number", { number: this.#fresh.order_number }))),
            h("p", { class: "hint" }, i18n.text("received.hint"))),
        );
      }
    }
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
}

class OrderCard extends HTMLElement {
  #app;
  #state = null;
  #cancelling = false;
  #late = false;

  constructor(app) {
    super();
    this.#app = app;
    this.className = "order-card";
  }

  show(order) {
    const { i18n, hub } = this.#app;
    const state = `${order.version}.${i18n.language}.${this.#cancelling}.${this.#late}.${hub.live}`;
    if (this.#state === state) return;
    this.#state = state;
    const step = currentStep(order);
    this.dataset.order = order.id;
    this.dataset.status = order.status;
    const count = order.items.reduce((sum, item) => sum + (item.status === "cancelled" ? 0 : item.quantity), 0);
    this.replaceChildren(
      h("header", {},
        h("h2", {}, i18n.text("order", { number: order.order_number })),
        h("span", { class: `badge ${step}` }, i18n.text(`step.${step}`)),
        h("span", { class: "order-sum" }, i18n.text("order.lines", { count, total: i18n.yen(order.total_amount) }))),
      this.#timeline(order),
      h("ul", { class: "order-lines" }, order.items.map((item) => this.#line(item))),
      this.#foot(order) ?? "",
    );
  }

  #timeline(order) {
    const { i18n, hub } = this.#app;
    const zone = hub.store.hotel.time_zone;
    return h("ol", { class: "timeline" }, stepsOf(order).map(({ name, at, state }) =>
      h("li", { class: `${state} ${name}`, "aria-current": state === "now" ? "step" : null },
        h("span", { class: "dot" }, state === "next" ? "" : icon(name === "cancelled" ? "close" : "check")),
        h("span", { class: "step-name" }, i18n.text(`step.${name}`)),
        h("time", {}, at === null || state === "next" ? "" : i18n.time(Date.parse(at), zone)))));
  }

  #line(item) {
    const { i18n } = this.#app;
    const gone = item.status === "cancelled";
    return h("li", { class: gone ? "gone" : null },
      h("span", { class: "order-quantity" }, `${item.quantity} ×`),
      h("span", { class: "order-name" }, i18n.of(item, "name"), item.note ? h("span", { class: "order-note" }, item.note) : ""),
      gone ? h("span", { class: "gone-word" }, i18n.text("line.cancelled")) : h("span", {}, i18n.yen(item.total_price)));
  }

  #foot(order) {
    const { i18n, hub } = this.#app;
    const phone = hub.store.hotel.phone;
    if (order.status === "cancelled") {
      const known = order.cancel_reason && i18n.has(`reason.${order.cancel_reason}`);
      const reason = known ? i18n.text("cancelled.reason", { reason: i18n.text(`reason.${order.cancel_reason}`) }) : "";
      return h("p", { class: "order-foot hint" }, i18n.text("cancelled"), " ", reason);
    }
    if (mayCancel(order) && !this.#late) {
      const label = i18n.text(this.#cancelling ? "cancelling" : "cancel");
      const button = h("button", { type: "button", class: "quiet danger-text", onclick: () => this.#cancel(order) }, label);
      button.disabled = this.#cancelling || !hub.live;
      return h("div", { class: "order-foot" }, button);
    }
    return isActive(order) ? h("p", { class: "order-foot hint" }, i18n.text("cancel.late", { phone })) : null;
  }

  async #cancel(order) {
    const { i18n, hub } = this.#app;
    const values = { number: order.order_number };
    const sure = await ask(i18n, { title: "cancel.ask", yes: "cancel.yes", no: "cancel.no", values, danger: true });
    if (!sure) return;
    this.#cancelling = true;
    this.#app.render();
    try {
      await hub.command("order.cancel", { order_id: order.id, reason: "guest" });
    } catch {
      this.#late = true; // the kitchen was faster, or the order is gone: the phone helps in every case
    }
    this.#cancelling = false;
    this.#app.render();
  }
}

customElements.define("orders-view", OrdersView);
customElements.define("order-card", OrderCard);
