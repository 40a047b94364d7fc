import { Backoff } from "./backoff.js";

const WITHOUT_OP_ID = new Set(["order.quote", "order.slots", "order.recent", "order.seen", "screen.configure", "phone.invite", "cook.list", "cook.switch", "cook.leave"]);
const ANSWER_MS = 15_000;
const RETRY_CAP_MS = 10_000;

// where a command is: to be sent, at the hub, or refused for now
const WAITING = "waiting";
const FLYING = "flying";
const RESTING = "resting";

/** A UUID, also on plain HTTP inside a hotel's network, where `crypto.randomUUID` does not exist. */
export function newOpId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** A final refusal: `{code, message, temporary, details}` as the hub sent it. */
export class CommandError extends Error {
  constructor({ code, message, temporary = false, details = {} }) {
    super(message);
    this.name = "CommandError";
    this.code = code;
    this.temporary = temporary;
    this.details = details;
  }
}

/**
 * Commands that wait for their answer. Each is sent again, under the same op_id, after every reconnect, after a
 * temporary error and when no answer came: the hub answers a repeat with the stored result.
 *
 * Not more are on their way at once than half of what the hub lets wait, since one that is sent again counts twice
 * there; the others follow one by one, in the order in which they were given.
 */
export class CommandQueue {
  #entries = new Map();
  #nextId = 1;
  #open = false;
  #most = 1;
  #send;
  #heard;
  #dead;
  #random;

  /**
   * @param {(frame: object) => void} send writes one frame to the live socket
   * @param {() => number} heard counts the frames that have come
   * @param {() => void} dead is called when a command has no answer and nothing else has come either
   */
  constructor({ send, heard, dead, random = Math.random }) {
    this.#send = send;
    this.#heard = heard;
    this.#dead = dead;
    this.#random = random;
  }

  get pending() {
    return this.#entries.size;
  }

  run(name, args, { opId = null } = {}) {
    const id = this.#nextId++;
    const frame = { type: "command", id, name, args };
    if (!WITHOUT_OP_ID.has(name)) frame.op_id = opId ?? newOpId();
    return new Promise((resolve, reject) => {
      const backoff = new Backoff({ random: this.#random, windowMs: 500, capMs: RETRY_CAP_MS });
      const entry = { frame, resolve, reject, backoff, sent: false, state: WAITING, timer: null };
      this.#entries.set(id, entry);
      this.#next();
    });
  }

  /**
   * Take back a command that has never left this device; false when it may already have been carried out. With `sent`
   * also such a one: it is not sent again, and what has become of it stays open.
   */
  withdraw(opId, { sent = false } = {}) {
    const entry = [...this.#entries.values()].find((each) => each.frame.op_id === opId);
    if (entry === undefined || (entry.sent && !sent)) return false;
    clearTimeout(entry.timer);
    this.#entries.delete(entry.frame.id);
    entry.reject(new CommandError({ code: "withdrawn", message: "taken back" }));
    this.#next();
    return true;
  }

  /** @param limit how many commands of one line may wait at the hub */
  opened(limit) {
    this.#open = true;
    this.#most = Math.max(1, Math.floor(limit / 2));
    this.#next();
  }

  closed() {
    this.#open = false;
    for (const entry of this.#entries.values()) {
      clearTimeout(entry.timer);
      entry.state = WAITING;
    }
  }

  answered({ id, ok, result, error }) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    clearTimeout(entry.timer);
    if (!ok && error.temporary) {
      entry.state = RESTING;
      entry.timer = setTimeout(() => {
        entry.state = WAITING;
        this.#next();
      }, entry.backoff.next());
    } else {
      this.#entries.delete(id);
      if (ok) entry.resolve(result);
      else entry.reject(new CommandError(error));
    }
    this.#next();
  }

  /** The device's session is over: nothing of it may be sent for the next guest. */
  abandon() {
    for (const entry of this.#entries.values()) {
      clearTimeout(entry.timer);
      entry.reject(new CommandError({ code: "session_ended", message: "the session is over" }));
    }
    this.#entries.clear();
  }

  /** Send what waits, as far as the hub has room for it. */
  #next() {
    if (!this.#open) return;
    const entries = [...this.#entries.values()];
    const room = this.#most - entries.filter(({ state }) => state === FLYING).length;
    const waiting = entries.filter(({ state }) => state === WAITING);
    for (const entry of waiting.slice(0, Math.max(0, room))) this.#transmit(entry);
  }

  #transmit(entry) {
    clearTimeout(entry.timer);
    entry.state = FLYING;
    entry.sent = true;
    const heard = this.#heard();
    entry.timer = setTimeout(() => (heard === this.#heard() ? this.#dead() : this.#transmit(entry)), ANSWER_MS);
    this.#send(entry.frame);
  }
}
