const KEY = "hub.tablet.basket";
const REPEAT_MS = 180_000;
const MANY = 5;
export const MAX_QUANTITY = 99;
export const MAX_LINES = 50;

const EMPTY = { stay: null, lines: [], requests: "", due: null, attempt: null, last: null };

/** The same dish with other options is another line. */
export const lineKey = ({ menu_item_id, options = [] }) => [menu_item_id, ...[...options].sort()].join("|");

/**
 * What the guest has chosen, and the order that is being sent: kept in this browser, for one stay.
 *
 * A line is `{menu_item_id, options, quantity, note}`, one per dish and options ("group:choice"). `due` is the wished
 * time (RFC 3339), null for as soon as possible. The attempt is `{op_id, args, at, sent}` of an order that has no final
 * answer yet: it outlives a reload and the end of a session, so that it is sent again under its own op_id. `at` is the
 * hub's time (ms) of the tap, `sent` false while it has certainly never left this tablet.
 *
 * Until the hub has said whose stay it is, nothing can be changed: what is kept may be this guest's.
 */
export class Basket extends EventTarget {
  #storage;
  #kept;
  #state = EMPTY;

  constructor(storage) {
    super();
    this.#storage = storage;
    try {
      this.#kept = { ...EMPTY, ...JSON.parse(storage.getItem(KEY)) };
    } catch {
      this.#kept = EMPTY;
    }
  }

  get lines() {
    return this.#state.lines;
  }

  /** It is known whose basket it is. */
  get open() {
    return this.#state.stay !== null;
  }

  /** The stay whose basket is kept here, null when it is nobody's. What is in it is told only to that stay. */
  get stay() {
    return this.#kept.stay;
  }

  get requests() {
    return this.#state.requests;
  }

  get due() {
    return this.#state.due;
  }

  get attempt() {
    return this.#state.attempt;
  }

  get count() {
    return this.lines.reduce((sum, line) => sum + line.quantity, 0);
  }

  line(key) {
    return this.lines.find((line) => lineKey(line) === key) ?? null;
  }

  quantity(key) {
    return this.line(key)?.quantity ?? 0;
  }

  /** Of a dish, whatever its options. */
  quantityOf(menuItemId) {
    return this.lines.filter((line) => line.menu_item_id === menuItemId).reduce((sum, line) => sum + line.quantity, 0);
  }

  /** No other dish, or no other options, can be added. */
  get full() {
    return this.lines.length >= MAX_LINES;
  }

  /** Open this stay's basket; another stay's is thrown away. */
  belongsTo(stay) {
    if (this.stay !== stay) this.#keep({ ...EMPTY, stay });
    else if (this.#state !== this.#kept) this.#show(this.#kept);
  }

  /** Add to what is there of the same dish with the same options. A wish in words that stands there already stays. */
  add({ menu_item_id, options = [], quantity = 1, note = "" }) {
    const line = { menu_item_id, options, quantity, note };
    const known = this.line(lineKey(line));
    if (known) {
      this.setQuantity(lineKey(line), known.quantity + quantity);
      if (known.note.trim() === "" && note !== "") this.setNote(lineKey(line), note);
    } else if (!this.full) {
      this.#save({ lines: [...this.lines, line] });
    }
  }

  setQuantity(key, quantity) {
    const wanted = Math.max(0, Math.min(MAX_QUANTITY, quantity));
    const lines = this.lines.map((line) => (lineKey(line) === key ? { ...line, quantity: wanted } : line));
    this.#save({ lines: lines.filter((line) => line.quantity > 0) });
  }

  setNote(key, note) {
    this.#save({ lines: this.lines.map((line) => (lineKey(line) === key ? { ...line, note } : line)) });
  }

  /** Other options for a line; one that is there with these options already takes it in. */
  replace(key, { options, quantity }) {
    const old = this.line(key);
    if (old === null) return;
    const line = { ...old, options, quantity };
    const twin = this.lines.find((each) => each !== old && lineKey(each) === lineKey(line));
    const lines = twin
      ? this.lines.filter((each) => each !== old).map((each) => (each === twin ? { ...twin, quantity: Math.min(MAX_QUANTITY, twin.quantity + quantity) } : each))
      : this.lines.map((each) => (each === old ? line : each));
    this.#save({ lines });
  }

  setRequests(requests) {
    this.#save({ requests });
  }

  setDue(due) {
    if (due !== this.due) this.#save({ due });
  }

  /** The lines as the hub's commands take them. */
  get wire() {
    return this.lines.map(({ menu_item_id, options, quantity, note }) => ({
      menu_item_id,
      quantity,
      ...(options.length > 0 ? { options } : {}),
      ...(note.trim() === "" ? {} : { note: note.trim() }),
    }));
  }

  /** What is ordered, as the hub's command takes it: the lines, a wish in words, a wished time. */
  get wish() {
    const requests = this.requests.trim();
    return {
      lines: this.wire,
      ...(requests === "" ? {} : { special_requests: requests }),
      ...(this.due === null ? {} : { due_at: this.due }),
    };
  }

  /** Keep the attempt before it is sent. */
  begin(opId, args, at) {
    this.#save({ attempt: { op_id: opId, args, at, sent: false } });
  }

  /** From now on the hub may know the attempt. */
  sent() {
    if (!this.attempt.sent) this.#save({ attempt: { ...this.attempt, sent: true } });
  }

  /** The guest wants the attempt still, at `at`. */
  renew(at) {
    this.#save({ attempt: { ...this.attempt, at } });
  }

  /** A final refusal: the lines stay, the next attempt gets its own op_id. */
  refused() {
    this.#save({ attempt: null });
  }

  /** What was ordered leaves the basket; what was added meanwhile stays. */
  placed(now) {
    const { lines: ordered, special_requests: said } = this.attempt.args;
    const taken = (line) => ordered.find((each) => lineKey(each) === lineKey(line))?.quantity ?? 0;
    const left = this.lines.map((line) => ({ ...line, quantity: line.quantity - taken(line) }));
    this.#save({
      lines: left.filter((line) => line.quantity > 0),
      requests: this.requests.trim() === (said ?? "") ? "" : this.requests,
      due: null,
      attempt: null,
      last: { lines: fingerprint(ordered), at: now },
    });
  }

  /** The same lines were ordered less than three minutes ago. */
  isRepeat(now) {
    const last = this.#state.last;
    return last !== null && now - last.at < REPEAT_MS && last.lines === fingerprint(this.lines);
  }

  /** `{menu_item_id, count}` of a dish that is wanted so often that it deserves a second look, or null. */
  get unusual() {
    const ids = [...new Set(this.lines.map((line) => line.menu_item_id))];
    const counts = ids.map((id) => ({ menu_item_id: id, count: this.quantityOf(id) }));
    return counts.find(({ count }) => count > MANY) ?? null;
  }

  wipe() {
    this.#storage.removeItem(KEY);
    this.#show(EMPTY);
  }

  #save(changes) {
    if (this.open) this.#keep({ ...this.#state, ...changes });
  }

  #keep(state) {
    this.#storage.setItem(KEY, JSON.stringify(state));
    this.#show(state);
  }

  #show(state) {
    this.#kept = state;
    this.#state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/** Equal for the same dishes with the same options in the same quantities. */
export const fingerprint = (lines) =>
  lines
    .map((line) => `${lineKey(line)}*${line.quantity}`)
    .sort()
    .join("+");
