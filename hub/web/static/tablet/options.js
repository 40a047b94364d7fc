/** A choice as the hub knows it. */
export const keyOf = (group, choice) => `${group.key}:${choice.key}`;

/** `[{group, choice}]` of the keys, in the menu's order. */
export const chosenOf = (item, keys) =>
  (item.options ?? []).flatMap((group) =>
    group.choices.filter((choice) => keys.includes(keyOf(group, choice))).map((choice) => ({ group, choice })),
  );

/** Of these keys those that the dish still offers, each once. */
export const offered = (item, keys) => chosenOf(item, keys).map(({ group, choice }) => keyOf(group, choice));

const taken = (group, keys) => group.choices.filter((choice) => keys.includes(keyOf(group, choice))).length;

/** The first group of which too few are chosen, or null. */
export const missing = (item, keys) => (item.options ?? []).find((group) => taken(group, keys) < group.min) ?? null;

/** The dish still offers these choices, and takes them. */
export function fits(item, keys) {
  const groups = item.options ?? [];
  return chosenOf(item, keys).length === keys.length &&
    groups.every((group) => taken(group, keys) >= group.min && taken(group, keys) <= group.max);
}

export const isFull = (group, keys) => taken(group, keys) >= group.max;

/** The keys after a touch: of one that allows a single choice the new one takes the place of the old. */
export function toggled(group, choice, keys) {
  const key = keyOf(group, choice);
  if (keys.includes(key)) return keys.filter((each) => each !== key);
  const own = new Set(group.choices.map((each) => keyOf(group, each)));
  if (group.max === 1) return [...keys.filter((each) => !own.has(each)), key];
  return isFull(group, keys) ? keys : [...keys, key];
}

/** What must be taken anyway: the choices of a group that leaves none. */
export const given = (item) =>
  (item.options ?? [])
    .filter((group) => group.min === group.choices.length)
    .flatMap((group) => group.choices.map((choice) => keyOf(group, choice)));

/** Yen for one with its options. */
export const unitPrice = (item, keys) =>
  Math.max(0, item.price + chosenOf(item, keys).reduce((sum, { choice }) => sum + choice.price, 0));
