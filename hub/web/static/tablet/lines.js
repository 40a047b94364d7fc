import { isOpen } from "./hours.js";

/** Why a chosen dish cannot be ordered any more, as a text, or null. */
export function lineProblem({ hub, i18n }, item) {
  if (item === null || item.sold_out) return i18n.text("cart.gone");
  if (!isOpen(item, hub.now(), hub.store.hotel.time_zone)) return i18n.text("cart.closed");
  return null;
}
