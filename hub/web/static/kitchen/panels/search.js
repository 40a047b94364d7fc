import { h, reconcile, setText } from "../../dom.js";
import { findOrders } from "../search.js";
import { Panel } from "./panel.js";

/** Where is the order of room 1203? Open, scheduled and just delivered ones; Enter goes to the first. */
export function searchPanel(kitchen) {
  const { i18n, orders } = kitchen;
  const label = i18n.text("search.what");
  const field = h("input", { type: "search", class: "panel-search", placeholder: label, "aria-label": label, enterkeyhint: "go", autofocus: true });
  const count = h("p", { class: "panel-none", role: "status" });
  const list = h("ul", { class: "search-list" });
  const found = () => findOrders(orders.all(), field.value);
  const go = (order, close) => {
    close();
    kitchen.find(order);
  };
  const panel = new Panel(kitchen, "search", i18n.text("search"), (body, _, close) => {
    if (!body.hasChildNodes()) {
      body.append(field, count, list);
      field.addEventListener("keydown", (event) => {
        const [first] = found();
        if (event.key !== "Enter" || event.isComposing || !first) return;
        event.preventDefault(); // or it would press what has the focus in the panel that comes
        go(first, close);
      });
    }
    const results = found();
    setText(count, field.value.trim() === "" ? "" : i18n.text("search.count", { count: results.length }));
    reconcile(list, results, {
      key: ({ id }) => id,
      create: ({ id }) => h("li", {}, h("button", { type: "button", class: "search-hit", onclick: () => go(orders.get(id), close) },
        h("span", { class: "ticket-room" }), h("span", { class: "ticket-number" }), h("span", { class: "search-step" }), h("span", { class: "clamp search-what" }))),
      update: (row, order) => {
        const [room, number, step, what] = row.firstElementChild.children;
        setText(room, order.room_number);
        setText(number, `#${order.order_number}`);
        setText(step, i18n.text("search.step", { step: i18n.text(`step.${order.status}`), minutes: kitchen.age(order).minutes }));
        setText(what, order.items.map((item) => `${item.quantity} × ${i18n.of(item, "name")}`).join("　"));
      },
    });
  });
  field.addEventListener("input", () => panel.render());
  return panel;
}
