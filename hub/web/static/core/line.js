const PROTOCOL = "hub.v1.json";
const WELCOME_MS = 10_000;
const CLOSED_MS = 2_500;

/**
 * One socket at a time, and an ear for its silence. What an old socket still says is not heard any more.
 *
 * Handlers: `opened()`, `said(text)`, `closed(code)`, `silent()` when nothing came for as long as was agreed: ten
 * seconds until `expect` says something else.
 */
export class Line {
  #url;
  #WebSocket;
  #handlers;
  #socket = null;
  #closing = Promise.resolve();
  #timer = null;
  #silenceMs = WELCOME_MS;
  #heardAt = 0;
  #heardAtWall = 0;

  /** Frames heard in all. */
  heard = 0;

  constructor({ url, WebSocket, handlers }) {
    this.#url = url;
    this.#WebSocket = WebSocket;
    this.#handlers = handlers;
  }

  /** A socket is open, or opening. */
  get up() {
    return this.#socket !== null;
  }

  /**
   * Nothing has come for too long, whatever the timers say: those of a sleeping device stand still, and on some
   * systems the monotonic clock with them.
   */
  get stale() {
    const quiet = Math.max(performance.now() - this.#heardAt, Date.now() - this.#heardAtWall);
    return quiet > this.#silenceMs;
  }

  /** Resolves when the last socket is closed, or after 2.5 s when the network is dead. */
  get free() {
    return this.#closing;
  }

  open() {
    const socket = new this.#WebSocket(this.#url, [PROTOCOL]);
    const heard = (handler) => (event) => socket === this.#socket && handler(event);
    this.#socket = socket;
    this.expect(WELCOME_MS);
    socket.onopen = heard(() => this.#handlers.opened());
    socket.onmessage = heard(({ data }) => {
      this.heard += 1;
      this.expect(this.#silenceMs);
      this.#handlers.said(data);
    });
    socket.onclose = heard(({ code }) => {
      this.#socket = null;
      clearTimeout(this.#timer);
      this.#handlers.closed(code);
    });
  }

  /** From now on something must come within `ms`, again and again. */
  expect(ms) {
    this.#silenceMs = ms;
    this.#heardAt = performance.now();
    this.#heardAtWall = Date.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#handlers.silent(), ms);
  }

  send(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /** Let go of the socket without waiting for its close. */
  drop() {
    const socket = this.#socket;
    if (socket === null) return;
    this.#socket = null;
    clearTimeout(this.#timer);
    this.#closing = new Promise((resolve) => {
      const timer = setTimeout(resolve, CLOSED_MS);
      socket.onclose = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    socket.close();
  }
}
