/** The receipt chain of an order as the front desk reads it, and what about it is wrong. */

const OPEN = ["received", "cooking", "ready", "delivering"];
const inOrder = new Intl.Collator("en", { numeric: true });

export const isOpen = ({ status }) => OPEN.includes(status);

/** A scheduled order whose time has not come. */
export const isUpcoming = ({ status, fire_at: fireAt }, now) => status === "received" && fireAt !== null && Date.parse(fireAt) > now;

/** Nobody in the kitchen has said yes. */
export const isWaiting = ({ status, accepted_at: acceptedAt }) => status === "received" && acceptedAt === null;

/** Since when an order waits, in ms since 1970: a scheduled one from its own time on, never from before it was placed. */
export const waitsSince = ({ placed_at: placedAt, fire_at: fireAt }) =>
  Math.max(Date.parse(placedAt), fireAt === null ? -Infinity : Date.parse(fireAt));

/** `[{name, at, passed}]`: sent, on the kitchen screen, accepted. A later step implies the earlier ones. */
export function chainOf(order) {
  const begun = order.status !== "received";
  return [
    { name: "sent", at: order.placed_at, passed: true },
    { name: "shown", at: order.shown_at, passed: begun || order.shown_at !== null || order.accepted_at !== null },
    { name: "accepted", at: order.accepted_at, passed: begun || order.accepted_at !== null },
  ];
}

/**
 * What the desk has to do something about: "unseen" no kitchen screen has shown it, "paged" nobody has accepted it for so
 * long that managers were told, "lost" both; null is nothing.
 */
export function alarmOf(order) {
  if (!isWaiting(order)) return null;
  const unseen = order.shown_at === null;
  if (order.alerts.page) return unseen ? "lost" : "paged";
  return unseen && order.alerts.unseen ? "unseen" : null;
}

/** Alarms, and orders that the kitchen is reminded of. */
export const needsAttention = (order) => alarmOf(order) !== null || (isWaiting(order) && Boolean(order.alerts.chime));

/** Rooms in the order of a corridor, their orders as they came. */
export const byRoom = (orders) =>
  orders.toSorted((one, other) =>
    inOrder.compare(one.room_number, other.room_number) || one.placed_at.localeCompare(other.placed_at));

/** Alarms, the worst and then the oldest first: `[{order, alarm}]`. */
export function alarmsOf(orders) {
  const weight = { lost: 0, paged: 1, unseen: 2 };
  return orders
    .map((order) => ({ order, alarm: alarmOf(order) }))
    .filter(({ alarm }) => alarm !== null)
    .sort((one, other) => weight[one.alarm] - weight[other.alarm] || waitsSince(one.order) - waitsSince(other.order));
}

/** "0:32", "12:05", "1:02:03". */
export function elapsed(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
