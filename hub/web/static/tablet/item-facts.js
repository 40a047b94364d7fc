import { h } from "../dom.js";
import { conflictOf, contained, namesOf } from "./allergens.js";
import { readyText } from "./availability.js";
import { warningText } from "./conflict-text.js";
import { avoided } from "./filter.js";

/** What a dish is: how long it takes, when it is served, and what is in it as it is chosen now. */
export class ItemFacts extends HTMLElement {
  #app;
  #shown = "";

  attach(app) {
    this.#app = app;
  }

  show(item, keys) {
    const { i18n } = this.#app;
    const conflict = conflictOf(item, avoided(this.#app), keys);
    const inside = contained(item, keys);
    const shown = JSON.stringify([item.id, i18n.language, conflict, inside, item.may_contain, item.start_time, item.end_time]);
    if (this.#shown === shown) return;
    this.#shown = shown;
    const fact = (name, text, state = "") => h("div", { class: `fact ${state}` }, h("dt", {}, i18n.text(name)), h("dd", {}, text));
    const none = item.may_contain.length > 0 ? "contains.none" : "allergens.none";
    this.replaceChildren(
      conflict === null ? "" : h("p", { class: "warning" }, warningText(this.#app, conflict)),
      h("dl", { class: "item-facts" },
        inside === null
          ? fact("contains", i18n.text("allergens.unknown"), "unknown")
          : fact("contains", inside.length > 0 ? namesOf(this.#app, inside) : i18n.text(none)),
        item.may_contain.length > 0 ? fact("may_contain", namesOf(this.#app, item.may_contain)) : "",
        fact("item.time", readyText(this.#app, item)),
        item.start_time ? fact("item.hours", this.#hours(item)) : ""),
      h("p", { class: "hint" }, i18n.text("allergens.hint")),
    );
  }

  #hours(item) {
    const { i18n } = this.#app;
    const hours = i18n.text("hours", { start: item.start_time.slice(0, 5), end: item.end_time.slice(0, 5) });
    const days = item.days?.map((day) => i18n.text(`weekday.${day}`)).join(i18n.language === "ja" ? "・" : ", ");
    return days ? `${days} ${hours}` : hours;
  }
}

customElements.define("item-facts", ItemFacts);
