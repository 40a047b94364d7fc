import { h, reconcile, setText } from "../../dom.js";
import { icon } from "../../icons.js";
import { isActive, isRecallable } from "../../core/visibility.js";
import { mayRecall } from "../flow.js";
import { Panel } from "./panel.js";

const SETTLE_MS = 400;

/**
 * Tickets that can come back: who did the last step with them, and when; newest first. Who and when comes with the hub's
 * answer; nothing can be tapped before, or for a moment at most, and then every row keeps its place: a tap must not hit
 * another. What comes later stands behind.
 */
export function recallPanel(kitchen) {
  const { hub, i18n } = kitchen;
  const minutes = hub.store.hotel.recall_minutes;
  const list = h("ul", { class: "recall-list" });
  const none = h("p", { class: "panel-none" }, i18n.text("recall.none"));
  const people = new Map();
  const places = new Map();
  const place = ({ id }) => places.get(id) ?? places.set(id, places.size).size - 1;
  let asked = null;
  let panel = null;
  const when = (order) => Date.parse(people.get(order.id)?.at ?? order.finished_at ?? order.ready_at ?? order.placed_at);

  /** Who did what is asked for whenever something has changed. */
  async function ask(orders) {
    const state = orders.map(({ id, version }) => `${id}.${version}`).sort().join();
    if (state === asked || !hub.live) return;
    asked = state;
    try {
      const { orders: recent } = await hub.command("order.recent", {});
      for (const { order, by, at } of recent) people.set(order.id, { by, at });
    } catch {
      return; // the list stands without names
    }
    list.inert = false;
    panel.render();
  }

  function settle() {
    if (!list.inert) return;
    list.inert = false;
    panel.render();
  }

  list.inert = hub.live;
  setTimeout(settle, SETTLE_MS);
  panel = new Panel(kitchen, "recall", i18n.text("recall.title", { minutes }), (body, _, close) => {
    if (!body.hasChildNodes()) body.append(none, list);
    const orders = hub.store.all("order")
      .filter((order) => mayRecall(order, kitchen.lens) && (isActive(order) || isRecallable(order, hub.now(), minutes)))
      .sort((a, b) => when(b) - when(a));
    if (!list.inert) {
      orders.forEach(place);
      orders.sort((a, b) => place(a) - place(b));
    }
    none.hidden = orders.length > 0;
    reconcile(list, orders, {
      key: (order) => order.id,
      create: (order) => recallRow(kitchen, order.id, close),
      update: (row, order) => update(row, order, people.get(order.id)?.by, kitchen, when(order)),
    });
    ask(orders);
  });
  return panel;
}

function update(row, order, by, { hub, i18n, lens }, at) {
  const find = (name) => row.querySelector(`.${name}`);
  setText(find("ticket-room"), order.room_number);
  setText(find("ticket-number"), `#${order.order_number}`);
  const step = i18n.text(`step.${order.status}`);
  const time = i18n.time(at, hub.store.hotel.time_zone);
  setText(find("recall-when"), by ? i18n.text("recall.by", { step, time, name: by }) : i18n.text("recall.at", { step, time }));
  setText(find("recall-what"), lens.items(order).map((item) => `${item.quantity} × ${i18n.of(item, "name")}`).join("　"));
}

function recallRow(kitchen, id, close) {
  const recall = () => {
    kitchen.actions.recall(kitchen.orders.told(id));
    close();
  };
  return h("li", {},
    h("div", { class: "recall-text" },
      h("p", { class: "recall-head" }, h("span", { class: "ticket-room" }), h("span", { class: "ticket-number" }), h("span", { class: "recall-when" })),
      h("p", { class: "clamp recall-what" })),
    h("button", { type: "button", class: "panel-button", onclick: recall }, icon("recall"), kitchen.i18n.text("recall.one")));
}
