import { h, reconcile, setText } from "../../dom.js";
import { begins } from "../lens.js";
import { shouts } from "../noted.js";
import { arrange, isSorted, shape } from "./grid.js";
import { Layout } from "./layout.js";
import { KitchenTicket } from "./ticket.js";

const LEAVE_MS = 1000;
const FRESH_MS = 5000;

const byAge = (a, b) => Number(b.rush) - Number(a.rush) || begins(a) - begins(b) || a.order_number - b.order_number;

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
  #layout = null;
  #cells = [];
  #shape = null;
  #leaving = new Map();
  #fresh = new Map();
  #views = [];

  attach(kitchen) {
    this.#kitchen = kitchen;
    this.#layout = new Layout(kitchen);
    this.append(this.#grid, this.#message, this.#layout.element);
    new ResizeObserver(() => this.measure()).observe(this);
    this.#grid.addEventListener("click", (event) => this.#clicked(event));
  }

  /** The orders painted on this page. */
  get painted() {
    return this.hidden ? [] : this.#views.filter((view) => view !== null && !view.leaving).map((view) => view.order);
  }

  get selectedOrder() {
    return this.#views.find((view) => view?.key === this.selected)?.order ?? null;
  }

  /** What came from the hub: tickets that leave, and those that are new; neither while this screen gets to know them. */
  changed(changes, { alreadyKnown }) {
    const { hub, lens } = this.#kitchen;
    const now = hub.now();
    const at = performance.now();
    for (const { kind, id, before, after } of changes) {
      if (kind !== "order") continue;
      const shown = after !== null && lens.shows(after, now);
      if (alreadyKnown && after && before && !shown && lens.shows(before, now)) this.#leave(after, at);
      if (shown) this.#leaving.delete(id);
      if (alreadyKnown && !before && shown) this.highlight(id);
    }
  }

  /** Make a ticket glow for a while: it has just come. */
  highlight(id) {
    this.#fresh.set(id, performance.now() + FRESH_MS);
    setTimeout(this.#kitchen.render, FRESH_MS + 20);
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

  /** Turn to an order's page and select it; false when it is no ticket here. */
  show(id) {
    const cell = this.#cells.findIndex((key) => key?.startsWith(`${id}.`));
    if (cell < 0) return false;
    this.page = Math.floor(cell / this.#shape.cells);
    this.selected = this.#cells[cell];
    this.#kitchen.render();
    return true;
  }

  render() {
    if (this.#shape === null || this.hidden) return;
    this.#arrange();
    reconcile(this.#grid, this.#views, {
      key: (view, index) => view?.key ?? `free.${index}`,
      create: (view) => (view === null ? h("div", { class: "free" }) : new KitchenTicket()),
      update: (element, view) => view !== null && element.show(view, this.#kitchen),
    });
    this.#showMessage();
  }

  tick() {
    for (const view of this.#views) {
      if (view !== null) this.#element(view)?.tick(view, this.#kitchen);
    }
  }

  select(key, { focus = false } = {}) {
    this.selected = key;
    if (focus && key !== null) this.#grid.querySelector(`[data-key="${key}"]`)?.bumpButton.focus({ preventScroll: true });
    this.#kitchen.render();
  }

  /** Select what stands at a cell of this page (0 is the first one). */
  selectAt(index) {
    this.select(this.#views[index]?.key ?? null, { focus: true });
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

  bumpSelected() {
    const order = this.selectedOrder;
    if (order !== null) this.#kitchen.actions.bump(order);
  }

  /** Everything about the selected ticket: who opens that has seen it. */
  openSelected() {
    const order = this.selectedOrder;
    if (order === null) return;
    this.#kitchen.actions.accept(order);
    this.#kitchen.open("details", order);
  }

  /** Cells and rows anew: the window, the text or what the screen is set to has changed. */
  measure() {
    const style = getComputedStyle(this.#grid);
    const width = this.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = this.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    if (width <= 0 || height <= 0) return;
    const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const whole = width + this.parentElement.clientWidth - this.clientWidth;
    this.#shape = shape(width, height, { scale, columns: this.#kitchen.settings.values.columns, whole });
    this.#layout.reset(this.#shape, scale);
    this.#grid.style.setProperty("--columns", this.#shape.columns);
    this.#grid.style.setProperty("--rows", this.#shape.rows);
    this.#cells = [];
    this.#kitchen.render();
  }

  #element(view) {
    return this.#grid.querySelector(`[data-key="${view.key}"]`);
  }

  #leave(order, now) {
    this.#leaving.set(order.id, { order, until: now + LEAVE_MS });
    setTimeout(this.#kitchen.render, LEAVE_MS + 20);
  }

  #arrange() {
    const { hub, lens, orders } = this.#kitchen;
    const at = performance.now();
    const now = hub.now();
    for (const [id, { until }] of this.#leaving) if (until <= at) this.#leaving.delete(id);
    for (const [id, until] of this.#fresh) if (until <= at) this.#fresh.delete(id);
    const shown = hub.store.all("order").filter((order) => lens.shows(order, now)).map((order) => orders.get(order.id));
    const tickets = [...shown, ...[...this.#leaving.values()].map(({ order }) => order)].sort(byAge);
    const views = this.#layout.partsOf(tickets);
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
    this.#views = Array.from({ length: perPage }, (_, index) => this.#viewAt(byKey.get(this.#cells[from + index]), index));
    const here = new Set(this.#views.map((view) => view?.order.id));
    this.lateElsewhere = shown.filter((order) => !here.has(order.id) && this.#kitchen.age(order).level === "late").length;
  }

  #viewAt(part, index) {
    if (part === undefined) return null;
    const { actions, orders, hub, i18n, marks, lens } = this.#kitchen;
    const { order } = part;
    const view = {
      ...part,
      index,
      selected: part.key === this.selected,
      leaving: this.#leaving.has(order.id),
      fresh: this.#fresh.has(order.id),
      waiting: orders.waiting(order.id),
      queued: !hub.live,
      guarded: actions.guarded.has(order.id),
      guardedLines: order.items.map(({ line }) => line).filter((line) => actions.guarded.has(`${order.id}:${line}`)),
      marked: (item) => marks.has(item),
      unmarked: marks.active && !part.items.some((item) => marks.has(item)),
      others: lens.others(order),
      silent: this.#kitchen.tabletSilent(order),
      stationOf: (item) => this.#placeOf(item),
    };
    const { selected, leaving, fresh, queued, guarded, silent, parts } = view;
    view.state = [index, parts, selected, leaving, fresh, queued, guarded, view.guardedLines, silent, [...view.waiting], marks.key, this.#layout.epoch, i18n.language, lens.view].join("|");
    return view;
  }

  /** Where an item comes from, when that is not plain from the screen it is on. */
  #placeOf({ fulfilment, station }) {
    const { i18n, names, lens } = this.#kitchen;
    if (fulfilment === "fridge") return i18n.text("fridge");
    return lens.view === "expo" ? names.station(station) : "";
  }

  /** "No orders" only when the hub has just said so: never while the line is down or nothing has come yet. */
  #showMessage() {
    const { hub, i18n } = this.#kitchen;
    const zone = hub.store.hotel?.time_zone;
    let text = "";
    if (this.#views.every((view) => view === null) && hub.live) text = i18n.text("empty", { time: i18n.time(hub.lastFrameAt, zone) });
    else if (hub.store.hotel === null) text = i18n.text("waiting");
    this.#message.hidden = text === "";
    setText(this.#message, text);
  }

  #clicked(event) {
    const button = event.target.closest("[data-action]");
    const element = event.target.closest("kitchen-ticket");
    if (element === null) return;
    const { order, key } = this.#views.find((each) => each?.key === element.dataset.key);
    const { actions, lens } = this.#kitchen;
    const action = button?.dataset.action;
    if (shouts(order, lens) && order.status === "cancelled" && action !== "details") {
      actions.bump(order);
    } else if (action === "bump") {
      actions.bump(order);
    } else if (action === "item") {
      actions.bumpItem(order, order.items.find((each) => String(each.line) === button.dataset.line));
    } else if (action === "allergy" && button.getAttribute("aria-disabled") === "false") {
      actions.noteAllergy(order);
    } else {
      this.select(key);
      if (action === "details") this.openSelected();
      else actions.accept(order);
    }
  }
}

customElements.define("ticket-board", TicketBoard);
