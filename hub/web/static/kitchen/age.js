import { isLive } from "./flow.js";
import { begins } from "./lens.js";

const MINUTE = 60_000;
const LEAST_MINUTES = 5;

/** Minutes that the slowest of the items takes. */
function targetMinutes(items) {
  const live = items.filter(isLive);
  return Math.max(LEAST_MINUTES, ...live.map((item) => item.preparation_minutes));
}

/**
 * `{minutes, level}` of a ticket at the hub's time `now` (ms): whole minutes since the kitchen could begin, never
 * started anew, also not by a recall; level "ok", "soon" or "late" when that many percent of the time that its items
 * need are over, and later also of the time that the way needs.
 */
export function ageOf(order, now, { lens, thresholds, deliveryMinutes }) {
  const elapsed = Math.max(0, now - begins(order));
  const cooked = order.status === "ready" || order.status === "delivering";
  const due = (targetMinutes(lens.items(order)) + (cooked ? deliveryMinutes : 0)) * MINUTE;
  const percent = (elapsed / due) * 100;
  const level = percent >= thresholds.late ? "late" : percent >= thresholds.soon ? "soon" : "ok";
  return { minutes: Math.floor(elapsed / MINUTE), level };
}
