import { Backoff } from "./core/backoff.js";
import { ServerClock } from "./core/clock.js";
import { closePolicy } from "./core/closecodes.js";
import { CommandQueue } from "./core/commands.js";
import { Device, Refused } from "./core/device.js";
import { Line } from "./core/line.js";
import { Store } from "./core/store.js";

const RECHECK_MS = 30_000;
const CHECK_MS = 5_000;

/**
 * One screen's line to the hub: pairing, token, socket, position, documents, commands, clock.
 *
 * phase: "starting" | "unpaired" | "connecting" | "live" | "ended". Only "live" means "up to date": the hub has sent a
 * position after the join, and not longer than two of its intervals ago. `reason` says why a session ended.
 * Events: "phase" after every change of phase or reason, "wipe" when the guest's stay is over.
 */
export class Hub extends EventTarget {
  phase = "starting";
  reason = null;
  principal = null;
  /** The hub's time (ms) of the last frame, null before the first one. */
  lastFrameAt = null;
  store = new Store();

  #kind;
  #line;
  #device;
  #clock;
  #backoff;
  #commands;
  #code = null;
  #token = null;
  #position = null;
  #limits = null;
  #generation = 0;
  #asking = false;
  #joined = false;
  #rechecked = false;
  #stayEnded = false;
  #timers = { retry: null, renew: null };

