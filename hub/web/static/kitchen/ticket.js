import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { awaitsAcknowledgement } from "../core/visibility.js";
import { ageOf } from "./age.js";
import { needsId, nextOfItem, nextOfOrder } from "./flow.js";
import { linesOf } from "./grid.js";

const FRAME = 165;
const REQUEST_FRAME = 38;
const REQUEST_LINE = 24;
const PADDING = 28;
const ROW = { name: 25, other: 19, note: 23, gap: 11, least: 53 };
const QUANTITY_WIDTH = 90;
const NOTE_LINES = 6;
const REQUEST_LINES = 8;

const between = (least, value, most) => Math.max(least, Math.min(most, Math.floor(value)));

/** Lines of a note and of a guest's request that are shown in a cell; the rest is in the ticket's panel. */
export function lineLimits(shape) {
  const room = shape.cellHeight - FRAME;
  return {
    note: between(1, (room - 2 * ROW.name - ROW.other - ROW.gap - 6) / ROW.note, NOTE_LINES),
    request: between(1, (room - REQUEST_FRAME - ROW.least) / REQUEST_LINE, REQUEST_LINES),
  };
}

const requestLines = (order, shape) => linesOf(order.special_requests, 17, shape.cellWidth - PADDING - 46);

/** The estimated height of an item's row in a cell. */
export function rowHeight(item, shape, i18n) {
  const room = shape.cellWidth - PADDING - QUANTITY_WIDTH;
  const name = Math.min(2, linesOf(i18n.of(item, "name"), 20, room)) * ROW.name;
  const note = item.note ? Math.min(lineLimits(shape).note, linesOf(item.note, 17, room - 12)) * ROW.note + 6 : 0;
  return Math.max(ROW.least, name + ROW.other + note + ROW.gap);
}

/** What the first and a later cell of a ticket have room for. */
export function capacity(order, shape) {
  const room = shape.cellHeight - FRAME;
  if (!order.special_requests) return { first: room, later: room };
  const lines = Math.min(lineLimits(shape).request, requestLines(order, shape));
  return { first: room - lines * REQUEST_LINE - REQUEST_FRAME, later: room };
}

/** One ticket, or one part of a long one. Elements are kept while the document changes: a press is never lost. */
export class KitchenTicket extends HTMLElement {
  #index = h("span", { class: "ticket-index" });
  #room = h("span", { class: "ticket-room" });
  #number = h("span", { class: "ticket-number" });
  #timer = h("span", { class: "ticket-timer" });
  #level = h("span", { class: "ticket-level" });
  #flags = h("div", { class: "ticket-flags" });
  #requestTitle = h("strong");
  #requestText = h("span", { class: "clamp request-text" });
  #request = h("button", { type: "button", class: "ticket-request", "data-action": "details" }, icon("note"), h("span", {}, this.#requestTitle, this.#requestText));
  #items = h("ul", { class: "ticket-items" });
  #bumpText = h("span", { class: "bump-text" });
  #bump = h("button", { type: "button", class: "bump", "data-action": "bump" }, this.#bumpText);
  #more = h("button", { type: "button", class: "more", "data-action": "details" }, icon("more"));

