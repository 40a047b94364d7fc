import { isSoldOut, minutesLeft, nextOpening, refusal } from "./hours.js";

const SOON_MINUTES = 60;

/** Why a dish cannot be ordered at `at` (ms): "gone", "sold_out", "closed", "last_order"; null when it can. */
export function unavailable({ hub }, item, at) {
  if (item === null) return "gone";
  if (isSoldOut(item, at)) return "sold_out";
  return refusal(item, at, hub.store.hotel.time_zone);
}

/** "opens 17:00", "tomorrow from 06:30", "Saturday from 10:00"; empty when nobody knows. */
export function opening(app, item, at) {
  const { hub, i18n } = app;
  const next = nextOpening(item, at, hub.store.hotel.time_zone);
  if (next === null) return "";
  const { inDays, weekday, time } = next;
  if (inDays === 0) return i18n.text("opens.today", { time });
  if (inDays === 1) return i18n.text("opens.tomorrow", { time });
  return i18n.text("opens.weekday", { time, day: i18n.text(`weekday.${weekday}`) });
}

/** What the guest reads where "add" would stand: "Sold out", "Closed, opens 17:00". */
export function awayText(app, item, why, at) {
  const { hub, i18n } = app;
  if (why === "sold_out" || why === "gone") {
    const until = item?.sold_out_until;
    if (!until) return i18n.text("soldout");
    return i18n.text("soldout.until", { time: i18n.time(Date.parse(until), hub.store.hotel.time_zone) });
  }
  const opens = opening(app, item, at);
  return opens === "" ? i18n.text("closed") : opens;
}

/** "about 12 min"; what waits in the room's own fridge takes no time. */
export function readyText({ i18n }, { fulfilment, preparation_minutes: minutes }) {
  if (fulfilment === "fridge") return i18n.text("minutes.fridge");
  return minutes > 0 ? i18n.text("minutes", { minutes }) : i18n.text("minutes.none");
}

/** "Last order 21:15", within the hour before it; else empty. */
export function lastOrderText({ hub, i18n }, item, at) {
  const zone = hub.store.hotel.time_zone;
  const left = minutesLeft(item, at, zone);
  if (left === null || left > SOON_MINUTES) return "";
  return i18n.text("last_order.at", { time: i18n.time(at + left * 60_000, zone) });
}
