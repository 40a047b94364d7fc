const RENEW_BEFORE_MS = 120_000; // or half its life, when that is shorter
const FALLBACK_LIFE_MS = 600_000;
const REQUEST_MS = 10_000;

/** The hub refused this device's code or credential; asking again changes nothing. `details` say why, if it does. */
export class Refused extends Error {
  constructor(code, details = {}) {
    super(`refused: ${code}`);
    this.name = "Refused";
    this.code = code;
    this.details = details;
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
  #wipe = null;

  constructor({ kind, storage, fetch, monotonic = () => performance.now() }) {
    this.#key = `hub.device.${kind}`;
    this.#storage = storage;
    this.#fetch = fetch;
    this.#monotonic = monotonic;
  }

  get paired() {
    return this.#credential !== null;
  }

  get #credential() {
    return this.#storage.getItem(this.#key);
  }

  /** Milliseconds until the token should be renewed. */
  get renewInMs() {
    return Math.max(0, this.#renewAt - this.#monotonic());
  }

  /** The hub waits to hear that nothing of the last guest is here any more. */
  get mustWipe() {
    return this.#wipe !== null;
  }

  /** Exchange a single-use code for a credential and a first token. */
  async claim(code) {
    const answer = await this.ask("/api/v1/devices/claim", { code });
    if (typeof answer.token !== "string") throw new Error("an answer without a token");
    this.adopt(answer);
  }

  /** Keep the credential that a claim or a pairing has brought, and its first token. */
  adopt(answer) {
    this.#storage.setItem(this.#key, answer.credential);
    this.#keep(answer);
  }

  /** The token, renewed in time before it ends; now and then it brings a new credential along. */
  async token() {
    if (this.#token !== null && this.renewInMs > 0) return this.#token;
    if (!this.paired) throw new Refused("unpaired");
    const answer = await this.ask("/api/v1/devices/token", { credential: this.#credential });
    if (typeof answer.token !== "string") throw new Error("an answer without a token");
    this.#keep(answer);
    if (answer.rotate) await this.#rotate();
    return this.#token;
  }

  /**
   * Everything of the last guest is gone: the next token may know the next one. A hub that waits for another wipe
   * meanwhile, or has heard of this one, says so with the next token.
   */
  async wiped() {
    try {
      await this.ask("/api/v1/devices/wiped", { credential: this.#credential, requested_at: this.#wipe });
    } catch (error) {
      if (error.code !== "conflict") throw error;
      this.forgetToken();
      throw new Error("the hub does not wait for this wipe");
    }
    this.#wipe = null;
    this.forgetToken();
  }

  forgetToken() {
    this.#token = null;
  }

  /** Give up the credential: this screen wants to be paired anew. */
  forget() {
    this.#storage.removeItem(this.#key);
    this.forgetToken();
  }

  /** The old credential is good until the new one is used, so whatever fails here can be tried the next time. */
  async #rotate() {
    try {
      const { credential } = await this.ask("/api/v1/devices/rotate", { credential: this.#credential });
      if (typeof credential === "string") this.#storage.setItem(this.#key, credential);
    } catch {
      return; // the next token asks again
    }
  }

  #keep({ token, wipe }) {
    this.#token = token;
    this.#wipe = typeof wipe === "string" ? wipe : null;
    const life = tokenLifeMs(token);
    this.#renewAt = this.#monotonic() + Math.max(life - Math.min(RENEW_BEFORE_MS, life / 2), 1000);
  }

  /**
   * POST and the answer. Only a problem document that calls itself final is a refusal. Whatever else answers is not
   * the hub but something before it, and says nothing about this device.
   */
  async ask(path, body) {
    const response = await this.#fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const answer = await response.json().catch(() => null);
    if (response.ok && answer !== null && typeof answer === "object") return answer;
    if (!response.ok && typeof answer?.code === "string" && answer.temporary === false) {
      throw new Refused(answer.code, answer.details);
    }
    throw new Error(`no answer of a hub, but ${response.status}`);
  }
}
