import { newOpId } from "../core/commands.js";

const BASE = "/api/v1/staff";
const REQUEST_MS = 15_000;
const RENEW_BEFORE_MS = 60_000; // or half of what is left, when that is shorter
const LONGEST_TIMER_MS = 3_600_000;
const PAUSES_MS = [500, 1_500, 3_000];
const SAME_WISH_MS = 180_000; // pressed again later, it is another wish
const LOCK = "hub.staff.session";

/** What the hub answered instead of a result, or `away` when nothing came that a hub would say. */
export class Problem extends Error {
  constructor({ status = 0, code, detail = "", temporary = false, details = {} }) {
    super(`${code}: ${detail}`);
    this.name = "Problem";
    Object.assign(this, { status, code, temporary, details });
  }
}

const away = (status = 0) => new Problem({ status, code: "away", temporary: true });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * One person's session in this tab. The tokens are cookies that no script can read; what a script needs, the CSRF
 * token among it, stays in memory.
 *
 * phase: "starting" | "away" | "out" | "in". `ended` says that a session was open and is over without a sign-out.
 * Events: "change" after every change of phase or person, "ended" when the session is over.
 */
export class StaffSession extends EventTarget {
  phase = "starting";
  me = null;
  ended = false;

  #fetch;
  #locks;
  #now;
  #csrf = null;
  #position = null;
  #expiresAt = null;
  #renewal = null;
  #timer = null;
  #keys = new Map();

  constructor({ fetch, locks = null, now = Date.now }) {
    super();
    this.#fetch = fetch;
    this.#locks = locks;
    this.#now = now;
  }

  may(permission) {
    return this.me?.permissions.includes(permission) ?? false;
  }

  /** Take up the session of this browser, if there is one. */
  async start() {
    try {
      await this.#renew();
    } catch (problem) {
      if (this.phase !== "out") this.#become(problem.temporary ? "away" : "out");
    }
  }

  /** @param given `{email, password, hotel?, code?}`; raises a Problem, `second_factor_required` when a code is needed */
  async signIn(given) {
    const opened = await this.#send("POST", `${BASE}/session`, given);
    this.me = null; // whoever it is, somebody has just come in
    this.#accept(opened);
  }

  async signOut() {
    try {
      await this.call("POST", `${BASE}/session/end`, {});
    } catch (problem) {
      if (problem.temporary) throw problem;
    }
    this.#end(false);
  }

  /** Whether the session of this tab is still there: another tab may have ended it. */
  async look() {
    if (this.phase !== "in") return;
    try {
      this.#accept(await this.#send("GET", `${BASE}/session`));
    } catch (problem) {
      if (problem.status === 401) await this.#renew().catch(() => {});
    }
  }

  /** A fresh token now: what this person may do has just changed. */
  async renewNow() {
    await this.#renew();
  }

