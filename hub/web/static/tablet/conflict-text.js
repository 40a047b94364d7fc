import { namesOf } from "./allergens.js";

/** "Contains shrimp. May contain crab." for what `conflictOf` has found. */
export function warningText(app, { contains, mayContain, unconfirmed }) {
  const { i18n } = app;
  return [
    contains.length > 0 ? i18n.text("conflict.contains", { names: namesOf(app, contains) }) : "",
    mayContain.length > 0 ? i18n.text("conflict.may", { names: namesOf(app, mayContain) }) : "",
    unconfirmed ? i18n.text("conflict.unconfirmed") : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}
