import { isOpen } from "./hours.js";

/** Refusals that name lines of the order. */
export const MARKING = new Set(["out_of_stock", "item_unavailable", "not_found"]);

/** What the hub's refusal says about this line of the basket, as a text, or null. */
export function refusalOf({ i18n, basket }, { code, details }, line) {
  const about = (list) => list.find((each) => each.menu_item_id === line.menu_item_id);
  if (code === "out_of_stock") {
    const short = about(details.left);
    return short ? i18n.text("out_of_stock.left", { left: short.left }) : null;
  }
  if (code === "item_unavailable") {
    const reason = about(details.unavailable)?.reason;
    return reason ? i18n.text(reason === "closed" ? "cart.closed" : "cart.gone") : null;
  }
  const index = code === "not_found" ? /^lines\[(\d+)\]/.exec(details.field)?.[1] : undefined;
  return index !== undefined && basket.lines[index] === line ? i18n.text("cart.gone") : null;
}

/** Why a chosen dish cannot be ordered any more, as a text, or null. */
export function lineProblem({ hub, i18n }, item) {
  if (item === null || item.sold_out) return i18n.text("cart.gone");
  if (!isOpen(item, hub.now(), hub.store.hotel.time_zone)) return i18n.text("cart.closed");
  return null;
}
