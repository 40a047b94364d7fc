import { mayPairAgain } from "../hub.js";

const KEY = "hub.tablet.phone";
const SMALL = "(width < 37.5em)";

/**
 * Whether this screen is a guest's own phone, also when nothing else is left of the stay: a phone that was here once is
 * told that it is over, not how staff register a tablet.
 */
export class OwnPhone {
  #hub;
  #storage;
  #small;

  constructor(hub, { storage = localStorage, small = () => matchMedia(SMALL).matches } = {}) {
    this.#hub = hub;
    this.#storage = storage;
    this.#small = small;
    hub.addEventListener("phase", () => this.#phaseChanged());
  }

  /** The notice of a phone in place of that of a tablet, or null. */
  get notice() {
    const { phase, reason } = this.#hub;
    if (phase === "unpaired") {
      const refused = reason === "unauthorized";
      if (refused && (this.#is || this.#small())) return "expired";
      return this.#is ? "over" : null;
    }
    if (phase !== "ended" || !this.#is) return null;
    if (reason === "stay_ended") return this.#hub.paired ? "loading" : "over"; // or it has moved; the hub will say
    return mayPairAgain(this.#hub) ? "disconnected" : null;
  }

  get #is() {
    return this.#storage.getItem(KEY) !== null;
  }

  #phaseChanged() {
    const { live, principal, phase } = this.#hub;
    if (live) this.#note(principal.kind === "phone");
    // what let it in is good for nothing any more
    if (phase === "ended" && this.#is && mayPairAgain(this.#hub)) this.#hub.forget();
  }

  #note(own) {
    if (own) this.#storage.setItem(KEY, "1");
    else this.#storage.removeItem(KEY);
  }
}
