import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { inRoom, isActive } from "../core/visibility.js";
import { ask } from "./dialog.js";
import { call } from "./phone.js";
import { currentStep, mayCancel, stepsOf } from "./steps.js";

const TOO_LATE = new Set(["already_preparing", "invalid_transition"]);

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

/** One order. Its button stays the same element whatever happens, so that a press or the focus is never lost. */
class OrderCard extends HTMLElement {
  #app;
  #order = null;
  #shown = null;
  #cancelling = false;
  #failure = null;
  #title = h("h2");
  #badge = h("span");
  #sum = h("span", { class: "order-sum" });
  #timeline = h("ol", { class: "timeline" });
  #lines = h("ul", { class: "order-lines" });
  #hint = h("p", { class: "hint" });
  #cancel = h("button", { type: "button", class: "quiet danger-text", onclick: () => this.#askToCancel() });
  #foot = h("div", { class: "order-foot" }, this.#hint, this.#cancel);

  constructor(app) {
    super();
    this.#app = app;
    this.className = "order-card";
    this.append(h("header", {}, this.#title, this.#badge, this.#sum), this.#timeline, this.#lines, this.#foot);
  }

  show(order) {
    const { i18n } = this.#app;
    this.#order = order;
    const shown = `${order.version}.${i18n.language}`;
    if (this.#shown !== shown) {
      this.#shown = shown;
      this.#showOrder(order);
    }
    this.#showFoot(order);
  }

  #showOrder(order) {
    const { i18n } = this.#app;
    const step = currentStep(order);
    this.dataset.order = order.id;
    this.dataset.status = order.status;
    const count = order.items.reduce((sum, item) => sum + (item.status === "cancelled" ? 0 : item.quantity), 0);
    setText(this.#title, i18n.text("order", { number: order.order_number }));
    this.#badge.className = `badge ${step}`;
    setText(this.#badge, i18n.text(`step.${step}`));
    setText(this.#sum, i18n.text("order.lines", { count, total: i18n.yen(order.total_amount) }));
    this.#timeline.replaceChildren(...this.#steps(order));
    this.#lines.replaceChildren(...order.items.map((item) => this.#line(item)));
  }

  #steps(order) {
    const { i18n, hub } = this.#app;
    const zone = hub.store.hotel.time_zone;
    return stepsOf(order).map(({ name, at, state }) =>
      h("li", { class: `${state} ${name}`, "aria-current": state === "now" ? "step" : null },
        h("span", { class: "dot" }, state === "next" ? "" : icon(name === "cancelled" ? "close" : "check")),
        h("span", { class: "step-name" }, i18n.text(`step.${name}`)),
        h("time", {}, at === null || state === "next" ? "" : i18n.time(Date.parse(at), zone))));
  }

  #line(item) {
    const { i18n } = this.#app;
    const gone = item.status === "cancelled";
    return h("li", { class: gone ? "gone" : null },
      h("span", { class: "order-quantity" }, `${item.quantity} ×`),
      h("span", { class: "order-name" }, i18n.of(item, "name"), item.note ? h("span", { class: "order-note" }, item.note) : ""),
      gone ? h("span", { class: "gone-word" }, i18n.text("line.cancelled")) : h("span", {}, i18n.yen(item.total_price)));
  }

  #showFoot(order) {
    const { i18n, hub } = this.#app;
    const open = mayCancel(order) && this.#failure === null;
    const hint = open ? "" : this.#hintOf(order);
    setText(this.#hint, hint);
    setText(this.#cancel, i18n.text(this.#cancelling ? "cancelling" : "cancel"));
    this.#cancel.disabled = this.#cancelling || !hub.live;
    this.#cancel.hidden = !open;
    this.#hint.hidden = hint === "";
    this.#foot.hidden = !open && hint === "";
  }

  #hintOf(order) {
    const { i18n } = this.#app;
    if (order.status === "cancelled") {
      const known = order.cancel_reason && i18n.has(`reason.${order.cancel_reason}`);
      const reason = known ? i18n.text("cancelled.reason", { reason: i18n.text(`reason.${order.cancel_reason}`) }) : "";
      return `${i18n.text("cancelled")} ${reason}`;
    }
    if (!isActive(order)) return "";
    const late = this.#failure === null || TOO_LATE.has(this.#failure);
    return i18n.text(late ? "cancel.late" : "cancel.failed", { call: call(this.#app) });
  }

  async #askToCancel() {
    const { i18n, hub } = this.#app;
    const { id, order_number: number } = this.#order;
    const values = { number };
    const sure = await ask(i18n, { title: "cancel.ask", yes: "cancel.yes", no: "cancel.no", values, danger: true });
    if (!sure) return;
    this.#cancelling = true;
    this.#app.render();
    try {
      await hub.command("order.cancel", { order_id: id, reason: "guest" });
    } catch (error) {
      this.#failure = error.code;
    }
    this.#cancelling = false;
    this.#app.render();
  }
}

customElements.define("orders-view", OrdersView);
customElements.define("order-card", OrderCard);
