import { h } from "../../dom.js";
import { icon } from "../../icons.js";
import { begins, isUpcoming } from "../lens.js";
import { isLive, mayRecall } from "../flow.js";
import { unnotedAllergy, unnotedCancellation } from "../noted.js";
import { askReason, offerSoldOut } from "./dialogs.js";
import { Panel } from "./panel.js";

/**
 * Everything about one ticket: whole notes, allergens, rush, print, recall, sold out, cancel with a reason. It is built
 * again only when what it shows has changed, and the focus goes to the same button of the new one.
 */
export function detailsPanel(kitchen, opened) {
  const { hub, i18n, orders } = kitchen;
  let shown = null;
  return new Panel(kitchen, "details", `${opened.room_number} #${opened.order_number}`, (body, _, close) => {
    const order = orders.get(opened.id) ?? opened;
    const dishes = order.items.map((item) => hub.store.get("menu_item", item.menu_item_id));
    const upcoming = isUpcoming(order, hub.now());
    const state = JSON.stringify([order, i18n.language, upcoming, kitchen.tabletSilent(order), dishes.map((dish) => dish?.sold_out)]);
    if (state === shown) return;
    shown = state;
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    body.replaceChildren(...content(kitchen, order, dishes, close));
    if (focused) body.querySelector(`[data-name="${focused}"]`)?.focus();
  });
}

function content(kitchen, order, dishes, close) {
  const { i18n, actions, hub, names, lens } = kitchen;
  const act = (work) => () => {
    close();
    work();
  };
  const zone = hub.store.hotel?.time_zone;
  const mayCancel = order.status === "received" || order.status === "cooking";
  const open = mayCancel || order.status === "ready";
  const unnoted = [...new Set([...unnotedCancellation(order), ...unnotedAllergy(order)])];
  const facts = [
    i18n.text("fact.placed", { time: i18n.time(Date.parse(order.placed_at), zone) }),
    order.fire_at && i18n.text("fact.fires", { time: i18n.time(begins(order), zone) }),
    order.due_at && i18n.text("fact.due", { time: i18n.time(Date.parse(order.due_at), zone) }),
    i18n.text(`fact.${order.channel}`),
    unnoted.length > 0 && i18n.text("fact.unnoted", { stations: unnoted.map((key) => names.station(key)).join(i18n.text("join")) }),
    kitchen.tabletSilent(order) && i18n.text("tablet.silent", { room: order.room_number }),
  ].filter(Boolean);
  const wide = (name, text, work, kind = "") =>
    h("button", { type: "button", class: `panel-button wide ${kind}`, "data-name": name, onclick: act(work) }, text);
  return [
    h("p", { class: "details-facts" }, facts.join("　")),
    order.declared_allergens.length > 0 &&
      h("p", { class: "block allergy declared" }, icon("warning"), h("span", {}, h("strong", {}, i18n.text("allergy.declared")), names.allergens(order.declared_allergens))),
    order.special_requests &&
      h("p", { class: "block request" }, icon("note"), h("span", {}, h("strong", {}, i18n.text("request")), h("span", { class: "request-text" }, order.special_requests))),
    h("ul", { class: "details-items" }, order.items.map((item, n) =>
      detailsItem(kitchen, item, dishes[n], mayCancel && isLive(item) ? act(() => cancel(kitchen, order, item)) : null))),
    h("div", { class: "details-actions" },
      isUpcoming(order, hub.now()) && wide("fire", i18n.text("fire.now"), () => actions.fire(order), "go"),
      open && wide("rush", i18n.text(order.rush ? "rush.off" : "rush.on"), () => actions.rush(order, !order.rush)),
      wide("print", i18n.text("print"), () => kitchen.print(order)),
      mayRecall(order, lens) && wide("recall", i18n.text("recall.one"), () => actions.recall(kitchen.orders.told(order.id) ?? order)),
      mayCancel && wide("cancel", i18n.text("cancel"), () => cancel(kitchen, order), "danger")),
  ].filter(Boolean);
}

function detailsItem(kitchen, item, dish, cancelItem) {
  const { i18n, names } = kitchen;
  let allergens = i18n.text("allergens.unknown");
  if (item.allergens !== null) allergens = names.allergens(item.allergens) || i18n.text("allergens.none");
  const name = i18n.of(item, "name");
  const button = (action, onclick) =>
    h("button", { type: "button", class: "panel-button", "data-name": `${action}.${item.line}`, "aria-label": `${name}: ${i18n.text(action)}`, onclick }, i18n.text(action));
  const options = item.options.map((option) => `${i18n.of(option, "group")}: ${i18n.of(option, "name")}`).join("　");
  return h("li", { class: item.status },
    h("span", { class: "quantity" }, String(item.quantity)),
    h("div", { class: "details-text" },
      h("p", { class: "item-name" }, name),
      options && h("p", { class: "details-options" }, options),
      item.note && h("p", { class: "item-note" }, item.note),
      h("p", { class: "details-allergens" }, `${names.station(item.station)}　${i18n.text("allergens")}: ${allergens}`)),
    h("div", { class: "details-tools" },
      dish && !dish.sold_out && button("sold.on", () => kitchen.askSoldOut(dish)),
      cancelItem && button("cancel.one", cancelItem)));
}

/** Cancel the order, or one item of it; when there was none left, offer to stop selling its dishes. */
async function cancel(kitchen, order, item = null) {
  const reason = await askReason(kitchen, order, item);
  if (reason === null) return;
  kitchen.actions.cancel(order, reason, item);
  if (reason !== "sold_out") return;
  const gone = item === null ? order.items.filter(isLive) : [item];
  const dishes = gone.map((each) => kitchen.hub.store.get("menu_item", each.menu_item_id));
  const selling = [...new Set(dishes)].filter((dish) => dish && !dish.sold_out);
  if (selling.length > 0) await offerSoldOut(kitchen, selling);
}
