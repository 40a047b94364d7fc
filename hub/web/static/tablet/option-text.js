import { chosenOf } from "./options.js";

const separator = (i18n) => (i18n.language === "ja" ? "・" : ", ");

/** "Rare, 200 g" of the keys that were chosen. */
export const optionsText = (i18n, item, keys) =>
  chosenOf(item, keys)
    .map(({ choice }) => i18n.of(choice, "name"))
    .join(separator(i18n));

/** The same of the snapshot that an order keeps. */
export const orderedText = (i18n, options) => options.map((option) => i18n.of(option, "name")).join(separator(i18n));
