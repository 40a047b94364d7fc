import { h, reconcile, setText } from "../dom.js";
import { onGrid } from "../core/visibility.js";
import { ageOf } from "./age.js";
import { arrange, cut, isSorted, shape } from "./grid.js";
import { capacity, KitchenTicket, lineLimits, rowHeight } from "./ticket.js";

const LEAVE_MS = 1000;
const FRESH_MS = 5000;

const byAge = (a, b) => Date.parse(a.placed_at) - Date.parse(b.placed_at) || a.order_number - b.order_number;

/** The grid of tickets. A ticket keeps its cell until it is finished, and one second longer. */
export class TicketBoard extends HTMLElement {
  selected = null;
  page = 0;
  pages = 1;
  sorted = true;
  lateElsewhere = 0;
  #kitchen;
  #grid = h("div", { class: "grid" });
  #message = h("p", { class: "board-message" });
  #cells = [];
  #shape = null;
  #leaving = new Map();
  #fresh = new Map();
  #views = [];

  attach(kitchen) {
    this.#kitchen = kitchen;
    this.append(this.#grid, this.#message);
    new ResizeObserver(() => this.#measure()).observe(this);
    this.#grid.addEventListener("click", (event) => this.#clicked(event));
  }

  /** The orders painted on this page. */
  get painted() {
    return this.#views.filter((view) => view !== null && !view.leaving).map((view) => view.order);
  }

  changed(changes, { alreadyKnown }) {
    const now = performance.now();
    for (const { kind, id, before, after } of changes) {
      if (kind !== "order") continue;
      if (before && onGrid(before) && !(after && onGrid(after)) && after) this.#leave(after, now);
      if (after && onGrid(after)) this.#leaving.delete(id);
      if (alreadyKnown && !before && after?.status === "received") this.#highlight(id, now);
    }
  }

  sort() {
    this.#cells = [];
    this.#kitchen.render();
  }

  turn(by) {
    const page = Math.min(this.pages - 1, Math.max(0, this.page + by));
    if (page === this.page) return;
    this.page = page;
    this.selected = null;
    this.#cells = [];
    this.#kitchen.render();
  }

  render() {
    const { hub } = this.#kitchen;
    if (this.#shape === null) return;
    this.#layOut();
    this.#grid.style.setProperty("--columns", this.#shape.columns);
    this.#grid.style.setProperty("--rows", this.#shape.rows);
    const limits = lineLimits(this.#shape);
    this.#grid.style.setProperty("--note-lines", limits.note);
    this.#grid.style.setProperty("--request-lines", limits.request);
    reconcile(this.#grid, this.#views, {
      key: (view, index) => view?.key ?? `free.${index}`,
      create: (view) => (view === null ? h("div", { class: "free" }) : new KitchenTicket()),
      update: (element, view) => view !== null && element.show(view, this.#kitchen),
    });
    this.#showMessage(hub.store.all("order").some(onGrid) || this.#leaving.size > 0);
  }

  tick() {
    for (const view of this.#views) {
      if (view !== null) this.#element(view)?.tick(view, this.#kitchen);
    }
  }

  /** The order at a cell of this page (0 is the first one). */
  at(index) {
    return this.#views[index] ?? null;
  }

  select(key, { focus = false } = {}) {
    this.selected = key;
    if (focus && key !== null) this.#grid.querySelector(`[data-key="${key}"] .bump`)?.focus({ preventScroll: true });
    this.#kitchen.render();
  }

  /** Move the selection by columns and rows, over free cells too, to the nearest ticket that way. */
  move(columns, rows) {
    const from = this.#views.findIndex((view) => view?.key === this.selected);
    if (from < 0) {
      this.select(this.#views.find((view) => view !== null)?.key ?? null, { focus: true });
      return;
    }
    const step = columns + rows * this.#shape.columns;
    for (let cell = from + step; cell >= 0 && cell < this.#views.length; cell += step) {
      if (this.#views[cell] === null) continue;
      this.select(this.#views[cell].key, { focus: true });
      return;
    }
  }

  #element(view) {
    return this.#grid.querySelector(`[data-key="${view.key}"]`);
  }

  #measure() {
    const style = getComputedStyle(this.#grid);
    const width = this.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = this.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const next = shape(width, height);
    const same = this.#shape && next.cellWidth === this.#shape.cellWidth && next.cellHeight === this.#shape.cellHeight;
    if (same) return;
    this.#cells = [];
    this.#shape = next;
    this.#kitchen.render();
  }

  #leave(order, now) {
    this.#leaving.set(order.id, { order, until: now + LEAVE_MS });
    setTimeout(() => this.#kitchen.render(), LEAVE_MS + 20);
  }

  #highlight(id, now) {
    this.#fresh.set(id, now + FRESH_MS);
    setTimeout(() => this.#kitchen.render(), FRESH_MS + 20);
  }

  #layOut() {
    const { hub, i18n, actions } = this.#kitchen;
    const now = performance.now();
    for (const [id, { until }] of this.#leaving) if (until <= now) this.#leaving.delete(id);
    for (const [id, until] of this.#fresh) if (until <= now) this.#fresh.delete(id);
    const leaving = [...this.#leaving.values()].map(({ order }) => order);
    const orders = [...hub.store.all("order").filter(onGrid), ...leaving].sort(byAge);
    const views = orders.flatMap((order) => this.#partsOf(order, i18n));
    const byKey = new Map(views.map((view) => [view.key, view]));
    const perPage = this.#shape.cells;
    const keys = views.map((view) => view.key);
    this.#cells = arrange({ before: this.#cells, keys, perPage, page: this.page });
    this.pages = Math.max(1, Math.ceil(this.#cells.length / perPage));
    if (this.page >= this.pages) {
      this.page = this.pages - 1;
      this.#cells = arrange({ before: [], keys, perPage, page: this.page });
    }
    this.sorted = isSorted(this.#cells, keys);
    if (this.selected !== null && !byKey.has(this.selected)) this.selected = null;
    const from = this.page * perPage;
    this.#views = Array.from({ length: perPage }, (_, index) => {
      const view = byKey.get(this.#cells[from + index]);
      if (!view) return null;
      const id = view.order.id;
      return Object.assign(view, {
        index,
        selected: view.key === this.selected,
        leaving: this.#leaving.has(id),
        fresh: this.#fresh.has(id),
        pending: actions.pending,
        guarded: actions.guarded,
        shape: this.#shape,
      });
    });
    const here = new Set(this.#views.map((view) => view?.order.id));
    const isLate = (order) => !this.#leaving.has(order.id) && ageOf(order, hub.now()).level === "late";
    this.lateElsewhere = orders.filter((order) => !here.has(order.id) && isLate(order)).length;
  }

  #partsOf(order, i18n) {
    const { first, later } = capacity(order, this.#shape);
    const heights = order.items.map((item) => rowHeight(item, this.#shape, i18n));
    const parts = cut(heights, first, later);
    return parts.map(([from, to], part) => ({ key: `${order.id}.${part}`, order, part, parts: parts.length, from, to }));
  }

  /** "No orders" only when the hub has just said so: never while the line is down or nothing has come yet. */
  #showMessage(occupied) {
    const { hub, i18n } = this.#kitchen;
    const zone = hub.store.hotel?.time_zone;
    let text = "";
    if (!occupied && hub.live) text = i18n.text("empty", { time: i18n.time(hub.lastFrameAt, zone) });
    else if (hub.store.hotel === null) text = i18n.text("waiting");
    this.#message.hidden = text === "";
    this.#message.dataset.state = text === "" ? "" : hub.live ? "empty" : "waiting";
    setText(this.#message, text);
  }

  #clicked(event) {
    const button = event.target.closest("[data-action]");
    const element = event.target.closest("kitchen-ticket");
    if (element === null) return;
    const view = this.#views.find((each) => each?.key === element.dataset.key);
    const { actions } = this.#kitchen;
    if (view.order.status === "cancelled" && button?.dataset.action !== "details") {
      actions.bump(view.order);
      return;
    }
    if (button === null) return this.select(view.key);
    if (button.dataset.action === "bump") return actions.bump(view.order);
    if (button.dataset.action === "details") return this.#kitchen.details(view.order);
    const item = view.order.items.find((each) => String(each.line) === button.dataset.line);
    return actions.bumpItem(view.order, item);
  }
}

customElements.define("ticket-board", TicketBoard);
