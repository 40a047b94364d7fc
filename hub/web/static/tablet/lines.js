import { lineKey } from "./basket.js";
import { awayText, unavailable } from "./availability.js";
import { fits } from "./options.js";

/** Refusals that name lines of the order. */
export const MARKING = new Set(["out_of_stock", "item_unavailable", "not_found", "invalid_input"]);

/** What the hub's refusal says about this line of the basket, as a text, or null. */
export function refusalOf(app, { code, details }, line) {
  const { i18n, basket, hub } = app;
  const about = (list) => list?.find((each) => each.menu_item_id === line.menu_item_id);
  if (code === "out_of_stock") {
    const short = about(details.left);
    return short ? i18n.text("out_of_stock.left", { left: short.left }) : null;
  }
  if (code === "item_unavailable") {
    const refused = about(details.unavailable);
    if (!refused) return null;
    const item = hub.store.get("menu_item", line.menu_item_id);
    return goneText(app, item, item === null ? "gone" : refused.reason, servedAt(app));
  }
  const index = /^lines\[(\d+)\]/.exec(details?.field ?? "")?.[1];
  const named = index !== undefined && basket.lines[index] !== undefined && lineKey(basket.lines[index]) === lineKey(line);
  if (!named) return null;
  return i18n.text(code === "not_found" ? "line.gone" : "line.options");
}

/** When the kitchen would begin with this basket: what counts for the hours of its dishes. */
export function servedAt({ hub, basket }) {
  if (basket.due === null) return hub.now();
  const dishes = basket.lines.map((line) => hub.store.get("menu_item", line.menu_item_id));
  const made = dishes.filter((dish) => dish !== null && dish.fulfilment !== "fridge");
  // the guest's own fridge has no kitchen and no way
  const way = made.length > 0 ? hub.store.hotel.delivery_minutes : 0;
  const lead = Math.max(0, ...made.map((dish) => dish.preparation_minutes)) + way;
  return Math.max(hub.now(), Date.parse(basket.due) - lead * 60_000);
}

/** Why a chosen dish cannot be ordered any more, as a text, or null. */
export function lineProblem(app, line, item) {
  const at = servedAt(app);
  const why = unavailable(app, item, at);
  if (why !== null) return goneText(app, item, why, at);
  return fits(item, line.options) ? null : app.i18n.text("line.options");
}

/** Only another time stands between this line and the kitchen. */
export const isEarly = (app, item) => ["closed", "last_order"].includes(unavailable(app, item, servedAt(app)));

function goneText(app, item, why, at) {
  const { i18n } = app;
  if (why === "gone" || why === "no_tax_rate") return i18n.text("line.gone");
  if (why === "sold_out") return i18n.text("line.soldout");
  return i18n.text("line.closed", { opens: awayText(app, item, why, at) });
}
