const MINUTES_A_DAY = 24 * 60;

/** Minutes since midnight in the hotel's time zone. */
export function minuteOfDay(now, timeZone) {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).formatToParts(now);
  const part = (type) => Number(parts.find((each) => each.type === type).value);
  return part("hour") * 60 + part("minute");
}

const minutes = (time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/** Is the item sold at this time? `[start, end)`; a window that ends before it starts runs past midnight. */
export function isOpen({ start_time, end_time }, now, timeZone) {
  if (start_time === null || end_time === null) return true;
  const start = minutes(start_time);
  const length = (minutes(end_time) - start + MINUTES_A_DAY) % MINUTES_A_DAY;
  return (minuteOfDay(now, timeZone) - start + MINUTES_A_DAY) % MINUTES_A_DAY < length;
}

/** "morning" from 5, "day" from 11, "evening" from 17, "night" from 22. */
export function partOfDay(now, timeZone) {
  const minute = minuteOfDay(now, timeZone);
  if (minute < 5 * 60 || minute >= 22 * 60) return "night";
  if (minute < 11 * 60) return "morning";
  return minute < 17 * 60 ? "day" : "evening";
}

/** The dark theme, 22:00 to 07:00. */
export const isNight = (now, timeZone) => isOpen({ start_time: "22:00", end_time: "07:00" }, now, timeZone);
