import { h, reconcile, setText } from "../../dom.js";
import { allDay } from "../all-day.js";
import { isActive } from "../../core/visibility.js";
import { onLongPress } from "./long-press.js";
import { Upcoming } from "./upcoming.js";

/** Beside the tickets, when a cook wants it there: what is to be made in all, and what is ordered for later. */
export class SideRail extends HTMLElement {
  #kitchen;
  #title = h("h2");
  #total = h("span", { class: "rail-total" });
  #list = h("ul", { class: "all-day" });
  #none = h("p", { class: "rail-none" });
  #hint = h("p", { class: "rail-hint" });
  #upcoming = new Upcoming();

  attach(kitchen) {
    this.#kitchen = kitchen;
    this.append(
      h("section", { class: "rail-part" }, h("header", {}, this.#title, this.#total), this.#none, this.#list, this.#hint),
      this.#upcoming.attach(kitchen),
    );
    this.#list.addEventListener("click", ({ target }) => {
      const row = target.closest("button");
      if (row === null) return;
      kitchen.marks.toggle(row.dataset.dish, row.dataset.variant ?? null);
      kitchen.render();
    });
    onLongPress(this.#list, "button", ({ dataset }) => {
      const dish = kitchen.hub.store.get("menu_item", dataset.dish);
      if (dish !== null) kitchen.askSoldOut(dish);
    });
  }

  render() {
    if (this.hidden) return;
    const { hub, i18n, lens, orders } = this.#kitchen;
    const now = hub.now();
    const open = orders.all().filter((order) => isActive(order) && lens.shows(order, now));
    const place = (id) => hub.store.get("menu_item", id)?.display_order ?? Infinity;
    const dishes = allDay(open, lens, place);
    setText(this.#title, i18n.text("rail"));
    setText(this.#total, i18n.text("rail.total", { count: dishes.reduce((sum, { quantity }) => sum + quantity, 0) }));
    setText(this.#none, i18n.text("rail.none"));
    setText(this.#hint, i18n.text("rail.hint"));
    this.#none.hidden = dishes.length > 0;
    this.#hint.hidden = dishes.length === 0;
    reconcile(this.#list, dishes, {
      key: ({ id }) => id,
      create: ({ id }) => h("li", {}, line(id), h("div", { class: "variants" })),
      update: (row, dish) => this.#update(row, dish),
    });
    this.#upcoming.render();
  }

  #update(row, dish) {
    const { i18n, hub, marks } = this.#kitchen;
    const [button, variants] = row.children;
    fill(button, dish.quantity, i18n.of(dish, "name"));
    button.setAttribute("aria-pressed", String(marks.key === `${dish.id}/null`));
    row.classList.toggle("is-sold", hub.store.get("menu_item", dish.id)?.sold_out ?? false);
    reconcile(variants, dish.variants, {
      key: ({ key }) => `v${key}`,
      create: ({ key }) => line(dish.id, key),
      update: (element, { key, options, quantity }) => {
        fill(element, quantity, options.map((option) => i18n.of(option, "name")).join(" · ") || i18n.text("rail.plain"));
        element.setAttribute("aria-pressed", String(marks.key === `${dish.id}/${key}`));
      },
    });
  }
}

const line = (dish, variant) =>
  h("button", { type: "button", class: "all-day-row", data: variant === undefined ? { dish } : { dish, variant } },
    h("span", { class: "all-day-count" }), h("span", { class: "all-day-name" }));

function fill(button, quantity, name) {
  setText(button.firstElementChild, String(quantity));
  setText(button.lastElementChild, name);
}

customElements.define("side-rail", SideRail);
