const MINUTES_A_DAY = 24 * 60;
const DAYS_AHEAD = 14;

const FORMATS = new Map();

/** One for each zone: to make it takes longer than to use it for the whole menu. */
function formatOf(timeZone) {
  if (!FORMATS.has(timeZone)) {
    const parts = { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    FORMATS.set(timeZone, new Intl.DateTimeFormat("en-GB", { timeZone, ...parts }));
  }
  return FORMATS.get(timeZone);
}

/** `{minute, weekday}` on the hotel's wall: minutes since midnight, and the ISO weekday (1 is Monday). */
export function wallClock(now, timeZone) {
  const parts = formatOf(timeZone).formatToParts(now);
  const part = (type) => parts.find((each) => each.type === type).value;
  const weekday = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].indexOf(part("weekday")) + 1;
  return { minute: Number(part("hour")) * 60 + Number(part("minute")), weekday };
}

const minutes = (time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/**
 * An item's windows from yesterday on, as `{inDays, start, lastOrder, end}` in minutes since today's midnight:
 * `[start, end)`, past midnight where the end is before the start, on the item's `days`.
 */
function* windows({ start_time, end_time, days, last_order_minutes = 0 }, weekday) {
  const length = (minutes(end_time) - minutes(start_time) + MINUTES_A_DAY) % MINUTES_A_DAY;
  for (let inDays = -1; inDays <= DAYS_AHEAD; inDays += 1) {
    if (days && !days.includes(((weekday - 1 + inDays + 7) % 7) + 1)) continue;
    const start = minutes(start_time) + inDays * MINUTES_A_DAY;
    yield { inDays, start, lastOrder: start + length - last_order_minutes, end: start + length };
  }
}

const always = (item) => !item.start_time || !item.end_time;

/** Why an item cannot be ordered at that time, "closed" or "last_order"; null when it can. The hub judges again. */
export function refusal(item, now, timeZone) {
  if (always(item)) return null;
  const { minute, weekday } = wallClock(now, timeZone);
  for (const { start, lastOrder, end } of windows(item, weekday)) {
    if (minute < start) break;
    if (minute < end) return minute < lastOrder ? null : "last_order";
  }
  return "closed";
}

export const isOpen = (item, now, timeZone) => refusal(item, now, timeZone) === null;

/** When a closed item is served again: `{inDays, weekday, time}` with "17:00" as time; null when nobody knows. */
export function nextOpening(item, now, timeZone) {
  if (always(item)) return null;
  const { minute, weekday } = wallClock(now, timeZone);
  for (const { inDays, start } of windows(item, weekday)) {
    if (start > minute) return { inDays, weekday: ((weekday - 1 + inDays) % 7) + 1, time: item.start_time.slice(0, 5) };
  }
  return null;
}

/** Minutes until no order is taken any more in the window that is open now, null outside of one. */
export function minutesLeft(item, now, timeZone) {
  if (always(item)) return null;
  const { minute, weekday } = wallClock(now, timeZone);
  for (const { start, lastOrder } of windows(item, weekday)) {
    if (start <= minute && minute < lastOrder) return lastOrder - minute;
  }
  return null;
}

/** Nobody can order it, until `sold_out_until` where that is known. */
export const isSoldOut = ({ sold_out, sold_out_until }, now) =>
  sold_out && !(sold_out_until && now >= Date.parse(sold_out_until));

/** "morning" from 5, "day" from 11, "evening" from 17, "night" from 22. */
export function partOfDay(now, timeZone) {
  const { minute } = wallClock(now, timeZone);
  if (minute < 5 * 60 || minute >= 22 * 60) return "night";
  if (minute < 11 * 60) return "morning";
  return minute < 17 * 60 ? "day" : "evening";
}

/** The dark theme, from the hotel's `night_start` to its `night_end`. */
export const isNight = ({ night_start, night_end, time_zone }, now) =>
  isOpen({ start_time: night_start, end_time: night_end }, now, time_zone);
