import { awaitsAcknowledgement, beingMade } from "../core/visibility.js";

/**
 * Who has noted a cancellation or an allergy. Each station does for itself: the grill has not seen what the bar has
 * noted. A screen that sees whole orders notes for everybody.
 */

const isGone = (item) => item.status === "cancelled";

const stationsOf = (items) => [...new Set(items.map((item) => item.station))];

/** The stations that make less than was ordered: all of a cancelled order. */
const losing = (order) => stationsOf(order.status === "cancelled" ? order.items : order.items.filter(isGone));

/** The stations that make what the guest has declared. */
const risking = (order) => stationsOf(order.items.filter((item) => !isGone(item) && item.conflicts.length > 0));

/** The stations that have not noted a cancellation. */
export const unnotedCancellation = (order) =>
  awaitsAcknowledgement(order) ? losing(order).filter((key) => !order.cancel_acked_stations.includes(key)) : [];

/** The stations that have not noted an allergy. */
export const unnotedAllergy = (order) =>
  beingMade(order) && order.allergy_acked_at === null ? risking(order).filter((key) => !order.allergy_acked_stations.includes(key)) : [];

/** Those of these stations that are the screen's; all of them where it sees whole orders. */
export const ownOf = (stations, lens) => stations.filter((key) => !lens.partial || lens.stations.has(key));

/** Something was cancelled, and this screen has not noted it. */
export const shouts = (order, lens) =>
  lens.partial ? ownOf(unnotedCancellation(order), lens).length > 0 : awaitsAcknowledgement(order);

/** Something in it was declared as an allergy, and this screen has not noted that. */
export const awaitsAllergyNote = (order, lens) => ownOf(unnotedAllergy(order), lens).length > 0;

/** The order when these stations have noted a cancellation, as the hub does it; without stations, everybody has. */
export const noteCancellation = (order, stations) => note(order, "cancel", losing(order), stations);

/** The same of an allergy, which is a touch by a human too. */
export const noteAllergy = (order, stations) =>
  note({ ...order, accepted_at: order.accepted_at ?? order.placed_at }, "allergy", risking(order), stations);

function note(order, what, concerned, stations) {
  const [at, by] = [`${what}_acked_at`, `${what}_acked_stations`];
  if (order[at] !== null) return order;
  if (stations === undefined) return { ...order, [at]: order.placed_at };
  const noted = [...order[by], ...concerned.filter((key) => stations.includes(key) && !order[by].includes(key))];
  return { ...order, [by]: noted, [at]: concerned.every((key) => noted.includes(key)) ? order.placed_at : null };
}
