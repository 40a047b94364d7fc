const SETTLE_MS = 450;

/** A row goes from this list, and the next one comes under the finger, whose second tap is not meant for it. */
export function settling(list) {
  list.classList.add("settling");
  setTimeout(() => list.classList.remove("settling"), SETTLE_MS);
}
