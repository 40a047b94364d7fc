const RENEW_BEFORE_MS = 120_000; // or half its life, when that is shorter
const FALLBACK_LIFE_MS = 600_000;
const REQUEST_MS = 10_000;

/** The hub refused this device's code or credential; asking again changes nothing. */
export class Refused extends Error {
  constructor(code) {
    super(`refused: ${code}`);
    this.name = "Refused";
    this.code = code;
  }
}

/** How long a token lives, from its own two times, so that a wrong device clock does not matter. */
export function tokenLifeMs(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { iat, exp } = JSON.parse(atob(payload));
    return Number.isFinite(exp - iat) ? (exp - iat) * 1000 : FALLBACK_LIFE_MS;
  } catch {
    return FALLBACK_LIFE_MS;
  }
}

/**
 * This device towards the hub: a credential kept per kind of screen, so that a tablet and a kitchen can live in one
 * browser, and a short-lived token kept in memory only.
 */
export class Device {
  #key;
  #storage;
  #fetch;
  #monotonic;
  #token = null;
  #renewAt = 0;

  constructor({ kind, storage, fetch, monotonic = () => performance.now() }) {
    this.#key = `hub.device.${kind}`;
    this.#storage = storage;
    this.#fetch = fetch;
    this.#monotonic = monotonic;
  }

  get paired() {
    return this.#storage.getItem(this.#key) !== null;
  }

  /** Milliseconds until the token should be renewed. */
  get renewInMs() {
    return Math.max(0, this.#renewAt - this.#monotonic());
  }

  /** Exchange a single-use code for a credential and a first token. */
  async claim(code) {
    const answer = await this.#post("/api/v1/devices/claim", { code });
    this.#storage.setItem(this.#key, answer.credential);
    this.#keep(answer.token);
  }

  /** The token, renewed in time before it ends. */
  async token() {
    if (this.#token !== null && this.renewInMs > 0) return this.#token;
    const credential = this.#storage.getItem(this.#key);
    if (credential === null) throw new Refused("unpaired");
    const answer = await this.#post("/api/v1/devices/token", { credential });
    this.#keep(answer.token);
    return this.#token;
  }

  forgetToken() {
    this.#token = null;
  }

  #keep(token) {
    this.#token = token;
    const life = tokenLifeMs(token);
    this.#renewAt = this.#monotonic() + Math.max(life - Math.min(RENEW_BEFORE_MS, life / 2), 1000);
  }

  /**
   * Only a problem document that calls itself final is a refusal. Whatever else answers is not the hub but something
   * before it, and says nothing about this device.
   */
  async #post(path, body) {
    const response = await this.#fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const answer = await response.json().catch(() => null);
    if (response.ok && typeof answer?.token === "string") return answer;
    if (!response.ok && typeof answer?.code === "string" && answer.temporary === false) throw new Refused(answer.code);
    throw new Error(`no answer of a hub, but ${response.status}`);
  }
}
