import { dayOf } from "./estimate.js";

/** `[{day, hours: [slots]}]`, without the hours in which nothing is free. */
export function daysOf({ hub, i18n }, slots) {
  const zone = hub.store.hotel.time_zone;
  const hoursOf = (own) => [...grouped(own, ({ at }) => i18n.time(Date.parse(at), zone).slice(0, 2)).values()];
  return [...grouped(slots, ({ at }) => dayOf(Date.parse(at), zone))]
    .map(([day, own]) => ({ day, hours: hoursOf(own).filter((hour) => hour.some(({ free }) => free)) }))
    .filter(({ hours }) => hours.length > 0);
}

function grouped(list, keyOf) {
  const groups = new Map();
  for (const each of list) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  return groups;
}
