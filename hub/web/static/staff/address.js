/** What the address of the page carries. A code never stays in it: not in the history, not in a screenshot. */

const CODES = ["reset", "verify", "pair"];

/** `{name: "reset" | "verify" | "pair", code}` from the fragment, which is removed at once; null without one. */
export function takeCode(location, history) {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const name = CODES.find((each) => fragment.get(each));
  if (name === undefined) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return { name, code: fragment.get(name) };
}

/** Keeps the language in the address (`?lang=en`), for a Translator: nothing is stored in this browser. */
export class AddressStorage {
  #location;
  #history;

  constructor(location, history) {
    this.#location = location;
    this.#history = history;
  }

  getItem(key) {
    return new URLSearchParams(this.#location.search).get(key);
  }

  setItem(key, value) {
    const query = new URLSearchParams(this.#location.search);
    query.set(key, value);
    this.#history.replaceState(null, "", `${this.#location.pathname}?${query}${this.#location.hash}`);
  }
}
