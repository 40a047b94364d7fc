import { h } from "../dom.js";
import { icon } from "../icons.js";
import { askReason, offerSoldOut } from "./dialogs.js";
import { mayRecall } from "./flow.js";
import { Panel } from "./panel.js";

/**
 * Everything about one ticket: whole notes, allergens, recall, sold out, cancel with a reason. It is built again only
 * when what it shows has changed, and the focus goes to the same button of the new one.
 */
export function detailsPanel(kitchen, opened) {
  const { hub, i18n, actions } = kitchen;
  let shown = null;
  return new Panel(kitchen, "details", `${opened.room_number} #${opened.order_number}`, (body, _, close) => {
    const order = hub.store.get("order", opened.id) ?? opened;
    const dishes = order.items.map((item) => hub.store.get("menu_item", item.menu_item_id));
    const state = JSON.stringify([order.version, i18n.language, dishes.map((dish) => dish?.sold_out)]);
    if (state === shown) return;
    shown = state;
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    const act = (work) => () => {
      close();
      work();
    };
    const mayCancel = order.status === "received" || order.status === "cooking";
    body.replaceChildren(
      order.special_requests ? h("div", { class: "ticket-request" }, icon("note"), h("span", {}, h("strong", {}, i18n.text("request")), h("span", { class: "request-text" }, order.special_requests))) : "",
      h("ul", { class: "details-items" }, order.items.map((item, n) =>
        detailsItem(kitchen, item, dishes[n], mayCancel && item.status !== "cancelled" ? act(() => cancel(kitchen, order, item)) : null))),
      order.status !== "delivered" && mayRecall(order)
        ? h("button", { type: "button", class: "panel-button wide", "data-name": "recall", onclick: act(() => actions.recall(order)) }, icon("recall"), i18n.text("recall.one"))
        : "",
      mayCancel
        ? h("button", { type: "button", class: "panel-button danger wide", "data-name": "cancel", onclick: act(() => cancel(kitchen, order)) }, i18n.text("cancel"))
        : "",
    );
    if (focused) body.querySelector(`[data-name="${focused}"]`)?.focus();
  });
}

function detailsItem({ i18n, actions }, item, dish, cancelItem) {
  const known = (code) => (i18n.has(`allergen.${code}`) ? i18n.text(`allergen.${code}`) : code);
  let allergens = i18n.text("allergens.unknown");
  if (item.allergens !== null) allergens = item.allergens.map(known).join("・") || i18n.text("allergens.none");
  const name = i18n.of(item, "name");
  const button = (action, onclick) =>
    h("button", { type: "button", class: "panel-button", "data-name": `${action}.${item.line}`, "aria-label": `${name}: ${i18n.text(action)}`, onclick }, i18n.text(action));
  return h("li", { class: item.status },
    h("span", { class: "quantity" }, String(item.quantity)),
    h("div", { class: "details-text" },
      h("p", { class: "item-name" }, name),
      item.note ? h("p", { class: "item-note" }, item.note) : "",
      h("p", { class: "details-allergens" }, `${i18n.text("allergens")}: ${allergens}`)),
    h("div", { class: "details-tools" },
      dish && !dish.sold_out ? button("sold.on", () => actions.soldOut(dish, true)) : "",
      cancelItem ? button("cancel.one", cancelItem) : ""));
}

/** Cancel the order, or one item of it; when there was none left, offer to stop selling its dishes. */
async function cancel(kitchen, order, item = null) {
  const reason = await askReason(kitchen, order, item);
  if (reason === null) return;
  kitchen.actions.cancel(order, reason, item);
  if (reason !== "sold_out") return;
  const gone = item === null ? order.items.filter((each) => each.status !== "cancelled") : [item];
  const dishes = gone.map((each) => kitchen.hub.store.get("menu_item", each.menu_item_id));
  const selling = [...new Set(dishes)].filter((dish) => dish && !dish.sold_out);
  if (selling.length > 0) await offerSoldOut(kitchen, selling);
}
