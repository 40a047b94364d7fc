/** Which orders a screen shows, by the hub's time: the same rules by which the hub filters its snapshots. */

const MINUTE = 60_000;
const ROOM_MINUTES = 24 * 60;
const ACTIVE = new Set(["received", "cooking", "ready", "delivering"]);

export const isActive = (order) => ACTIVE.has(order.status);

/** In the kitchen's hands: not all of it is ready. */
export const beingMade = (order) => order.status === "received" || order.status === "cooking";

const within = (time, now, minutes) => time !== null && now - Date.parse(time) <= minutes * MINUTE;

/** Something of the order was cancelled, and not all whom it concerns have acknowledged it yet. */
export const awaitsAcknowledgement = (order) =>
  order.cancel_acked_at === null &&
  (order.status === "cancelled" || order.items.some((item) => item.status === "cancelled"));

/** On the grid: work to do, or a cancellation that somebody has to acknowledge. Never hidden by age. */
export const onGrid = (order) =>
  isActive(order) || (order.status === "cancelled" && order.cancel_acked_at === null);

/** In the recall list: delivered inside the recall window. */
export const isRecallable = (order, now, recallMinutes) =>
  order.status === "delivered" && within(order.finished_at, now, recallMinutes);

export const onKitchenScreen = (order, now, recallMinutes) =>
  onGrid(order) || isRecallable(order, now, recallMinutes);

/** In the room: active orders of the stay, and those finished within 24 hours. */
export const inRoom = (order, now) =>
  isActive(order) || within(order.finished_at ?? order.cancelled_at, now, ROOM_MINUTES);
