import { h } from "../dom.js";
import { COMMON, LANGUAGES, Translator } from "../i18n.js";
import { AddressStorage } from "./address.js";
import { STAFF } from "./strings.js";

const preferred = navigator.languages.map((each) => each.slice(0, 2)).find((each) => LANGUAGES.includes(each));

export const i18n = new Translator({
  catalogues: [COMMON, STAFF],
  storage: new AddressStorage(location, history),
  key: "lang",
  fallback: preferred ?? "ja",
});

// What every element says, so that the language changes in place and nothing that was typed is lost.
const said = new WeakMap();
const MARK = "data-say";

function utter(element, target, key, values) {
  const now = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === "function" ? value() : value]),
  );
  const text = i18n.text(key, now);
  if (target === "text") {
    if (element.textContent !== text) element.textContent = text;
  } else {
    element.setAttribute(target, text);
  }
}

/** Let `element` say a text, or carry it in an attribute; values may be functions, for dates. */
export function say(element, key, values = {}, target = "text") {
  const all = said.get(element) ?? new Map();
  said.set(element, all.set(target, [key, values]));
  element.setAttribute(MARK, "");
  utter(element, target, key, values);
  return element;
}

export function silence(element) {
  said.delete(element);
  element.removeAttribute(MARK);
  if (element.textContent !== "") element.textContent = "";
}

/** An element with a text; `tag` may be followed by classes, as in "p.hint". */
export function text(tag, key, values) {
  const [name, ...classes] = tag.split(".");
  return say(h(name, { class: classes.join(" ") || null }), key, values);
}

i18n.addEventListener("change", () => {
  for (const element of document.querySelectorAll(`[${MARK}]`))
    for (const [target, [key, values]] of said.get(element) ?? []) utter(element, target, key, values);
});

const locale = () => (i18n.language === "ja" ? "ja-JP" : "en-GB");
let zone; // the browser's own as long as nobody knows the hotel's

/** Hours are those of the clock on the hotel's wall; undefined when the hotel is not known. */
export const keepHoursOf = (timeZone) => (zone = timeZone);

/** "14:05" of today, "21 Nov 14:05" of another day. */
export function moment(iso) {
  const at = new Date(iso);
  const day = (one) => new Intl.DateTimeFormat("en-GB", { dateStyle: "short", timeZone: zone }).format(one);
  const date = day(at) === day(new Date()) ? {} : { day: "numeric", month: i18n.language === "ja" ? "numeric" : "short" };
  return new Intl.DateTimeFormat(locale(), { ...date, hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone }).format(at);
}

/** "22 Nov 2026" or "2026年11月22日" of "2026-11-22", wherever this machine stands. */
export function calendarDay(day) {
  const parts = { year: "numeric", month: i18n.language === "ja" ? "long" : "short", day: "numeric", timeZone: "UTC" };
  return new Intl.DateTimeFormat(locale(), parts).format(new Date(`${day}T00:00:00Z`));
}
