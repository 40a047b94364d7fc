/** What a bump means: the one next step of an order or an item. */

const NEXT_ORDER = { received: "cooking", cooking: "ready", ready: "delivering", delivering: "delivered" };
const NEXT_ITEM = { pending: "cooking", cooking: "ready" };

export const nextOfOrder = (order) => NEXT_ORDER[order.status] ?? null;

export const nextOfItem = (order, item) =>
  order.status === "received" || order.status === "cooking" ? (NEXT_ITEM[item.status] ?? null) : null;

export const mayRecall = (order) => ["ready", "delivering", "delivered"].includes(order.status);

export const needsId = (order) =>
  order.items.some((item) => item.age_restricted && item.status !== "cancelled");
