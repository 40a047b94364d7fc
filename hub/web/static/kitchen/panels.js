import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { isRecallable } from "../core/visibility.js";
import { mayRecall } from "./flow.js";

const REASONS = ["sold_out", "kitchen_closed", "guest", "mistake"];

/** A panel beside the tickets. `fill` is called at once and with every change, as long as it is open. */
class Panel {
  #kitchen;
  #dialog;
  #title = h("h2");
  #body = h("div", { class: "panel-body" });
  #fill;

  constructor(kitchen, name, title, fill) {
    this.#kitchen = kitchen;
    this.#fill = fill;
    const { i18n } = kitchen;
    const close = h("button", { type: "button", class: "tool", "aria-label": i18n.text("close"), onclick: () => this.#dialog.close() }, icon("close"));
    this.#dialog = h("dialog", { class: `panel ${name}` }, h("header", {}, this.#title, close), this.#body);
    setText(this.#title, title);
    this.#dialog.addEventListener("close", () => {
      this.#dialog.remove();
      kitchen.panelClosed(this);
    });
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    document.body.append(this.#dialog);
    this.render();
    this.#dialog.showModal();
  }

  render() {
    this.#fill(this.#body, this.#kitchen, () => this.#dialog.close());
  }
}

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

/** Every dish with its switch. */
export function soldOutPanel(kitchen) {
  const { hub, i18n, actions } = kitchen;
  const search = h("input", { type: "search", placeholder: i18n.text("sold.search"), "aria-label": i18n.text("sold.search") });
  const list = h("ul", { class: "sold-list" });
  const panel = new Panel(kitchen, "sold", i18n.text("sold.title"), (body) => {
    if (!body.hasChildNodes()) body.append(search, list);
    const wanted = search.value.trim().toLowerCase();
    const matches = (item) => `${item.name_ja} ${item.name_en}`.toLowerCase().includes(wanted);
    const items = hub.store.all("menu_item").filter(matches);
    items.sort((a, b) => Number(b.sold_out) - Number(a.sold_out) || a.display_order - b.display_order);
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

/** Everything about one ticket: whole notes, allergens, recall, sold out, cancel with a reason. */
export function detailsPanel(kitchen, opened) {
  const { hub, i18n, actions } = kitchen;
  const title = `${opened.room_number} #${opened.order_number}`;
  return new Panel(kitchen, "details", title, (body, _, close) => {
    const order = hub.store.get("order", opened.id) ?? opened;
    const act = (work) => () => {
      work();
      close();
    };
    const mayCancel = order.status === "received" || order.status === "cooking";
    body.replaceChildren(
      order.special_requests ? h("div", { class: "ticket-request" }, icon("note"), h("span", {}, h("strong", {}, i18n.text("request")), h("span", { class: "request-text" }, order.special_requests))) : "",
      h("ul", { class: "details-items" }, order.items.map((item) => detailsItem(kitchen, item))),
      order.status !== "delivered" && mayRecall(order)
        ? h("button", { type: "button", class: "panel-button wide", onclick: act(() => actions.recall(order)) }, icon("recall"), i18n.text("recall.one"))
        : "",
      mayCancel
        ? h("section", { class: "details-cancel" }, h("h3", {}, i18n.text("cancel")), h("p", {}, i18n.text("cancel.why")),
            h("div", { class: "reasons" }, REASONS.map((reason) =>
              h("button", { type: "button", class: "panel-button danger", onclick: act(() => actions.cancel(order, reason)) }, i18n.text(`reason.${reason}`)))))
        : "",
    );
  });
}

function detailsItem({ i18n, hub, actions }, item) {
  const known = (code) => (i18n.has(`allergen.${code}`) ? i18n.text(`allergen.${code}`) : code);
  let allergens = i18n.text("allergens.unknown");
  if (item.allergens !== null) allergens = item.allergens.map(known).join("・") || i18n.text("allergens.none");
  const dish = hub.store.get("menu_item", item.menu_item_id);
  const sell = dish && !dish.sold_out ? h("button", { type: "button", class: "panel-button", onclick: () => actions.soldOut(dish, true) }, i18n.text("sold.on")) : "";
  return h("li", { class: item.status },
    h("span", { class: "quantity" }, String(item.quantity)),
    h("div", { class: "details-text" },
      h("p", { class: "item-name" }, i18n.of(item, "name")),
      item.note ? h("p", { class: "item-note" }, item.note) : "",
      h("p", { class: "details-allergens" }, `${i18n.text("allergens")}: ${allergens}`)),
    sell);
}

/** "Was the guest's ID checked?" Resolves with true or false. */
export function confirmId({ i18n }, order) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "ask" },
      h("form", { method: "dialog" },
        h("h2", {}, i18n.text("age.title")),
        h("p", {}, i18n.text("age.text", { room: order.room_number })),
        h("div", { class: "ask-answers" },
          h("button", { class: "panel-button", value: "no" }, i18n.text("age.no")),
          h("button", { class: "panel-button go", value: "yes" }, i18n.text("age.yes")))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
