import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { isRecallable } from "../core/visibility.js";
import { mayRecall } from "./flow.js";
import { Panel } from "./panel.js";

/** Tickets that can come back: ready, on the way, or delivered inside the recall window; newest first. */
export function recallPanel(kitchen) {
  const { hub, i18n } = kitchen;
  const title = i18n.text("recall.title", { minutes: hub.store.hotel?.recall_minutes ?? 30 });
  const list = h("ul", { class: "recall-list" });
  const none = h("p", { class: "panel-none" }, i18n.text("recall.none"));
  const touched = (order) => Date.parse(order.finished_at ?? order.ready_at ?? order.placed_at);
  return new Panel(kitchen, "recall", title, (body, _, close) => {
    if (!body.hasChildNodes()) body.append(none, list);
    const { recall_minutes: minutes, time_zone: zone } = hub.store.hotel;
    const orders = hub.store
      .all("order")
      .filter((order) => mayRecall(order) && (order.status !== "delivered" || isRecallable(order, hub.now(), minutes)))
      .sort((a, b) => touched(b) - touched(a));
    none.hidden = orders.length > 0;
    reconcile(list, orders, {
      key: (order) => order.id,
      create: (order) => recallRow(kitchen, order.id, close),
      update: (row, order) => {
        setText(row.querySelector(".ticket-room"), order.room_number);
        setText(row.querySelector(".ticket-number"), `#${order.order_number}`);
        const values = { step: i18n.text(`count.${order.status === "delivered" ? "ready" : order.status}`), time: i18n.time(touched(order), zone) };
        if (order.status === "delivered") values.step = i18n.text("done.delivered");
        setText(row.querySelector(".recall-when"), i18n.text("recall.at", values));
        setText(row.querySelector(".recall-what"), order.items.map((item) => `${item.quantity} × ${i18n.of(item, "name")}`).join("　"));
      },
    });
  });
}

function recallRow(kitchen, id, close) {
  const recall = () => {
    kitchen.actions.recall(kitchen.hub.store.get("order", id));
    close();
  };
  return h("li", {},
    h("div", { class: "recall-text" },
      h("p", {}, h("span", { class: "ticket-room" }), " ", h("span", { class: "ticket-number" }), " ", h("span", { class: "recall-when" })),
      h("p", { class: "recall-what" })),
    h("button", { type: "button", class: "panel-button", onclick: recall }, icon("recall"), kitchen.i18n.text("recall.one")));
}

/** Every dish with its switch. A dish keeps its place while the panel is open: a second tap must not hit another. */
export function soldOutPanel(kitchen) {
  const { hub, i18n, actions } = kitchen;
  const search = h("input", { type: "search", placeholder: i18n.text("sold.search"), "aria-label": i18n.text("sold.search") });
  const list = h("ul", { class: "sold-list" });
  const places = new Map();
  const place = ({ id }) => places.get(id) ?? places.set(id, places.size).size - 1;
  const panel = new Panel(kitchen, "sold", i18n.text("sold.title"), (body) => {
    if (!body.hasChildNodes()) body.append(search, list);
    const wanted = search.value.trim().toLowerCase();
    const matches = (item) => `${item.name_ja} ${item.name_en}`.toLowerCase().includes(wanted);
    const dishes = hub.store.all("menu_item");
    dishes.sort((a, b) => Number(b.sold_out) - Number(a.sold_out) || a.display_order - b.display_order).forEach(place);
    const items = dishes.filter(matches).sort((a, b) => place(a) - place(b));
    reconcile(list, items, {
      key: (item) => item.id,
      create: ({ id }) => {
        const flip = () => {
          const item = hub.store.get("menu_item", id);
          actions.soldOut(item, !item.sold_out);
        };
        return h("li", {}, h("span", { class: "sold-name" }), h("button", { type: "button", class: "panel-button", onclick: flip }));
      },
      update: (row, item) => {
        row.classList.toggle("is-sold", item.sold_out);
        setText(row.firstElementChild, i18n.of(item, "name"));
        const button = row.lastElementChild;
        setText(button, i18n.text(item.sold_out ? "sold.off" : "sold.on"));
        button.disabled = actions.pending.has(`menu:${item.id}`);
      },
    });
  });
  search.addEventListener("input", () => panel.render());
  return panel;
}
