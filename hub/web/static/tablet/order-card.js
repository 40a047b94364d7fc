import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { isActive } from "../core/visibility.js";
import { namesOf } from "./allergens.js";
import { ask } from "./dialog.js";
import { momentText } from "./estimate.js";
import { langOf } from "./words.js";
import { orderedText } from "./option-text.js";
import { call } from "./phone.js";
import { reorder } from "./reorder.js";
import { currentStep, isUnanswered, mayCancel, stepsOf } from "./steps.js";

const TOO_LATE = new Set(["already_preparing", "invalid_transition"]);

/** One order. Its buttons stay the same elements whatever happens, so that a press or the focus is never lost. */
export class OrderCard extends HTMLElement {
  #app;
  #order = null;
  #shown = null;
  #cancelling = false;
  #failure = null;
  #title = h("h2");
  #badge = h("span");
  #sum = h("span", { class: "order-sum" });
  #time = h("p", { class: "order-time" });
  #alarm = h("p", { class: "problem order-alarm", role: "alert" });
  #timeline = h("ol", { class: "timeline" });
  #lines = h("ul", { class: "order-lines" });
  #hint = h("p", { class: "hint" });
  #cancel = h("button", { type: "button", class: "quiet danger-text", onclick: () => this.#askToCancel() });
  #again = h("button", { type: "button", class: "quiet again", onclick: () => this.#reorder() }, icon("recall"), h("span"));
  #foot = h("div", { class: "order-foot" }, this.#hint, h("div", { class: "order-actions" }, this.#again, this.#cancel));

  constructor(app) {
    super();
    this.#app = app;
    this.className = "order-card";
    this.setAttribute("role", "group");
    this.append(h("header", {}, this.#title, this.#badge, this.#sum), this.#time, this.#alarm, this.#timeline, this.#lines, this.#foot);
  }

  show(order) {
    const { i18n } = this.#app;
    this.#order = order;
    const shown = `${order.version}.${i18n.language}`;
    if (this.#shown !== shown) {
      this.#shown = shown;
      this.#showOrder(order);
    }
    this.#showTime(order);
    this.#showFoot(order);
  }

  #showOrder(order) {
    const { i18n } = this.#app;
    const step = currentStep(order);
    this.dataset.order = order.id;
    this.dataset.status = order.status;
    const count = order.items.reduce((sum, item) => sum + (item.status === "cancelled" ? 0 : item.quantity), 0);
    const title = i18n.text("order", { number: order.order_number });
    this.setAttribute("aria-label", title);
    setText(this.#title, title);
    this.#badge.className = `badge ${step}`;
    setText(this.#badge, i18n.text(`step.${step}`));
    setText(this.#sum, i18n.text("order.lines", { count, total: i18n.yen(order.total_amount) }));
    this.#timeline.setAttribute("aria-label", i18n.text("timeline"));
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
    const options = orderedText(i18n, item.options ?? []);
    const told = item.conflicts?.length > 0 ? i18n.text("order.conflict", { names: namesOf(this.#app, item.conflicts) }) : "";
    return h("li", { class: gone ? "gone" : null },
      h("span", { class: "order-quantity" }, `${item.quantity} ×`),
      h("span", { class: "order-name" }, i18n.of(item, "name"),
        options === "" ? "" : h("span", { class: "line-options" }, options),
        item.note ? h("span", { class: "order-note", lang: langOf(item.note) }, item.note) : "",
        told === "" ? "" : h("span", { class: "warning" }, told)),
      gone ? h("span", { class: "gone-word" }, i18n.text("line.cancelled")) : h("span", {}, i18n.yen(item.total_price)));
  }

  /** When it shall be there, and whom to call when the kitchen does not answer. */
  #showTime(order) {
    const { i18n } = this.#app;
    const active = isActive(order);
    let text = "";
    if (active && order.due_at) text = i18n.text("order.due", { time: momentText(this.#app, order.due_at) });
    else if (active && order.estimated_delivery_at) text = i18n.text("order.estimate", { time: momentText(this.#app, order.estimated_delivery_at) });
    setText(this.#time, text);
    this.#time.hidden = text === "";
    const unanswered = isUnanswered(order);
    setText(this.#alarm, unanswered ? i18n.text("order.unanswered", { call: call(this.#app) }) : "");
    this.#alarm.hidden = !unanswered;
  }

  #showFoot(order) {
    const { i18n, hub } = this.#app;
    const open = mayCancel(order) && this.#failure === null;
    const hint = open ? "" : this.#hintOf(order);
    setText(this.#hint, hint);
    setText(this.#cancel, i18n.text(this.#cancelling ? "cancelling" : "cancel"));
    setText(this.#again.lastElementChild, i18n.text("reorder"));
    this.#cancel.disabled = this.#cancelling || !hub.live;
    this.#cancel.hidden = !open;
    this.#hint.hidden = hint === "";
    this.#again.hidden = isActive(order);
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

  /** The same once more: what is gone or costs something else is said before it stands in the basket. */
  async #reorder() {
    const { i18n, basket } = this.#app;
    const { lines, gone, changed, unsaid, over } = reorder(this.#app, this.#order);
    const name = (item) => i18n.of(item, "name");
    const said = [
      ...gone.map((item) => i18n.text("reorder.gone", { name: name(item) })),
      ...over.map((item) => i18n.text("reorder.over", { name: name(item) })),
      ...changed.map(({ item, price }) => i18n.text("reorder.price", { name: name(item), before: i18n.yen(item.unit_price), after: i18n.yen(price) })),
      ...unsaid.map((item) => i18n.text("reorder.unsaid", { name: name(item), note: item.note })),
    ];
    if (said.length > 0) {
      const some = lines.length > 0;
      const sure = await ask(i18n, {
        title: some ? "reorder.changed" : "reorder.nothing", lines: said, yes: some ? "reorder.yes" : "reorder.menu", no: "again.no",
      });
      if (!sure) return;
    }
    for (const line of lines) basket.add(line);
    this.#app.go(lines.length > 0 ? "review" : "menu");
  }
}

customElements.define("order-card", OrderCard);
