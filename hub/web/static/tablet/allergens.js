import { chosenOf } from "./options.js";

/** The hotel's list of the day: `[{code, name_ja, name_en, mandatory}]`. */
export const listOf = ({ hub }) => hub.store.hotel.allergens.items;

export const nameOf = (app, code) => {
  const known = listOf(app).find((each) => each.code === code);
  return known ? app.i18n.of(known, "name") : code;
};

/** "えび、卵" or "Shrimp, Egg". */
export const namesOf = (app, codes) =>
  codes.map((code) => nameOf(app, code)).join(app.i18n.language === "ja" ? "、" : ", ");

/** What is in a dish with its chosen options; null, not confirmed, as soon as one part is not. */
export function contained(item, keys = []) {
  const parts = [item.allergens, ...chosenOf(item, keys).map(({ choice }) => choice.allergens)];
  return parts.includes(null) ? null : [...new Set(parts.flat())];
}

/**
 * What a guest who avoids these must know of a dish: `{contains, mayContain, unconfirmed}` of the avoided ones, or
 * null where nothing is known against it. Not confirmed is never free of anything.
 */
export function conflictOf(item, avoid, keys = []) {
  if (avoid.length === 0) return null;
  const inside = contained(item, keys);
  const known = inside ?? [...new Set([item.allergens ?? [], ...chosenOf(item, keys).map(({ choice }) => choice.allergens ?? [])].flat())];
  const contains = avoid.filter((code) => known.includes(code));
  const traces = item.may_contain ?? [];
  const mayContain = avoid.filter((code) => !contains.includes(code) && traces.includes(code));
  const unconfirmed = inside === null && contains.length < avoid.length;
  return contains.length + mayContain.length > 0 || unconfirmed ? { contains, mayContain, unconfirmed } : null;
}
