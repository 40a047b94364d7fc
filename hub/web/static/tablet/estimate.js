const MINUTE = 60_000;
const BUSY_MINUTES = 10;

/** The calendar day at the hotel, as "2026-11-21". */
export const dayOf = (at, timeZone) => new Intl.DateTimeFormat("en-CA", { timeZone }).format(at);

/** "19:30", or "07:30 tomorrow" when it is another day than now; `words` say the time of that day otherwise. */
export function momentText({ hub, i18n }, iso, words = null) {
  const zone = hub.store.hotel.time_zone;
  const at = Date.parse(iso);
  const time = words ?? i18n.time(at, zone);
  const day = dayOf(at, zone);
  if (day === dayOf(hub.now(), zone)) return time;
  if (day === dayOf(hub.now() + 24 * 60 * MINUTE, zone)) return i18n.text("tomorrow.at", { time });
  return i18n.text("day.at", { time, day: i18n.date(at, zone) });
}

/** "19:20–19:35" of an estimate, or the wished time. */
export function windowText(app, { due, from, to }) {
  if (due) return momentText(app, due);
  const { hub, i18n } = app;
  const [first, last] = [from, to].map((each) => i18n.time(Date.parse(each), hub.store.hotel.time_zone));
  return momentText(app, from, first === last ? first : i18n.text("from.to", { from: first, to: last }));
}

/** Whether the order will be there at the wished time: one that cannot be reached any more is as soon as possible. */
export const isAsWished = ({ basket }, quote) => basket.due !== null && Date.parse(quote.estimate.to) === Date.parse(basket.due);

/** The kitchen needs clearly longer than these dishes alone would take. */
export function isBusy({ hub, basket }, quote) {
  if (!quote?.estimate || basket.due !== null) return false;
  if (quote.estimate.fire_at) return true;
  const longest = Math.max(0, ...basket.lines.map((line) => hub.store.get("menu_item", line.menu_item_id)?.preparation_minutes ?? 0));
  const usual = longest + hub.store.hotel.delivery_minutes + BUSY_MINUTES;
  return Date.parse(quote.estimate.from) - hub.now() > usual * MINUTE;
}
