/** A browser's parts for the client module, to be driven step by step. */

import { Hub } from "../../../hub/web/static/hub.js";
import { ServerClock } from "../../../hub/web/static/core/clock.js";

export const EPOCH = "0b6d1f0e-0000-4000-8000-000000000001";
export const SERVER_TIME = "2026-11-21T12:00:00.000Z";

export class Storage {
  #items = new Map();
  getItem = (key) => this.#items.get(key) ?? null;
  setItem = (key, value) => this.#items.set(key, String(value));
  removeItem = (key) => this.#items.delete(key);
}

export class Socket {
  static all = [];
  static get last() {
    return Socket.all.at(-1);
  }

  readyState = 0;
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    Socket.all.push(this);
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  receive(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The browser asks for the close; the network may answer late, see `closed`. */
  close() {
    this.readyState = 2;
  }

  closed(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  commands(name) {
    return this.sent.filter((frame) => frame.type === "command" && frame.name === name);
  }
}

export const token = (seconds) =>
  `h.${btoa(JSON.stringify({ iat: 1000, exp: 1000 + seconds }))}.s`;

export function makeHub({ answer, storage = new Storage(), seconds = 900 } = {}) {
  Socket.all = [];
  const asked = [];
  const fetch = async (path, { body }) => {
    asked.push([path, JSON.parse(body)]);
    const custom = answer?.(path, JSON.parse(body));
    if (custom instanceof Error) throw custom;
    const [status, document] = custom ?? [200, { credential: "t.d.s", token: token(seconds), expires_at: SERVER_TIME }];
    const json = async () => {
      if (document instanceof Error) throw document;
      return document;
    };
    return { ok: status < 300, status, json };
  };
  const monotonic = { now: 0 };
  const clock = new ServerClock({ monotonic: () => monotonic.now, wall: () => 0 });
  const hub = new Hub({ kind: "kitchen", url: "ws://hub/ws", storage, fetch, WebSocket: Socket, clock, random: () => 0.5 });
  return { hub, asked, storage, monotonic };
}

/** Let promises go on; timers of the test stand still. */
export const settle = async () => {
  for (let n = 0; n < 8; n++) await new Promise((resolve) => setImmediate(resolve));
};

export function welcome(socket, { pingMs = 2000, retryMs = 1000, principal = {} } = {}) {
  socket.open();
  socket.receive({
    type: "welcome",
    session: "s",
    principal: { kind: "kitchen", stay_id: null, ...principal },
    ping_ms: pingMs,
    retry_ms: retryMs,
    limits: { frame_bytes: 65536, commands: 64 },
    server_time: SERVER_TIME,
  });
}

export const position = (socket, seq, epoch = EPOCH) =>
  socket.receive({ type: "position", epoch, seq, server_time: SERVER_TIME });

export const snapshot = (socket, seq, orders = [], epoch = EPOCH) =>
  socket.receive({ type: "snapshot", epoch, seq, state: orders.map((data) => ({ kind: "order", data })) });

export const event = (socket, seq, data, kind = "order") =>
  socket.receive({ type: "event", seq, kind, data, at: SERVER_TIME });

export const order = (changes = {}) => ({
  id: "o1",
  order_number: 1,
  room_number: "1203",
  status: "received",
  version: 1,
  placed_at: SERVER_TIME,
  shown_at: null,
  accepted_at: null,
  ready_at: null,
  finished_at: null,
  cancelled_at: null,
  cancel_acked_at: null,
  cancel_acked_stations: [],
  recall_count: 0,
  items: [{ line: 1, status: "pending", quantity: 1, preparation_minutes: 10, age_restricted: false }],
  ...changes,
});

/** A hub that is live on its first socket. */
export async function liveHub(options) {
  const made = makeHub(options);
  made.hub.start("CODE");
  await settle();
  welcome(Socket.last);
  snapshot(Socket.last, 5, [order()]);
  position(Socket.last, 5);
  return made;
}
