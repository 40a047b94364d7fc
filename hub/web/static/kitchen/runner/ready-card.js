import { h, reconcile, setText } from "../../dom.js";
import { icon } from "../../icons.js";
import { awaitsAcknowledgement } from "../../core/visibility.js";
import { isLive, needsId } from "../flow.js";

/** An order that stands in the pass. A tap takes it along; one that was cancelled is acknowledged instead. */
export function createReady(kitchen, id, choose) {
  const tap = () => {
    const order = kitchen.orders.get(id);
    if (kitchen.actions.guarded.has(id)) return;
    if (awaitsAcknowledgement(order)) kitchen.actions.acknowledge(order);
    else choose();
  };
  return h("li", {},
    h("button", { type: "button", class: "ready-card", data: { order: id }, onclick: tap },
      h("span", { class: "ready-check" }, icon("check")),
      h("span", { class: "ticket-room" }), h("span", { class: "ticket-number" }),
      h("span", { class: "ready-age" }),
      h("span", { class: "ready-flags" }),
      h("span", { class: "clamp ready-what" })));
}

export function updateReady(card, order, kitchen, chosen) {
  const { i18n, names, hub } = kitchen;
  const button = card.firstElementChild;
  const [, room, number, age, flags, what] = button.children;
  const cancelled = awaitsAcknowledgement(order);
  button.setAttribute("aria-pressed", String(chosen));
  button.classList.toggle("cancelled", cancelled);
  button.toggleAttribute("data-step", cancelled);
  button.dataset.level = kitchen.age(order).level;
  setText(room, order.room_number);
  setText(number, `#${order.order_number}`);
  const minutes = Math.max(0, Math.floor((hub.now() - Date.parse(order.ready_at ?? order.placed_at)) / 60_000));
  setText(age, i18n.text("runner.waits", { minutes, level: i18n.text(`level.${button.dataset.level}`) }));
  const words = [
    cancelled && ["cancelled", i18n.text("bump.acknowledge")],
    order.rush && ["rush", i18n.text("flag.rush")],
    needsId(order) && ["age", i18n.text("flag.age")],
    order.declared_allergens.length > 0 && ["declared", i18n.text("flag.declared", { words: names.allergens(order.declared_allergens) })],
  ].filter(Boolean);
  flags.hidden = words.length === 0;
  reconcile(flags, words, {
    key: ([name]) => name,
    create: ([name]) => h("span", { class: `flag ${name}` }),
    update: (element, [, text]) => setText(element, text),
  });
  setText(what, order.items.filter(isLive).map((item) => `${item.quantity} × ${i18n.of(item, "name")}`).join("、"));
}
