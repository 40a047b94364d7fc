import { h, setText } from "../../dom.js";
import { i18n, say, text } from "../words.js";
import { alarmOf, chainOf, elapsed, isWaiting, waitsSince } from "./chain.js";

const STEPS = ["unseen", "hook", "chime", "page"];

/**
 * One order: what to do now, how far it has come, all that the kitchen must know of it when somebody reads it out on the
 * phone, and what was done because nobody answered.
 */
export class OrderPanel {
  #app;
  #side;
  #todo = h("p", { class: "alert", role: "status", hidden: true });
  #chain = h("ol", { class: "chain-list" });
  #items = h("ul", { class: "order-items" });
  #wishes = h("div", { class: "order-wishes" });
  #facts = h("dl", { class: "facts" });
  #steps = h("div", { class: "steps-taken" });
  #waits = h("dd");
  #drawn = {};

  constructor(app, side) {
    this.#app = app;
    this.#side = side;
  }

  show(order) {
    if (order === null) return;
    this.#drawn = {};
    this.#side.show("service.panel", { room: order.room_number, number: order.order_number },
      this.#todo, this.#chain, text("h3", "service.items"), this.#items, this.#wishes, this.#facts, this.#steps);
    this.update(order);
  }

  /** What stands there is made anew only for another state: who reads or selects it must not lose the place. */
  update(order) {
    if (order === null) return this.#close();
    setText(this.#waits, elapsed(this.#app.orders.now() - waitsSince(order)));
    const { hotel } = this.#app.orders.store;
    if (this.#drawn.order === order && this.#drawn.hotel === hotel) return undefined;
    this.#drawn = { order, hotel };
    this.#draw(order);
    return undefined;
  }

  #close() {
    this.#drawn = {};
    for (const part of [this.#chain, this.#items, this.#wishes, this.#facts, this.#steps]) part.replaceChildren();
    this.#side.close();
  }

  #draw(order) {
    const alarm = alarmOf(order);
    this.#todo.hidden = alarm === null;
    if (alarm !== null) say(this.#todo, `alarm.${alarm}`, { number: order.order_number });
    this.#chain.replaceChildren(...chainOf(order).map(({ name, at, passed }) =>
      h("li", { data: { state: passed ? "done" : "open" } }, text("span", `chain.${name}`),
        at === null ? (passed ? null : text("span.hint", "chain.open")) : h("time", { datetime: at }, this.#time(at)))));
    this.#items.replaceChildren(...order.items.map((item) => this.#item(item)));
    this.#showWishes(order);
    this.#showFacts(order);
    const taken = STEPS.filter((step) => order.alerts[step]);
    this.#steps.replaceChildren(...(taken.length === 0 ? [] : [text("h3", "steps.title"),
      h("ul", {}, ...taken.map((step) => h("li", {}, h("time", { datetime: order.alerts[step] }, this.#time(order.alerts[step])), text("span", `steps.${step}`))))]));
  }

  #item(item) {
    const more = [
      ...item.options.map((option) => text("span", "verbatim", { text: () => i18n.of(option, "name") })),
      item.note ? h("q", {}, item.note) : null,
      item.conflicts.length > 0 ? h("strong", { class: "conflict" }, text("span", "service.conflict", { allergens: () => this.#allergens(item.conflicts) })) : null,
    ].filter(Boolean);
    return h("li", { class: item.status === "cancelled" ? "gone" : null },
      h("span", { class: "quantity" }, String(item.quantity)),
      h("span", { class: "item-words" }, text("span.item-name", "verbatim", { text: () => i18n.of(item, "name") }),
        more.length === 0 ? null : h("span", { class: "item-more" }, ...more)),
      text("span.hint", `item.${item.status}`));
  }

  #showWishes({ declared_allergens: declared, special_requests: wishes }) {
    this.#wishes.replaceChildren(...[
      declared.length > 0 ? text("p.alert", "service.allergies", { allergens: () => this.#allergens(declared) }) : null,
      wishes ? h("p", { class: "warning" }, wishes) : null,
    ].filter(Boolean));
  }

  #showFacts(order) {
    const accepted = order.status === "received" && !isWaiting(order);
    const fact = (label, value) => [text("dt", label), value];
    this.#facts.replaceChildren(
      ...fact("device.state", text("dd", `service.state.${accepted ? "accepted" : order.status}`)),
      ...(isWaiting(order) ? fact("service.waits", this.#waits) : []),
      ...(order.due_at ? fact("service.due", h("dd", {}, this.#time(order.due_at))) : []));
  }

  #allergens(codes) {
    const known = this.#app.orders.store.hotel?.allergens.items ?? [];
    return codes.map((code) => i18n.of(known.find((each) => each.code === code) ?? { name_ja: code, name_en: code }, "name")).join(i18n.text("comma"));
  }

  #time(iso) {
    return i18n.time(Date.parse(iso), this.#app.orders.store.hotel?.time_zone ?? "UTC", { seconds: true });
  }
}
