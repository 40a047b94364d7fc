import { roomsOf, sortDevices } from "./rooms.js";

const CALM_MS = 15_000;
const KEEN_MS = 2_000;

/**
 * The devices and the open stays of the hotel, asked for again and again while somebody looks. Events: "change".
 * `problem` is what went wrong with the last question, null when the lists are fresh.
 */
export class Live extends EventTarget {
  devices = [];
  stays = [];
  rooms = [];
  loaded = false;
  problem = null;

  #session;
  #timer = null;
  #asking = Promise.resolve(); // the last question; another is asked when it has ended
  #next = null; // the question that has not gone out yet, for all who want one
  #keenUntil = 0;

  constructor(session) {
    super();
    this.#session = session;
  }

  /** Ask more often for a while: somebody waits for a tablet to answer. */
  hurry(ms = 120_000) {
    this.#keenUntil = Date.now() + ms;
    this.refresh();
  }

  start() {
    this.refresh();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  clear() {
    this.stop();
    Object.assign(this, { devices: [], stays: [], rooms: [], loaded: false, problem: null });
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Resolves when the lists are as the hub has them at this call or later, or the question failed. A question that is
   * under way may have been answered before what the caller has just changed, so it does not serve: the next one does.
   */
  refresh() {
    this.#next ??= this.#turn();
    return this.#next;
  }

  async #turn() {
    await this.#asking.catch(() => {}); // whoever asked it has been told
    this.#next = null;
    clearTimeout(this.#timer);
    this.#asking = this.#ask();
    try {
      await this.#asking;
    } finally {
      if (this.#next === null) this.#later();
    }
  }

  async #ask() {
    const person = this.#session.me?.id;
    try {
      const [devices, stays] = await Promise.all([
        this.#session.may("device.read") ? this.#pages("/api/v1/devices", "devices") : [],
        this.#session.may("stay.read") ? this.#pages("/api/v1/stays", "stays") : [],
      ]);
      if (person === undefined || this.#session.me?.id !== person) return;
      Object.assign(this, { devices: sortDevices(devices), stays, rooms: roomsOf(devices, stays), loaded: true, problem: null });
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      this.problem = problem;
    }
    this.dispatchEvent(new Event("change"));
  }

  async #pages(path, name) {
    const all = [];
    for (let after = null; ; ) {
      const page = await this.#session.call("GET", after === null ? path : `${path}?after=${encodeURIComponent(after)}`);
      all.push(...page[name]);
      after = page.next ?? null;
      if (after === null) return all;
    }
  }

  #later() {
    if (this.#session.phase !== "in") return;
    const wait = Date.now() < this.#keenUntil ? KEEN_MS : CALM_MS;
    this.#timer = setTimeout(() => (document.hidden ? this.#later() : this.refresh()), wait);
  }
}
