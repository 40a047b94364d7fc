const KEY = "hub.tablet.menu";
const KINDS = new Set(["hotel", "menu_item"]);

/** The menu of the last visit, to be painted before the hub has answered; nothing that belongs to a guest. */
export class MenuCache {
  #storage;
  #store = null;
  #timer = null;

  constructor(storage) {
    this.#storage = storage;
  }

  /** `[{kind, data}]` as a snapshot has them, empty when there is none. */
  read() {
    try {
      const state = JSON.parse(this.#storage.getItem(KEY) ?? "[]");
      return state.filter(({ kind }) => KINDS.has(kind));
    } catch {
      return [];
    }
  }

  /** Keep what the store holds, with whatever changes in it within a moment. */
  keep(store) {
    this.#store = store;
    this.#timer ??= setTimeout(() => this.flush(), 1000);
  }

  /** Now, because the page goes. */
  flush() {
    if (this.#timer === null) return;
    this.#rest();
    this.#write(this.#store);
  }

  wipe() {
    this.#rest();
    this.#storage.removeItem(KEY);
  }

  #rest() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #write(store) {
    if (store.hotel === null) return;
    const state = [...KINDS].flatMap((kind) => store.all(kind).map((data) => ({ kind, data })));
    try {
      this.#storage.setItem(KEY, JSON.stringify(state));
    } catch {
      this.#storage.removeItem(KEY); // no room: the next visit begins without a menu
    }
  }
}
