/** The code that a new screen shows: eight of twenty consonants in two groups, read as people type them. */

const LETTERS = "BCDFGHJKLMNPQRSTVWXZ";
const LENGTH = 8;
const GROUP = 4;

const lettersOf = (text) =>
  [...text.normalize("NFKC").toUpperCase()].filter((each) => LETTERS.includes(each)).slice(0, LENGTH).join("");

const grouped = (letters) => (letters.length > GROUP ? `${letters.slice(0, GROUP)}-${letters.slice(GROUP)}` : letters);

/** "bcdf ghjk" -> "BCDF-GHJK"; what cannot be part of a code is left out. */
export const formatCode = (text) => grouped(lettersOf(text));

export const isWhole = (text) => lettersOf(text).length === LENGTH;

/** Where the caret stands after the text was put into form: behind the same letter as before. */
export function caretAfter(text, caret) {
  return grouped(lettersOf(text.slice(0, caret))).length;
}

/** Keep an input in form while somebody types, without moving the caret to the end. */
export function keepForm(input, changed) {
  input.addEventListener("input", (event) => {
    if (event.isComposing) return;
    const caret = caretAfter(input.value, input.selectionStart ?? input.value.length);
    input.value = formatCode(input.value);
    input.setSelectionRange(caret, caret);
    changed();
  });
  input.addEventListener("compositionend", () => {
    input.value = formatCode(input.value);
    changed();
  });
}
