import { DEFAULT_KEYS } from "./keymap.js";
import { Lens } from "./lens.js";

const KEY = "hub.kitchen.settings";
const PUSH_MS = 400;

export const DEFAULTS = Object.freeze({
  view: "kitchen",
  stations: null,
  columns: null,
  text_size: 100,
  rail: false,
  sounds: Object.freeze({ arrived: true, changed: true, cancelled: true, ready: true, unaccepted: true, late: false, volume: 60 }),
  thresholds: Object.freeze({ soon: 70, late: 100 }),
  keys: Object.freeze({}),
  shortcuts: true,
  language: null,
});

/**
 * What this screen is set to. The hub keeps it, so that it is the same after a reset of the device; a copy in the
 * browser makes the first paint right. A change shows at once and is told to the hub when the hand has come to rest.
 * Events: "change", when anything is another than before, with a new lens only when it sees something else; "refused"
 * with the CommandError, when the hub's settings stand again.
 */
export class ScreenSettings extends EventTarget {
  #hub;
  #storage;
  #own = {};
  #toldLast = {};
  #untold = false;
  #timer = null;
  #values = null;
  #seen = null;
  #lens = null;

  constructor(hub, storage) {
    super();
    this.#hub = hub;
    this.#storage = storage;
    try {
      ({ own: this.#own = {}, untold: this.#untold = false } = JSON.parse(storage.getItem(KEY) ?? "{}"));
    } catch {
      this.#own = {};
    }
    this.#settle();
    hub.store.subscribe((changes) => {
      const told = changes.findLast(({ kind, after }) => kind === "screen" && after !== null);
      if (told) this.#told(told.after);
    });
    hub.addEventListener("phase", () => hub.live && this.#untold && this.#push());
  }

  /** All values, those that nobody has set with their defaults. */
  get values() {
    return this.#values;
  }

  get lens() {
    return this.#lens;
  }

  get keys() {
    return { ...DEFAULT_KEYS, ...this.#values.keys };
  }

  change(patch) {
    this.#own = { ...this.#own, ...patch };
    this.#untold = true;
    this.#settle();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#push(), PUSH_MS);
  }

  /** What somebody is changing here is newer than what the hub tells. */
  #told(screen) {
    this.assigned = screen.stations;
    this.#toldLast = screen.settings;
    if (!this.#untold) this.#own = screen.settings;
    this.#settle();
  }

  async #push() {
    const sent = this.#own;
    try {
      await this.#hub.command("screen.configure", { settings: sent });
    } catch (error) {
      if (error.code === "session_ended") return; // told when the line is back
      this.#own = this.#toldLast;
      this.#settle();
      this.dispatchEvent(new CustomEvent("refused", { detail: error }));
    }
    if (sent === this.#own || this.#own === this.#toldLast) this.#untold = false;
    this.#keep();
  }

  #settle() {
    const own = this.#own;
    const before = this.#values;
    this.#values = {
      ...DEFAULTS,
      ...own,
      sounds: { ...DEFAULTS.sounds, ...own.sounds },
      thresholds: { ...DEFAULTS.thresholds, ...own.thresholds },
    };
    this.#keep();
    const { view, stations } = this.#values;
    const seen = { view, stations: stations ?? this.assigned };
    const sameLens = same(seen, this.#seen);
    if (!sameLens) [this.#seen, this.#lens] = [seen, new Lens(seen)];
    if (!sameLens || !same(this.#values, before)) this.dispatchEvent(new Event("change"));
  }

  #keep() {
    this.#storage.setItem(KEY, JSON.stringify({ own: this.#own, untold: this.#untold }));
  }

  /** Stations that the device was given when it was paired; none are all. */
  assigned = [];
}

const same = (one, other) => JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));

/** The hub tells the values in an order of its own. */
const sorted = (value) =>
  value === null || typeof value !== "object" || Array.isArray(value)
    ? value
    : Object.fromEntries(Object.entries(value).sort().map(([name, each]) => [name, sorted(each)]));
