const KEY = "hub.tablet.basket";
const REPEAT_MS = 180_000;
const MANY = 5;
export const MAX_QUANTITY = 99;
export const MAX_LINES = 50;

const EMPTY = { stay: null, lines: [], requests: "", attempt: null, last: null };

/**
 * What the guest has chosen, and the order that is being sent: kept in this browser, for one stay.
 *
 * A line is `{menu_item_id, quantity, note}`, one per menu item. The attempt is `{op_id, args, at, sent}` of an order
 * that has no final answer yet: it outlives a reload and the end of a session, so that it is sent again under its own
 * op_id. `at` is the hub's time (ms) of the tap, `sent` false while it has certainly never left this tablet.
 */
export class Basket extends EventTarget {
  #storage;
  #state;

  constructor(storage) {
    super();
    this.#storage = storage;
    try {
      this.#state = { ...EMPTY, ...JSON.parse(storage.getItem(KEY)) };
    } catch {
      this.#state = { ...EMPTY };
    }
  }

  get lines() {
    return this.#state.lines;
  }

  /** The stay whose basket this is, null when it is nobody's. */
  get stay() {
    return this.#state.stay;
  }

  get requests() {
    return this.#state.requests;
  }

  get attempt() {
    return this.#state.attempt;
  }

  get count() {
    return this.lines.reduce((sum, line) => sum + line.quantity, 0);
  }

  quantity(menuItemId) {
    return this.lines.find((line) => line.menu_item_id === menuItemId)?.quantity ?? 0;
  }

  /** This stay's basket; another stay's is thrown away. */
  belongsTo(stay) {
    if (this.#state.stay !== stay) this.#save({ ...EMPTY, stay });
  }

  setQuantity(menuItemId, quantity) {
    const wanted = Math.max(0, Math.min(MAX_QUANTITY, quantity));
    const known = this.lines.some((line) => line.menu_item_id === menuItemId);
    if (!known && (wanted === 0 || this.lines.length >= MAX_LINES)) return;
    const lines = known
      ? this.lines.map((line) => (line.menu_item_id === menuItemId ? { ...line, quantity: wanted } : line))
      : [...this.lines, { menu_item_id: menuItemId, quantity: wanted, note: "" }];
    this.#save({ lines: lines.filter((line) => line.quantity > 0) });
  }

  setNote(menuItemId, note) {
    this.#save({ lines: this.lines.map((line) => (line.menu_item_id === menuItemId ? { ...line, note } : line)) });
  }

  setRequests(requests) {
    this.#save({ requests });
  }

  /** The arguments of `order.quote`. */
  get wire() {
    return this.lines.map(({ menu_item_id, quantity, note }) =>
      note.trim() === "" ? { menu_item_id, quantity } : { menu_item_id, quantity, note: note.trim() },
    );
  }

  /** Keep the attempt before it is sent. */
  begin(opId, args, at) {
    this.#save({ attempt: { op_id: opId, args, at, sent: false } });
  }

  /** From now on the hub may know the attempt. */
  sent() {
    if (!this.attempt.sent) this.#save({ attempt: { ...this.attempt, sent: true } });
  }

  /** A final refusal: the lines stay, the next attempt gets its own op_id. */
  refused() {
    this.#save({ attempt: null });
  }

  /** What was ordered leaves the basket; what was added meanwhile stays. */
  placed(now) {
    const { lines: ordered, special_requests: said } = this.attempt.args;
    const taken = (id) => ordered.find((line) => line.menu_item_id === id)?.quantity ?? 0;
    const left = this.lines.map((line) => ({ ...line, quantity: line.quantity - taken(line.menu_item_id) }));
    this.#save({
      lines: left.filter((line) => line.quantity > 0),
      requests: this.requests.trim() === (said ?? "") ? "" : this.requests,
      attempt: null,
      last: { lines: fingerprint(ordered), at: now },
    });
  }

  /** The same lines were ordered less than three minutes ago. */
  isRepeat(now) {
    const last = this.#state.last;
    return last !== null && now - last.at < REPEAT_MS && last.lines === fingerprint(this.lines);
  }

  /** A line whose quantity deserves a second look. */
  get unusual() {
    return this.lines.find((line) => line.quantity > MANY) ?? null;
  }

  wipe() {
    this.#storage.removeItem(KEY);
    this.#state = { ...EMPTY };
    this.dispatchEvent(new Event("change"));
  }

  #save(changes) {
    this.#state = { ...this.#state, ...changes };
    this.#storage.setItem(KEY, JSON.stringify(this.#state));
    this.dispatchEvent(new Event("change"));
  }
}

/** Equal for the same dishes in the same quantities. */
export const fingerprint = (lines) =>
  lines
    .map((line) => `${line.menu_item_id}*${line.quantity}`)
    .sort()
    .join("+");
