const KEY = "hub.tablet.filter";
const EMPTY = { stay: null, tags: [], avoid: [], hide: false };

/**
 * What of the menu the guest wants to see: `tags` that every dish must have, allergens to `avoid` beside those that
 * were declared for the stay, and whether what has them is hidden or only marked. Kept in this browser for one stay;
 * nothing can be changed before the hub has said whose stay it is.
 */
export class Filter extends EventTarget {
  #storage;
  #state = EMPTY;

  constructor(storage) {
    super();
    this.#storage = storage;
  }

  /** Bring back what this stay has chosen before; another stay's is thrown away. */
  belongsTo(stay) {
    if (stay !== null && this.#state.stay === stay) return;
    let kept;
    try {
      kept = JSON.parse(this.#storage.getItem(KEY));
    } catch {
      kept = null;
    }
    this.#keep(kept?.stay === stay ? { ...EMPTY, ...kept } : { ...EMPTY, stay });
  }

  get tags() {
    return this.#state.tags;
  }

  get avoid() {
    return this.#state.avoid;
  }

  get hide() {
    return this.#state.hide;
  }

  toggleTag(tag) {
    const tags = this.tags.includes(tag) ? this.tags.filter((each) => each !== tag) : [...this.tags, tag];
    this.#save({ tags });
  }

  clearTags() {
    this.#save({ tags: [] });
  }

  set(changes) {
    this.#save(changes);
  }

  wipe() {
    this.#storage.removeItem(KEY);
    this.#state = EMPTY;
    this.dispatchEvent(new Event("change"));
  }

  #save(changes) {
    if (this.#state.stay !== null) this.#keep({ ...this.#state, ...changes });
  }

  #keep(state) {
    this.#state = state;
    this.#storage.setItem(KEY, JSON.stringify(state));
    this.dispatchEvent(new Event("change"));
  }
}

/** The stay's declared allergens and those the guest avoids on top, each once. */
export const avoided = ({ hub, filter }) => [...new Set([...declared({ hub }), ...filter.avoid])];

/** What the kitchen knows of, for this stay. */
export const declared = ({ hub }) => hub.store.all("stay")[0]?.allergens ?? [];
