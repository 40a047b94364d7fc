import { newOpId } from "../core/commands.js";

const KEY = "hub.kitchen.outbox";
const KEPT_MS = 24 * 60 * 60_000; // as long as the hub knows an op_id again

/**
 * Changes on their way to the hub. Each is kept in this browser until it is answered, so that also a reload sends it,
 * under the op_id of the first time: the hub does it once. Changes of one order go one after the other; when one is
 * refused, those behind it were built on something that never was, and are dropped.
 *
 * Events: "change"; "refused" with the CommandError.
 */
export class Outbox extends EventTarget {
  #hub;
  #storage;
  #entries = [];

  constructor(hub, storage, now = Date.now()) {
    super();
    this.#hub = hub;
    this.#storage = storage;
    for (const { op_id, name, args, chain, at } of this.#read()) {
      if (now - at < KEPT_MS) this.#entries.push({ op_id, name, args, chain, at, sent: false, settle: () => {} });
    }
    this.#write(this.#entries);
    for (const chain of new Set(this.#entries.map((entry) => entry.chain))) this.#send(chain);
  }

  /** How many wait for their answer. */
  get size() {
    return this.#entries.length;
  }

  /** What waits for one order, dish or the like, in the order in which it was done. */
  of(chain) {
    return this.#entries.filter((entry) => entry.chain === chain);
  }

  /** Resolves with the result after the hub has done it, with null when it was refused or withdrawn. */
  add(name, args, chain, opId = newOpId()) {
    return new Promise((settle) => {
      const entry = { op_id: opId, name, args, chain, at: Date.now(), sent: false, settle };
      this.#entries.push(entry);
      this.#write([...this.#read(), entry]);
      this.#send(chain);
      this.dispatchEvent(new Event("change"));
    });
  }

  /** Take back what has never left this device; false when the hub may already have done it. */
  withdraw(opId) {
    const entry = this.#entries.find((each) => each.op_id === opId);
    if (entry === undefined || (entry.sent && !this.#hub.withdraw(opId))) return false;
    this.#remove(entry);
    entry.settle(null);
    return true;
  }

  async #send(chain) {
    const [entry] = this.of(chain);
    if (entry === undefined || entry.sent) return;
    entry.sent = true;
    let result = null;
    try {
      result = await this.#hub.command(entry.name, entry.args, { opId: entry.op_id });
    } catch (error) {
      if (!this.#entries.includes(entry)) {
        this.#send(chain); // it was withdrawn
        return;
      }
      for (const each of this.of(chain).slice(1)) {
        this.#remove(each);
        each.settle(null);
      }
      if (error.details?.order) this.#hub.store.apply("order", error.details.order);
      this.dispatchEvent(new CustomEvent("refused", { detail: error }));
    }
    this.#remove(entry);
    entry.settle(result);
    this.#send(chain);
  }

  #remove(entry) {
    this.#entries = this.#entries.filter((each) => each !== entry);
    this.#write(this.#read().filter((each) => each.op_id !== entry.op_id));
    this.dispatchEvent(new Event("change"));
  }

  /** Another tab of this screen may have written meanwhile, so what is kept is always read first. */
  #read() {
    try {
      return JSON.parse(this.#storage.getItem(KEY) ?? "[]");
    } catch {
      return [];
    }
  }

  #write(entries) {
    const kept = entries.map(({ op_id, name, args, chain, at }) => ({ op_id, name, args, chain, at }));
    try {
      this.#storage.setItem(KEY, JSON.stringify(kept));
    } catch {
      return; // a full storage: they are sent all the same, only a reload would forget them
    }
  }
}
