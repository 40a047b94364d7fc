const MINUTE = 60_000;
const USUAL_MINUTES = 15;
const DELIVERY_MINUTES = 10;
const SOON = 0.7;

/** Minutes an order may take until it is cooked: its slowest dish. */
function targetMinutes(order) {
  const live = order.items.filter((item) => item.status !== "cancelled");
  return Math.max(5, ...live.map((item) => item.preparation_minutes ?? USUAL_MINUTES));
}

/**
 * `{minutes, level}` of a ticket at the hub's time `now` (ms): whole minutes since it was placed, never restarted,
 * also not by a recall; level "ok", "soon" or "late" against what its dishes need, and later what the way needs.
 */
export function ageOf(order, now) {
  const elapsed = Math.max(0, now - Date.parse(order.placed_at));
  const cooked = order.status === "ready" || order.status === "delivering";
  const due = (targetMinutes(order) + (cooked ? DELIVERY_MINUTES : 0)) * MINUTE;
  const level = elapsed >= due ? "late" : elapsed >= due * SOON ? "soon" : "ok";
  return { minutes: Math.floor(elapsed / MINUTE), level };
}
