import { h } from "../dom.js";

/** Tags by which guests look for something. */
export const WISHES = ["vegetarian", "vegan", "healthy", "kids"];

const TAGS = ["signature", ...WISHES, "spicy"];

/** The small words above a dish's name. */
export function marksOf({ i18n, hub }, item) {
  const known = TAGS.filter((tag) => item.tags.includes(tag));
  const tags = known.filter((tag) => tag !== "vegetarian" || !known.includes("vegan")); // the one implies the other
  const words = tags.map((tag) => h("span", { class: `mark ${tag}` }, i18n.text(`tag.${tag}`)));
  if (item.age_restricted) words.push(h("span", { class: "mark adults" }, i18n.text("adults", { age: hub.store.hotel.legal_age })));
  if (item.fulfilment === "fridge") words.push(h("span", { class: "mark fridge" }, i18n.text("fridge")));
  return words;
}
