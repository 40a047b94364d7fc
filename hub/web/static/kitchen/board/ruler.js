import { h } from "../../dom.js";

const MOST_KNOWN = 3000;

/**
 * How high rows and blocks are, as this browser draws them in a cell. Everything is measured once for a shape of the
 * grid, all that is new in one go, so that a full board costs one layout and a new ticket nearly nothing.
 */
export class Ruler {
  element = h("div", { class: "ruler", "aria-hidden": "true" });
  /** Counts the times that everything known was forgotten. */
  epoch = 0;
  room = 0;
  #known = new Map();
  #ticket;
  #blocks;
  #rows;

  /** @param ticket an empty ticket, whose frame is measured too */
  constructor(ticket) {
    this.#ticket = ticket;
    this.element.inert = true;
    this.element.append(ticket);
    this.#blocks = ticket.querySelector(".ticket-blocks");
    this.#rows = ticket.querySelector(".ticket-items");
  }

  /** Forget everything: cells, text or language have changed. */
  reset({ cellWidth, cellHeight }) {
    this.epoch += 1;
    this.#known.clear();
    this.element.style.width = `${cellWidth}px`;
    this.element.style.height = `${cellHeight}px`;
    const padding = parseFloat(getComputedStyle(this.#rows).paddingTop);
    this.room = this.#rows.clientHeight - padding;
  }

  /** What is measured after it is known until it is called again: call it before all that is needed together. */
  tidy() {
    if (this.#known.size > MOST_KNOWN) this.#known.clear();
  }

  /** @param wanted `{key, place: "rows" | "blocks", create}`; what is known already is not made again */
  measure(wanted) {
    const fresh = new Map();
    for (const each of wanted) if (!this.#known.has(each.key)) fresh.set(each.key, each);
    if (fresh.size === 0) return;
    const made = [...fresh.values()].map(({ key, place, create }) => [key, place, create()]);
    this.#rows.append(...made.filter(([, place]) => place === "rows").map(([, , element]) => element));
    this.#blocks.append(...made.filter(([, place]) => place === "blocks").map(([, , element]) => element));
    for (const [key, , element] of made) this.#known.set(key, heightOf(element));
    this.#rows.replaceChildren();
    this.#blocks.replaceChildren();
  }

  height(key) {
    return this.#known.get(key);
  }
}

function heightOf(element) {
  const { height } = element.getBoundingClientRect();
  return height === 0 ? 0 : height + parseFloat(getComputedStyle(element).marginTop);
}
