/** Finding rows as somebody types. Each row is folded once, so that five hundred are compared in a moment. */

const KATAKANA = /[ァ-ヶ]/g;
const HIRAGANA_BELOW_KATAKANA = 0x60;

/** One spelling for widths, capitals and the two kana. */
export const fold = (text) =>
  text.normalize("NFKC").toLowerCase()
    .replace(KATAKANA, (each) => String.fromCharCode(each.charCodeAt(0) - HIRAGANA_BELOW_KATAKANA));

/** The rows that have every word of `query`; a row's `folded` is the folded text in which it is found. */
export function matching(rows, query) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  return words.length === 0 ? rows : rows.filter(({ folded }) => words.every((word) => folded.includes(word)));
}
