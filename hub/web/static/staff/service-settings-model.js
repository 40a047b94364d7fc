/** What the form of the service shows of a hotel's settings, and what of it has to be sent. Pure. */

const USUAL_PORTIONS = 3;
const LONGEST_KEY = 40;
// What each is when a hotel says nothing.
const USUAL = {
  service_charge_bp: 0, delivery_minutes: 10, night_start: "22:00", night_end: "07:00", idle_seconds: 90,
  throttle_interval_minutes: 15, throttle_orders: null, throttle_minutes: null, legal_age: 20, recall_minutes: 30,
  undo_seconds: 10, phone: null,
};
const TEXTS = ["night_start", "night_end", "phone"];

const differ = (one, other) => JSON.stringify(one) !== JSON.stringify(other);
const orUsual = (value) => (Object.keys(value).length > 0 ? value : null);
const labelOf = ({ key, name_ja, name_en }) => ({ key, name_ja, name_en });
const capacityOf = (stations) => Object.fromEntries(stations.filter(({ portions }) => portions !== USUAL_PORTIONS).map(({ key, portions }) => [key, portions]));

/** The texts of the fields, by name; the charge in percent. */
export function shown(settings) {
  const values = Object.entries(USUAL).map(([name, usual]) => [name, settings[name] ?? usual ?? ""]);
  const { service_charge_bp: charge, ...rest } = Object.fromEntries(values);
  return { service_charge: charge / 100, locale: settings.locale, ...rest };
}

/** The stations, each with the portions that it makes at once. */
export function stationsOf({ stations, station_capacity: capacity }) {
  return (stations ?? []).map((station) => ({ ...labelOf(station), portions: capacity?.[station.key] ?? USUAL_PORTIONS }));
}

/** The headings of the menu. */
export const headingsOf = ({ categories }) => (categories ?? []).map(labelOf);

/**
 * What differs from `settings`, so that nobody else's change is undone; what is as usual is null.
 *
 * @param typed the texts of the fields, as in `shown`
 * @param lists `{stations, headings, roles}`: as in `stationsOf` and `headingsOf`, and those that need a second factor
 */
export function changes(settings, typed, { stations, headings, roles }) {
  const { service_charge: percent, locale, ...rest } = typed;
  const values = { service_charge_bp: Math.round(Number(percent) * 100) };
  for (const [name, text] of Object.entries(rest)) values[name] = text === "" ? null : TEXTS.includes(name) ? text : Number(text);
  const wanted = {};
  if (locale !== settings.locale) wanted.locale = locale;
  if (differ(roles.toSorted(), settings.totp_roles.toSorted())) wanted.totp_roles = roles;
  for (const [name, value] of Object.entries(values)) {
    if (value !== (settings[name] ?? USUAL[name])) wanted[name] = value === USUAL[name] ? null : value;
  }
  const before = stationsOf(settings);
  if (differ(stations.map(labelOf), before.map(labelOf))) wanted.stations = orUsual(stations.map(labelOf));
  if (differ(Object.entries(capacityOf(stations)).sort(), Object.entries(capacityOf(before)).sort())) wanted.station_capacity = orUsual(capacityOf(stations));
  if (differ(headings.map(labelOf), headingsOf(settings))) wanted.categories = orUsual(headings.map(labelOf));
  return wanted;
}

/** The key of a new station or heading: its English name in small letters, `usual` where that has none, with a number where it is taken. */
export function keyFor(name, taken, usual) {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^[^a-z]+|_+$/g, "") || usual;
  for (let number = 1; ; number += 1) {
    const end = number === 1 ? "" : `_${number}`;
    const key = plain.slice(0, LONGEST_KEY - end.length) + end;
    if (!taken.includes(key)) return key;
  }
}