  constructor({ kind, url, storage, fetch, WebSocket, clock = new ServerClock(), random = Math.random }) {
    super();
    this.#kind = kind;
    this.#line = new Line({
      url,
      WebSocket,
      handlers: {
        opened: () => this.#hello(),
        said: (text) => this.#received(text),
        closed: (code) => this.#closed(code),
        silent: () => this.#lost("silence"),
      },
    });
    this.#clock = clock;
    this.#device = new Device({ kind, storage, fetch });
    this.#backoff = new Backoff({ random });
    this.#commands = new CommandQueue({
      send: (frame) => this.#line.send(frame),
      heard: () => this.#line.heard,
      dead: () => this.#lost("silence"),
      random,
    });
  }

  get live() {
    return this.phase === "live";
  }

  /** This screen has been here before and has its place, as far as it knows itself. */
  get paired() {
    return this.#device.paired && this.#code === null;
  }

  /** Commands whose answer is still to come. */
  get pending() {
    return this.#commands.pending;
  }

  now() {
    return this.#clock.now();
  }

  /** What a pairing needs of this device: a way to ask, and what to do when it is approved. */
  get pairing() {
    return {
      ask: (path, body) => this.#device.ask(path, body),
      adopt: (answer) => {
        this.#device.adopt(answer);
        this.#forgetState();
        this.#rechecked = false;
        this.#connect();
      },
    };
  }

  /** Give up the credential of a device that was shut out, and wait for a new place. */
  pairAgain() {
    this.#device.forget();
    this.retry();
  }

  /** Give up a credential that is good for nothing any more, and ask no more. */
  forget() {
    clearTimeout(this.#timers.retry);
    this.#device.forget();
  }

  /** Start with a claim code from the page's address, or with the credential of an earlier visit. */
  start(code = null) {
    this.#code = code;
    this.#connect();
  }

  /** Resolves with the result after the commit; rejects with a CommandError when the answer is final. */
  async command(name, args, options) {
    const result = await this.#commands.run(name, args, options);
    if (result.order) this.store.apply("order", result.order);
    if (result.stay) this.store.apply("stay", result.stay);
    return result;
  }

  /** Take back a command; false for one that may already have been carried out, unless `sent` lets go of that too. */
  withdraw(opId, options) {
    return this.#commands.withdraw(opId, options);
  }

  /** Try now instead of after the back-off: somebody asked, or the device woke up. */
  retry() {
    if (this.phase === "live") {
      if (this.check() && this.principal.kind === "tablet" && this.principal.stay_id === null) this.rejoin();
    } else if (!this.#asking && (this.phase === "ended" || !this.#line.up)) {
      this.#rechecked = false;
      if (this.phase === "ended") this.#device.forgetToken(); // it may be of the time before the next guest
      this.#connect();
    }
  }

  /** False when nothing has come for so long that the line must be dead: the device may have slept. */
  check() {
    const dead = this.live && this.#line.stale;
    if (dead) this.#lost("silence");
    return !dead;
  }

  /** Join again with a fresh token: what this device may see may have changed, as when a guest moves in. */
  rejoin() {
    this.#device.forgetToken();
    this.#position = null;
    this.#connect();
  }

  /** The network of this device went away: find out at once whether the hub can still be reached. */
  doubt() {
    if (this.#line.up) this.#lost("offline");
  }

  async #connect() {
    clearTimeout(this.#timers.retry);
    const generation = ++this.#generation;
    const current = () => generation === this.#generation;
    this.#hangUp();
    if (this.phase === "live" || this.phase === "starting") this.#become("connecting");
    this.#asking = true;
    try {
      if (this.#code !== null) await this.#claim();
      this.#token = await this.#device.token();
      if (this.#device.mustWipe) {
        this.#forgetState();
        this.dispatchEvent(new Event("wipe"));
        await this.#device.wiped();
        this.#token = await this.#device.token();
      }
      await this.#line.free;
    } catch (error) {
      if (current()) this.#noToken(error);
      return;
    } finally {
      this.#asking = false;
    }
    if (!current()) return;
    if (this.phase !== "ended") this.#become("connecting");
    this.#joined = false;
    this.#line.open();
  }

  async #claim() {
    try {
      await this.#device.claim(this.#code);
      this.#forgetState();
    } catch (error) {
      // A code works once. Whoever opens the same link again is still paired by the credential of the first time.
      if (!(error instanceof Refused) || !this.#device.paired) throw error;
    }
    this.#code = null;
  }

  #noToken(error) {
    if (!(error instanceof Refused)) {
      if (this.phase !== "ended") this.#become("connecting");
      this.#retryIn(this.#backoff.next());
      return;
    }
    this.#forgetState();
    this.#code = null;
    if (error.code === "stay_ended") this.#device.forget(); // a guest's own phone, whose guest has left
    const { device_status: device, tenant_status: hotel } = error.details;
    if (device) this.#become("ended", `device_${device}`);
    else if (hotel) this.#become("ended", `hotel_${hotel}`);
    else if (this.#stayEnded || error.code === "stay_ended") this.#become("ended", "stay_ended");
    else this.#become("unpaired", error.code);
    if (this.#device.paired) this.#retryIn(RECHECK_MS);
  }

  #hello() {
    const hello = { type: "hello", token: this.#token, client: `${this.#kind}/1` };
    if (this.#position) hello.since = this.#position;
    this.#line.send(hello);
  }

  #received(text) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      this.#lost("not JSON");
      return;
    }
    if (this.#clock.known) this.lastFrameAt = this.#clock.now();
    switch (frame.type) {
      case "welcome":
        return this.#welcomed(frame);
      case "snapshot":
        this.store.replace(frame.state);
        this.#position = { epoch: frame.epoch, seq: frame.seq };
        return undefined;
      case "event":
        return this.#event(frame);
      case "position":
        return this.#positioned(frame);
      case "reply":
        return this.#commands.answered(frame);
      case "bye":
        if (Number.isFinite(frame.retry_ms)) this.#backoff.windowMs = frame.retry_ms;
        return undefined;
      default:
        return undefined; // a newer hub may say more than we understand
    }
  }

  #welcomed({ principal, ping_ms, retry_ms, limits, server_time }) {
    this.#limits = limits;
    this.#clock.reset();
    this.#clock.sync(server_time);
    this.#backoff.windowMs = retry_ms;
    const stayChanged = this.principal !== null && this.principal.stay_id !== principal.stay_id;
    this.principal = principal;
    this.lastFrameAt = this.#clock.now();
    if (stayChanged) {
      this.#forgetState();
      this.dispatchEvent(new Event("wipe"));
      this.#lost("another stay"); // our hello may have named a position of the last guest's
      return;
    }
    this.#line.expect(2 * ping_ms);
    this.#renewLater();
  }

  #event({ seq, kind, data }) {
    if (this.#position === null || seq <= this.#position.seq) return;
    if (kind === "topic.ended") {
      if (!data.topic.startsWith("stay:")) return; // the close that follows says what to do
      this.#stayEnded = true;
      this.#forgetState();
      this.dispatchEvent(new Event("wipe"));
      return;
    }
    this.store.apply(kind, data);
    this.#position = { epoch: this.#position.epoch, seq };
  }

  #positioned({ epoch, seq, server_time }) {
    this.#clock.sync(server_time);
    if (this.#position !== null && this.#position.epoch !== epoch) {
      this.#position = null;
      this.#lost("another epoch");
      return;
    }
    if (this.#position === null) return; // the stay has ended; the close follows
    if (seq > this.#position.seq) this.#position = { epoch, seq };
    if (this.#joined) return;
    this.#joined = true;
    this.#rechecked = false;
    this.#stayEnded = false;
    this.#backoff.reset();
    this.#become("live");
    this.#commands.opened(this.#limits.commands);
  }

  #closed(code) {
    clearTimeout(this.#timers.renew);
    this.#commands.closed();
    const { name, action } = closePolicy(code);
    if (action === "stop") {
      this.#become("ended", name);
      return;
    }
    if (action === "recheck") {
      this.#device.forgetToken();
      if (this.#stayEnded || this.#rechecked) {
        this.#forgetState();
        this.#become("ended", this.#stayEnded ? "stay_ended" : name);
        this.#retryIn(this.#rechecked ? RECHECK_MS : this.#backoff.next());
        this.#rechecked = true;
        return;
      }
      this.#rechecked = true;
    }
    if (action === "renew") this.#device.forgetToken();
    if (action === "reset") this.#position = null;
    if (this.phase !== "ended") this.#become("connecting", name);
    this.#retryIn(this.#backoff.next());
  }

  #lost(why) {
    this.#generation += 1;
    this.#hangUp();
    if (this.phase !== "ended") this.#become("connecting", why);
    this.#retryIn(this.#backoff.next());
  }

  #hangUp() {
    clearTimeout(this.#timers.renew);
    this.#commands.closed();
    this.#line.drop();
  }

  #retryIn(ms) {
    clearTimeout(this.#timers.retry);
    this.#timers.retry = setTimeout(() => this.#connect(), ms);
  }

  #renewLater(ms = this.#device.renewInMs) {
    clearTimeout(this.#timers.renew);
    this.#timers.renew = setTimeout(async () => {
      const generation = this.#generation;
      try {
        const token = await this.#device.token();
        if (generation !== this.#generation) return;
        if (this.#device.mustWipe) {
          this.#connect();
          return;
        }
        this.#line.send({ type: "refresh", token });
        this.#renewLater();
      } catch {
        if (generation === this.#generation) this.#renewLater(15_000); // the hub says 4005 when it is too late
      }
    }, ms);
  }

  #forgetState() {
    this.#position = null;
    this.#commands.abandon();
    this.store.clear();
  }

  #become(phase, reason = null) {
    if (phase === this.phase && reason === this.reason) return;
    this.phase = phase;
    this.reason = reason;
    this.dispatchEvent(new Event("phase"));
  }
}

/** A device that was shut out for good can only get a new place. */
export const mayPairAgain = ({ reason }) => reason === "device_lost" || reason === "device_retired";

/** A reason that the hub has given in its refusal of a token. */
export const isClosed = ({ reason }) => /^(device|hotel)_/.test(reason ?? "");

/** The hub of this page: code from the address, credential from this browser, wake-ups from the window. */
export function openHub(kind) {
  const url = new URL("/ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const hub = new Hub({ kind, url: url.href, storage: localStorage, fetch: (...request) => fetch(...request), WebSocket });
  // A screen that was replaced comes back when somebody asks for it, or two of them would take turns for ever.
  const wake = () => hub.reason === "replaced" || hub.retry();
  addEventListener("online", wake);
  addEventListener("offline", () => hub.doubt());
  document.addEventListener("visibilitychange", () => document.hidden || wake());
  setInterval(() => hub.check(), CHECK_MS);
  addEventListener("hashchange", () => location.hash.startsWith("#claim=") && location.reload());
  const code = new URLSearchParams(location.hash.slice(1)).get("claim");
  if (code !== null) history.replaceState(null, "", location.pathname + location.search);
  hub.start(code);
  return hub;
}
