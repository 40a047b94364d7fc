import { h, setText } from "../../dom.js";
import { icon } from "../../icons.js";
import { awaitsAcknowledgement } from "../../core/visibility.js";
import { isLive, needsId } from "../flow.js";

/**
 * A room on the way: what goes there, what must be said at the door, and "delivered". Alcohol is handed over only after
 * the ID tick; nothing is while a cancellation in it waits to be acknowledged. @param checked ids of the orders whose guest's age was looked at
 */
export function createStop(kitchen, id, checked) {
  const { actions, orders } = kitchen;
  const tick = ({ target }) => {
    if (target.checked) checked.add(id);
    else checked.delete(id);
    kitchen.render();
  };
  const step = () => {
    const order = orders.get(id);
    if (awaitsAcknowledgement(order)) actions.acknowledge(order);
    else actions.deliver(order, checked.has(id));
  };
  return h("li", { class: "stop", data: { order: id }, tabindex: "-1" },
    h("div", { class: "stop-head" }, h("span", { class: "ticket-room" }), h("span", { class: "ticket-number" }), h("span", { class: "stop-age" })),
    h("p", { class: "block allergy slip" }, icon("warning"), h("span", {}, h("strong"), h("span", { class: "allergy-what" }), h("span", { class: "slip-dishes" }))),
    h("ul", { class: "stop-items" }),
    h("label", { class: "stop-id" }, h("input", { type: "checkbox", onchange: tick }), h("span")),
    h("div", { class: "stop-buttons" },
      h("button", { type: "button", class: "bump", "data-step": true, onclick: step }),
      h("button", { type: "button", class: "panel-button", "data-step": true, onclick: () => actions.recall(orders.told(id)) }),
      h("button", { type: "button", class: "more", onclick: () => kitchen.open("details", orders.get(id)) }, icon("more"))));
}

export function updateStop(stop, order, kitchen, checked) {
  const { i18n, names, outbox } = kitchen;
  const find = (name) => stop.querySelector(name);
  setText(find(".ticket-room"), order.room_number);
  setText(find(".ticket-number"), `#${order.order_number}`);
  const age = kitchen.age(order);
  stop.dataset.level = age.level;
  setText(find(".stop-age"), `${i18n.text(`level.${age.level}`)} ${i18n.text("minutes", { minutes: age.minutes })}`);
  const slip = find(".slip");
  slip.hidden = order.declared_allergens.length === 0;
  setText(slip.querySelector("strong"), i18n.text("allergy.slip"));
  setText(slip.querySelector(".allergy-what"), names.allergens(order.declared_allergens));
  const dishes = order.items.filter((item) => isLive(item) && item.conflicts.length > 0);
  setText(slip.querySelector(".slip-dishes"), dishes.map((item) => `${i18n.of(item, "name")}: ${names.allergens(item.conflicts)}`).join("、"));
  const items = order.items.filter(isLive).map((item) => `${item.quantity} × ${i18n.of(item, "name")}`);
  const list = find(".stop-items");
  if (list.dataset.text !== items.join("|")) {
    list.dataset.text = items.join("|");
    list.replaceChildren(...items.map((text) => h("li", {}, text)));
  }
  const id = find(".stop-id");
  id.hidden = !needsId(order);
  id.firstElementChild.checked = checked.has(order.id);
  setText(id.lastElementChild, i18n.text("runner.id", { age: kitchen.hub.store.hotel.legal_age }));
  const [deliver, back, more] = find(".stop-buttons").children;
  const waiting = outbox.of(order.id).length > 0;
  const next = awaitsAcknowledgement(order) ? "acknowledge" : "delivered";
  deliver.disabled = waiting || (next === "delivered" && needsId(order) && !checked.has(order.id));
  deliver.dataset.next = next;
  setText(deliver, i18n.text(waiting ? (kitchen.hub.live ? "sending" : "queued") : `bump.${next}`));
  setText(back, i18n.text("runner.back"));
  more.setAttribute("aria-label", i18n.text("more", { room: order.room_number }));
}
