const KINDS = ["hotel", "menu_item", "order", "stay", "screen", "page", "phone", "silent_tablet"];
const REMOVED = ".removed";

/**
 * The documents this device may see: kind -> id -> document. Documents are absolute states, never changed in place.
 *
 * A listener gets `(changes, reset)`: changes are `{kind, id, before, after}` (null where there is none), reset is
 * true when a snapshot replaced everything.
 */
export class Store {
  #kinds = new Map(KINDS.map((kind) => [kind, new Map()]));
  #listeners = new Set();
  #report;

  /** @param report takes the error of a listener: the documents are here all the same */
  constructor({ report = (error) => reportError(error) } = {}) {
    this.#report = report;
  }

  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(kind, id) {
    return this.#kinds.get(kind)?.get(id) ?? null;
  }

  all(kind) {
    return [...(this.#kinds.get(kind)?.values() ?? [])];
  }

  get hotel() {
    return this.all("hotel")[0] ?? null;
  }

  /** A snapshot: whatever it does not hold is gone. */
  replace(state) {
    const before = this.#kinds;
    this.#kinds = new Map(KINDS.map((kind) => [kind, new Map()]));
    for (const { kind, data } of state) this.#kinds.get(kind)?.set(data.id, data);
    const changes = [];
    for (const kind of KINDS) {
      const old = before.get(kind);
      const fresh = this.#kinds.get(kind);
      for (const [id, after] of fresh) changes.push({ kind, id, before: old.get(id) ?? null, after });
      for (const [id, was] of old) if (!fresh.has(id)) changes.push({ kind, id, before: was, after: null });
    }
    this.#tell(changes, true);
  }

  /**
   * One document, from an event or from the answer to a command. An older version than the one we hold is
   * ignored: the answer to a command may overtake the event of the change before it.
   */
  apply(kind, data) {
    const removal = kind.endsWith(REMOVED);
    const name = removal ? kind.slice(0, -REMOVED.length) : kind;
    const documents = this.#kinds.get(name);
    if (!documents || typeof data?.id !== "string") return false;
    const before = documents.get(data.id) ?? null;
    if (removal) {
      if (!documents.delete(data.id)) return false;
    } else {
      if (before && before.version > data.version) return false;
      documents.set(data.id, data);
    }
    this.#tell([{ kind: name, id: data.id, before, after: removal ? null : data }], false);
    return true;
  }

  /** Drop the documents of a kind that nobody shows any more; a screen runs for months. */
  prune(kind, keep) {
    const changes = [];
    for (const [id, before] of this.#kinds.get(kind)) {
      if (keep(before)) continue;
      this.#kinds.get(kind).delete(id);
      changes.push({ kind, id, before, after: null });
    }
    if (changes.length > 0) this.#tell(changes, false);
  }

  clear() {
    this.replace([]);
  }

  #tell(changes, reset) {
    for (const listener of this.#listeners) {
      try {
        listener(changes, reset);
      } catch (error) {
        this.#report(error);
      }
    }
  }
}