  /** One request; a session that has run out is renewed and the request is made again. */
  async call(method, path, body, { key } = {}) {
    try {
      return await this.#send(method, path, body, key);
    } catch (problem) {
      if (!(await this.#mend(problem))) throw problem;
      return await this.#send(method, path, body, key);
    }
  }

  /**
   * A change that may be asked for twice and happens once: until there is a final answer, the same request goes out
   * under the same Idempotency-Key, also when the person presses the button again within three minutes.
   */
  async once(method, path, body) {
    const name = JSON.stringify([this.me?.id, method, path, body]);
    const last = this.#keys.get(name);
    const key = last !== undefined && this.#now() - last.at < SAME_WISH_MS ? last.key : newOpId();
    for (const pause of [...PAUSES_MS, null]) {
      this.#keys.set(name, { key, at: this.#now() });
      try {
        const result = await this.call(method, path, body, { key });
        this.#keys.delete(name);
        return result;
      } catch (problem) {
        if (!problem.temporary) this.#keys.delete(name);
        if (!problem.temporary || problem.code === "rate_limited" || pause === null) throw problem;
        await sleep(pause);
      }
    }
    throw away();
  }

  /** Requests that nobody has to be signed in for. */
  async open(method, path, body) {
    return await this.#send(method, path, body);
  }

  /** True when the request may be made again. Raises the Problem that says that the session is over. */
  async #mend(problem) {
    if (this.phase !== "in") return false;
    const person = this.me.id;
    if (problem.status === 403 && problem.details.field === "X-CSRF-Token") {
      await this.#renew({ force: false });
    } else if (problem.status === 401) {
      if (problem.code !== "token_expired" && (await this.#holds())) return false;
      await this.#renew();
    } else {
      return false;
    }
    return this.me?.id === person; // another tab may have signed somebody else in
  }

  async #holds() {
    try {
      this.#accept(await this.#send("GET", `${BASE}/session`));
      return true;
    } catch (problem) {
      if (problem.status === 401) return false;
      throw problem;
    }
  }

  /**
   * A refresh token works once, so one tab at a time: who comes second finds what the first one got. Without `force`
   * a session that holds is enough.
   */
  #renew({ force = true } = {}) {
    this.#renewal ??= this.#alone(() => this.#renewAlone(force)).finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  async #renewAlone(force) {
    const before = this.#expiresAt;
    try {
      const found = await this.#send("GET", `${BASE}/session`);
      const renewedElsewhere = found.expires_at !== before;
      if (renewedElsewhere || !force) return this.#accept(found);
    } catch (problem) {
      if (problem.status !== 401) throw problem;
    }
    try {
      return this.#accept(await this.#send("POST", `${BASE}/session/refresh`, {}));
    } catch (problem) {
      if (problem.status === 401 || problem.status === 403) this.#end(this.phase === "in");
      throw problem;
    }
  }

  #alone(work) {
    return this.#locks ? this.#locks.request(LOCK, work) : work();
  }

  #accept({ csrf, expires_at: expiresAt, me }) {
    this.#csrf = csrf;
    this.#expiresAt = expiresAt;
    this.ended = false;
    const before = JSON.stringify(this.me);
    this.me = me;
    this.#renewLater();
    if (this.phase !== "in" || before !== JSON.stringify(me)) this.#become("in");
  }

  #renewLater() {
    clearTimeout(this.#timer);
    const left = Date.parse(this.#expiresAt) - this.#now();
    // A clock that is far off says nothing; then the hub's 401 tells when it is time.
    const wait = left > 0 ? Math.max(left - Math.min(RENEW_BEFORE_MS, left / 2), 1_000) : LONGEST_TIMER_MS;
    this.#timer = setTimeout(() => this.#renew().catch(() => this.#renewLater()), Math.min(wait, LONGEST_TIMER_MS));
    this.#timer.unref?.();
  }

  #end(unasked) {
    clearTimeout(this.#timer);
    this.#csrf = null;
    this.#expiresAt = null;
    this.#keys.clear();
    this.me = null;
    this.ended = unasked;
    this.#become("out");
    this.dispatchEvent(new Event("ended"));
  }

  #become(phase) {
    this.phase = phase;
    this.dispatchEvent(new Event("change"));
  }

  async #send(method, path, body, key) {
    const headers = { "X-Hub-Client": "browser" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (method !== "GET" && this.#csrf !== null) headers["X-CSRF-Token"] = this.#csrf;
    if (key !== undefined) headers["Idempotency-Key"] = key;
    if (this.#position !== null) headers["Hub-Position"] = this.#position;
    let response;
    try {
      response = await this.#fetch(path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        signal: AbortSignal.timeout(REQUEST_MS),
      });
    } catch {
      throw away();
    }
    // Sent along from now on, so that no replica answers that has not seen this change.
    this.#position = response.headers.get("Hub-Position") ?? this.#position;
    if (response.status === 204) return {};
    const answer = await response.json().catch(() => null);
    if (answer !== null && response.ok) return answer;
    if (typeof answer?.code !== "string") throw away(response.status);
    throw new Problem({ ...answer, status: response.status });
  }
}
