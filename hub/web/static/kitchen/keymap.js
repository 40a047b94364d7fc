/** Which key does what. A bump bar on USB is a keyboard; what its keys send can be taught to every action. */

const SELECT = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`select_${n + 1}`, String((n + 1) % 10)]));

export const DEFAULT_KEYS = Object.freeze({
  bump: "Enter",
  undo: "u",
  recall: "r",
  ...SELECT,
  left: "ArrowLeft",
  right: "ArrowRight",
  up: "ArrowUp",
  down: "ArrowDown",
  next_page: "PageDown",
  previous_page: "PageUp",
  details: "d",
  all_day: "a",
  search: "/",
  sold_out: "s",
  print: "p",
  help: "?",
});

export const ACTIONS = Object.freeze(Object.keys(DEFAULT_KEYS));

/** A letter is the same with and without the shift key. */
export const keyOf = ({ key }) => (key.length === 1 ? key.toLowerCase() : key);

export const actionOf = (keys, key) => ACTIONS.find((action) => keys[action] === key) ?? null;

/** The keys with `key` given to `action`; whatever had it gets the key that `action` had. */
export function assign(keys, action, key) {
  const other = actionOf(keys, key);
  const next = { ...keys, [action]: key };
  if (other !== null && other !== action) next[other] = keys[action];
  return next;
}

/** Only what differs from the usual keys is kept. */
export const changedKeys = (keys) =>
  Object.fromEntries(ACTIONS.filter((action) => keys[action] !== DEFAULT_KEYS[action]).map((action) => [action, keys[action]]));