  connectedCallback() {
    if (this.childElementCount > 0) return;
    this.classList.add("ticket");
    this.setAttribute("role", "group");
    this.append(
      h("header", { class: "ticket-head" },
        h("div", { class: "ticket-where" }, this.#room, this.#number),
        h("div", { class: "ticket-age" }, this.#timer, this.#level)),
      h("div", { class: "ticket-marks" }, this.#flags, this.#index),
      this.#request,
      this.#items,
      h("footer", { class: "ticket-foot" }, this.#bump, this.#more),
    );
  }

  /** @param view `{order, part, parts, from, to, index, selected, fresh, leaving, pending, guarded, shape}` */
  show(view, { i18n, hub }) {
    const { order, part, parts } = view;
    const cancelled = order.status === "cancelled";
    const shouting = !view.leaving && awaitsAcknowledgement(order);
    this.dataset.order = order.id;
    this.dataset.status = order.status;
    this.classList.toggle("selected", view.selected);
    this.classList.toggle("fresh", view.fresh);
    this.classList.toggle("leaving", view.leaving);
    this.classList.toggle("cancelled", cancelled);
    this.classList.toggle("shouting", shouting);
    this.inert = view.leaving;
    setText(this.#index, view.index < 10 ? String((view.index + 1) % 10) : "");
    setText(this.#room, order.room_number);
    setText(this.#number, `#${order.order_number}`);
    this.setAttribute("aria-label", `${order.room_number} #${order.order_number}`);
    this.tick(view, { i18n, hub });
    this.#showFlags(view, i18n);
    this.#request.hidden = !order.special_requests || part > 0;
    const cut = order.special_requests && requestLines(order, view.shape) > lineLimits(view.shape).request;
    setText(this.#requestTitle, i18n.text(cut ? "request.more" : "request"));
    setText(this.#requestText, order.special_requests ?? "");
    reconcile(this.#items, order.items.slice(view.from, view.to), {
      key: (item) => String(item.line),
      create: (item) => this.#createItem(item),
      update: (row, item) => this.#updateItem(row, item, view, i18n),
    });
    this.#showBump(view, i18n, hub);
    this.#more.setAttribute("aria-label", i18n.text("more", { room: order.room_number }));
    this.classList.toggle("continues", part < parts - 1);
  }

  /** Only what time changes. */
  tick({ order }, { i18n, hub }) {
    const { minutes, level } = ageOf(order, hub.now());
    this.dataset.level = level;
    setText(this.#timer, i18n.text("minutes", { minutes }));
    setText(this.#level, i18n.text(`level.${level}`));
  }

  #showFlags({ order, part, parts }, i18n) {
    const changed = order.status !== "cancelled" && order.items.some((item) => item.status === "cancelled");
    const flags = [
      order.status === "cancelled" && "cancelled",
      order.recall_count > 0 && "recalled",
      changed && "changed",
      order.status === "received" && "new",
      needsId(order) && "age",
    ].filter(Boolean);
    const texts = flags.map((flag) => [flag, i18n.text(`flag.${flag}`)]);
    if (parts > 1) texts.push(["continued", i18n.text("flag.continued", { part: part + 1, parts })]);
    reconcile(this.#flags, texts, {
      key: ([flag]) => flag,
      create: ([flag]) => h("span", { class: `flag ${flag}` }),
      update: (element, [, text]) => setText(element, text),
    });
  }

  #createItem(item) {
    return h("li", {},
      h("button", { type: "button", class: "item", "data-action": "item", "data-line": String(item.line) },
        h("span", { class: "quantity" }),
        h("span", { class: "item-text" },
          h("span", { class: "clamp item-name" }),
          h("span", { class: "clamp item-other" }),
          h("span", { class: "clamp item-note" })),
        h("span", { class: "item-state" }, h("span", { class: "state-mark" }), h("span", { class: "state-word" }))));
  }

  #updateItem(row, item, { order, pending }, i18n) {
    const button = row.firstElementChild;
    const next = nextOfItem(order, item);
    row.className = item.status;
    row.classList.toggle("pending-answer", pending.has(`${order.id}:${item.line}`) || pending.has(`${order.id}:*`));
    setText(button.querySelector(".quantity"), `${item.quantity}`);
    row.classList.toggle("several", item.quantity > 1);
    const name = button.querySelector(".item-name");
    setText(name, i18n.of(item, "name"));
    const other = button.querySelector(".item-other");
    setText(other, i18n.otherOf(item, "name"));
    other.lang = i18n.other;
    const note = button.querySelector(".item-note");
    note.hidden = !item.note;
    setText(note, item.note ?? "");
    setText(button.querySelector(".state-word"), i18n.text(`state.${item.status}`));
    button.setAttribute("aria-disabled", String(next === null));
  }

  #showBump({ order, leaving, pending, guarded }, i18n, hub) {
    const next = awaitsAcknowledgement(order) ? "acknowledge" : nextOfOrder(order);
    const waiting = pending.has(`${order.id}:*`);
    this.#bump.dataset.next = next ?? "";
    this.#bump.setAttribute("aria-busy", String(waiting));
    this.#bump.setAttribute("aria-disabled", String(waiting || guarded.has(`${order.id}:*`)));
    this.#bump.classList.toggle("queued", waiting && !hub.live);
    let text;
    if (leaving) text = i18n.text(order.status === "cancelled" ? "done.cancelled" : "done.delivered");
    else if (waiting) text = i18n.text(hub.live ? "sending" : "queued");
    else text = next === null ? "" : i18n.text(`bump.${next}`);
    setText(this.#bumpText, text);
  }
}

customElements.define("kitchen-ticket", KitchenTicket);
