import { h } from "../../dom.js";
import { blocksOf, createBlock, SIZES } from "./blocks.js";
import { cut } from "./grid.js";
import { createRow, rowKey, updateRow } from "./row.js";
import { Ruler } from "./ruler.js";
import { KitchenTicket } from "./ticket.js";

const NONE = new Set();
const BLANK = { waiting: NONE, guardedLines: [], marked: () => false, station: "" };
const LINE = { words: 23, request: 24 };
const MOST = { words: 12, request: 8 };
const BARE_ROW = 72; // a name of one line, and a warning
/** What a row of an item gives up when it does not fit into a cell of its own: nothing, the other language, more. */
const TIGHTNESS = [0, 1, 2];
const REQUEST_FRAME = 40;
const ROW_LEAST = 52;

const between = (least, value, most) => Math.max(least, Math.min(most, Math.floor(value)));

/** Which part of an order goes into which cell: nothing is cut, nothing scrolls, a long ticket goes on in the next cell. */
export class Layout {
  #kitchen;
  #ruler = new Ruler(emptyTicket());
  #cache = new WeakMap();

  constructor(kitchen) {
    this.#kitchen = kitchen;
  }

  /** To be put where the tickets are, out of sight. */
  get element() {
    return this.#ruler.element;
  }

  get epoch() {
    return this.#ruler.epoch;
  }

  /** @param scale the size of text against the usual one */
  reset(shape, scale) {
    this.#ruler.reset(shape);
    this.#cache = new WeakMap();
    const room = this.#ruler.room / scale;
    const { style } = this.element.parentElement;
    const words = between(1, (room - BARE_ROW) / LINE.words, MOST.words);
    style.setProperty("--words", words);
    style.setProperty("--half-words", between(1, words / 2, words));
    style.setProperty("--request-lines", between(1, (room - REQUEST_FRAME - ROW_LEAST) / LINE.request, MOST.request));
  }

  /** The parts of all these orders: `{key, order, part, parts, items, tight, size}`. */
  partsOf(orders) {
    const lens = this.#kitchen.lens;
    const fresh = orders.filter((order) => this.#cache.get(order)?.lens !== lens);
    this.#measure(fresh);
    for (const order of fresh) this.#cache.set(order, { lens, parts: this.#cut(order) });
    return orders.flatMap((order) => this.#cache.get(order).parts);
  }

  #measure(orders) {
    const { lens } = this.#kitchen;
    this.#ruler.tidy();
    this.#ruler.measure(orders.flatMap((order) => [...SIZES.flatMap((size) => this.#blocks(order, size)), ...this.#also(order)]));
    for (const tight of TIGHTNESS) {
      const long = (item) => TIGHTNESS.slice(0, tight).every((less) => !this.#fits(item, less));
      this.#ruler.measure(orders.flatMap((order) => lens.items(order).filter(long).map((item) => this.#row(order, item, tight))));
    }
  }

  #blocks(order, size) {
    return blocksOf(order, size).map((block) => ({ key: block.key, place: "blocks", create: () => createBlock(block, order, size, this.#kitchen) }));
  }

  #heightOf(blocks) {
    return blocks.reduce((sum, { key }) => sum + this.#ruler.height(key), 0);
  }

  #row(order, item, tight) {
    return { key: rowKey(item, tight), place: "rows", create: () => this.#createRow(order, item, tight) };
  }

  #createRow(order, item, tight) {
    const row = createRow(item);
    updateRow(row, item, { ...BLANK, order, tight }, this.#kitchen);
    return row;
  }

  /** What is not known is too high: only what has not fitted so far is measured again, with less in it. */
  #fits(item, tight) {
    return this.#ruler.height(rowKey(item, tight)) <= this.#ruler.room;
  }

  #tightness(item) {
    return TIGHTNESS.find((tight) => this.#fits(item, tight)) ?? TIGHTNESS.at(-1);
  }

  /** The line that names the other stations, which stands under the rows. */
  #also(order) {
    const { lens, names } = this.#kitchen;
    const words = lens.others(order).map(({ key }) => names.station(key));
    return words.length === 0 ? [] : [{ key: JSON.stringify(["also", words]), place: "blocks", create: () => alsoLine(words) }];
  }

  #cut(order) {
    const rows = this.#kitchen.lens.items(order);
    const tight = new Map(rows.map((item) => [item.line, this.#tightness(item)]));
    const heights = rows.map((item) => this.#ruler.height(rowKey(item, tight.get(item.line))));
    const room = this.#ruler.room - this.#heightOf(this.#also(order));
    const size = SIZES.find((each) => this.#heightOf(blocksOf(order, each)) <= room) ?? SIZES.at(-1);
    const parts = cut(heights, room - this.#heightOf(blocksOf(order, size)), room);
    return parts.map(([from, to], part) => ({ key: `${order.id}.${part}`, order, part, parts: parts.length, items: rows.slice(from, to), tight, size }));
  }
}

/** A ticket of which only the frame counts. */
function emptyTicket() {
  const ticket = new KitchenTicket().build();
  for (const name of ["room", "number", "timer", "level"]) ticket.querySelector(`.ticket-${name}`).textContent = "0";
  return h("div", { class: "ticket" }, ...ticket.children);
}

function alsoLine(words) {
  return h("ul", { class: "also" }, words.map((word) => h("li", {}, `${word} 10/10`)));
}
