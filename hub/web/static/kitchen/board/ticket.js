import { h, reconcile, setText } from "../../dom.js";
import { icon } from "../../icons.js";
import { isCalling, nextStep } from "../flow.js";
import { shouts } from "../noted.js";
import { renderBlocks } from "./blocks.js";
import { flagsOf } from "./flags.js";
import { createRow, updateRow } from "./row.js";

/** One ticket, or one part of a long one. Elements are kept while the document changes: a press is never lost. */
export class KitchenTicket extends HTMLElement {
  #part = h("span", { class: "ticket-part" });
  #key = h("span", { class: "ticket-key", "aria-hidden": "true" });
  #room = h("span", { class: "ticket-room" });
  #number = h("span", { class: "ticket-number" });
  #timer = h("span", { class: "ticket-timer" });
  #level = h("span", { class: "ticket-level" });
  #flags = h("div", { class: "ticket-flags" });
  #blocks = h("div", { class: "ticket-blocks" });
  #items = h("ul", { class: "ticket-items" });
  #also = h("ul", { class: "also", hidden: true });
  #bumpText = h("span", { class: "bump-text" });
  #bump = h("button", { type: "button", class: "bump", "data-action": "bump" }, this.#bumpText);
  #more = h("button", { type: "button", class: "more", "data-action": "details" }, icon("more"));
  #shown = null;

  connectedCallback() {
    if (this.childElementCount === 0) this.build();
  }

  build() {
    this.classList.add("ticket");
    this.setAttribute("role", "group");
    this.append(
      h("header", { class: "ticket-head" },
        h("div", { class: "ticket-where" }, this.#room, this.#number),
        h("div", { class: "ticket-age" }, this.#timer, this.#level)),
      h("div", { class: "ticket-marks" }, this.#flags, this.#part, this.#key),
      this.#blocks,
      this.#items,
      this.#also,
      h("footer", { class: "ticket-foot" }, this.#bump, this.#more),
    );
    return this;
  }

  /**
   * @param view `{order, part, parts, items, tight, size, others, index, selected, fresh, leaving, waiting, queued,
   *   guarded, guardedLines, marked, unmarked, silent, stationOf, state}`; `state` differs whenever any of it does
   */
  show(view, kitchen) {
    this.tick(view, kitchen);
    if (this.#shown?.order === view.order && this.#shown.state === view.state) return;
    this.#shown = view;
    const { order } = view;
    const { i18n } = kitchen;
    this.dataset.order = order.id;
    this.dataset.status = order.status;
    for (const name of ["selected", "fresh", "leaving", "unmarked"]) this.classList.toggle(name, view[name]);
    this.classList.toggle("cancelled", order.status === "cancelled");
    this.classList.toggle("shouting", !view.leaving && shouts(order, kitchen.lens));
    this.classList.toggle("calling", isCalling(order));
    this.inert = view.leaving;
    setText(this.#key, view.index < 10 ? String((view.index + 1) % 10) : "");
    setText(this.#part, view.parts > 1 ? i18n.text("continued", { part: view.part + 1, parts: view.parts }) : "");
    setText(this.#room, order.room_number);
    setText(this.#number, `#${order.order_number}`);
    this.setAttribute("aria-label", `${order.room_number} #${order.order_number}`);
    this.#showFlags(view, kitchen);
    if (view.part === 0) renderBlocks(this.#blocks, order, view.size, kitchen);
    else this.#blocks.replaceChildren();
    reconcile(this.#items, view.items, {
      key: (item) => String(item.line),
      create: createRow,
      update: (row, item) => updateRow(row, item, { ...view, tight: view.tight.get(item.line), station: view.stationOf(item) }, kitchen),
    });
    this.#showAlso(view, kitchen);
    this.#showBump(view, kitchen);
    this.#more.setAttribute("aria-label", i18n.text("more", { room: order.room_number }));
  }

  /** Only what time changes. */
  tick({ order }, kitchen) {
    const { minutes, level } = kitchen.age(order);
    this.dataset.level = level;
    setText(this.#timer, kitchen.i18n.text("minutes", { minutes }));
    setText(this.#level, kitchen.i18n.text(`level.${level}`));
  }

  get bumpButton() {
    return this.#bump;
  }

  #showFlags(view, { i18n }) {
    reconcile(this.#flags, flagsOf(view, i18n), {
      key: ([flag]) => flag,
      create: ([flag]) => h("span", { class: `flag ${flag}` }),
      update: (element, [, text]) => setText(element, text),
    });
  }

  #showAlso({ others, part, parts }, { i18n, names }) {
    this.#also.hidden = others.length === 0 || part < parts - 1;
    this.#also.setAttribute("aria-label", i18n.text("also"));
    reconcile(this.#also, others, {
      key: ({ key }) => key,
      create: () => h("li"),
      update: (element, { key, done, count }) => {
        element.classList.toggle("done", done === count);
        const values = { station: names.station(key), done, count };
        setText(element, i18n.text(done === count ? "also.done" : "also.open", values));
      },
    });
  }

  #showBump({ order, leaving, waiting, guarded }, { i18n, hub, lens }) {
    const next = nextStep(order, lens);
    const queued = waiting.size > 0 && !hub.live;
    const stopped = next === null || next === "allergy";
    this.#bump.dataset.next = next ?? "";
    this.#bump.setAttribute("aria-disabled", String(stopped || guarded));
    this.#bump.classList.toggle("queued", queued);
    let text = "";
    if (leaving) text = i18n.text(order.status === "cancelled" ? "done.cancelled" : lens.partial ? "done.ready" : "done.delivered");
    else if (next !== null) text = i18n.text(`bump.${next}`);
    else if (waiting.size > 0) text = i18n.text(hub.live ? "sending" : "queued");
    setText(this.#bumpText, text);
  }
}

customElements.define("kitchen-ticket", KitchenTicket);
