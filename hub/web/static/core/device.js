const RENEW_BEFORE_MS = 120_000;
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

  /** The token, renewed two minutes before it ends. */
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
    this.#renewAt = this.#monotonic() + Math.max(tokenLifeMs(token) - RENEW_BEFORE_MS, 1000);
  }

  async #post(path, body) {
    const response = await this.#fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    if (response.ok) return response.json();
    const problem = await response.json().catch(() => ({}));
    const temporary = problem.temporary ?? (response.status >= 500 || response.status === 429);
    if (temporary) throw new Error(`the hub answered ${response.status}`);
    throw new Refused(problem.code ?? String(response.status));
  }
}
