import { beingMade } from "../core/visibility.js";
import { awaitsAllergyNote, shouts } from "./noted.js";

/** What a bump means: the one next step of an order or an item. */

const NEXT_ORDER = { received: "cooking", cooking: "ready", ready: "delivering", delivering: "delivered" };

export const isLive = (item) => item.status !== "cancelled";

/** Does somebody have to make it? What comes from a shelf is ready in one step. */
const needsCooking = (item) => item.preparation_minutes > 0;

/** The one next step of an item by itself; null when there is none. */
export function stepOf(item) {
  if (item.status === "pending") return needsCooking(item) ? "cooking" : "ready";
  return item.status === "cooking" ? "ready" : null;
}

/** No human has touched it, and the hub has begun to ring for that. */
export const isCalling = (order) =>
  order.status === "received" && order.accepted_at === null && order.alerts.chime !== undefined;

/**
 * The step that a bump of the ticket makes: "acknowledge" a cancellation, note the "allergy", or where the order goes;
 * null when there is nothing to do here. A station moves its own items alone: it begins what is cooked, and then all of
 * its own is ready at once.
 */
export function nextStep(order, lens) {
  if (shouts(order, lens)) return "acknowledge";
  if (awaitsAllergyNote(order, lens)) return "allergy";
  if (!lens.partial) {
    const atOnce = order.status === "received" && !order.items.some((item) => isLive(item) && needsCooking(item));
    return atOnce ? "ready" : (NEXT_ORDER[order.status] ?? null);
  }
  if (!beingMade(order)) return null;
  return ["cooking", "ready"].find((to) => linesToMove(order, lens, to).length > 0) ?? null;
}

/** Where a tap moves an item; null when it stays. */
export const nextOfItem = (order, item, lens) =>
  beingMade(order) && !awaitsAllergyNote(order, lens) ? stepOf(item) : null;

/** The lines that a bump of a station's ticket moves to `to`. */
export const linesToMove = (order, lens, to) =>
  lens.items(order).filter((item) => stepOf(item) === to).map((item) => item.line);

/** Items of a whole order that would be called ready though nobody has made them. */
export const unfinished = (order) => order.items.filter((item) => needsCooking(item) && stepOf(item) !== null);

/** Can it come back to this screen? */
export function mayRecall(order, lens) {
  if (["delivering", "delivered"].includes(order.status)) return true;
  if (!lens.partial) return order.status === "ready";
  return ["cooking", "ready"].includes(order.status) && lens.items(order).some((item) => item.status === "ready");
}

/** The lines that a station takes back; null is the whole order. */
export const linesToRecall = (order, lens) =>
  lens.partial && ["cooking", "ready"].includes(order.status)
    ? lens.items(order).filter((item) => item.status === "ready").map((item) => item.line)
    : null;

export const needsId = (order) => order.items.some((item) => item.age_restricted && isLive(item));
