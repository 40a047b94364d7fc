import { isLive, stepOf } from "./flow.js";
import { noteAllergy, noteCancellation } from "./noted.js";

/** What an order will be when the entries of the outbox are done: only what is sure, the hub has the last word. */
export const forecast = (order, entries) =>
  entries.reduce((known, { name, args }) => RULES[name]?.(known, args) ?? known, order);

/** The lines that an entry is about; "*" is the whole order. */
export function linesOf({ name, args }) {
  if (name === "item.advance") return [args.line];
  return args.items ?? ["*"];
}

const RULES = {
  "order.advance": (order, { to, items, trip_id = order.trip_id }) => {
    if (to === "delivering" || to === "delivered") return { ...order, status: to, trip_id };
    const moves = (item) => isLive(item) && (items === undefined || items.includes(item.line));
    return withItems(order, (item) => (moves(item) && (to === "ready" || item.status === "pending") ? to : item.status));
  },
  "item.advance": (order, { line, to }) =>
    withItems(order, (item) => (item.line === line && stepOf(item) === to ? to : item.status)),
  "order.acknowledge": (order, { stations }) => noteCancellation(order, stations),
  "order.acknowledge_allergy": (order, { stations }) => noteAllergy(order, stations),
  "order.accept": (order) => ({ ...order, accepted_at: order.accepted_at ?? order.placed_at }),
  "order.rush": (order, { rush }) => ({ ...order, rush }),
};

function withItems(order, statusOf) {
  const items = order.items.map((item) => ({ ...item, status: statusOf(item) }));
  const live = items.filter(isLive);
  let { status } = order;
  if (live.length > 0 && live.every((item) => item.status === "ready")) status = "ready";
  else if (status === "received" && live.some((item) => item.status !== "pending")) status = "cooking";
  return { ...order, items, status };
}
