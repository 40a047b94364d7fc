import { h, setText } from "../dom.js";
import { conflictOf } from "./allergens.js";
import { warningText } from "./conflict-text.js";
import { avoided } from "./filter.js";
import { isFull, keyOf, toggled } from "./options.js";

/** The choices of a dish, group by group, as radio buttons or check boxes that say what each costs more or less. */
export class OptionGroups extends HTMLElement {
  #app;
  #change;
  #shown = null;

  /** @param change gets the chosen keys after a touch */
  attach(app, change) {
    this.#app = app;
    this.#change = change;
  }

  show(item, keys) {
    const { i18n } = this.#app;
    const avoid = avoided(this.#app);
    // what else may change of a dish must not take the focus from who is choosing
    const shown = { item: item.id, options: JSON.stringify(item.options), language: i18n.language, avoid: avoid.join() };
    if (Object.entries(shown).some(([name, value]) => this.#shown?.[name] !== value)) {
      this.#shown = shown;
      this.replaceChildren(...item.options.map((group) => this.#group(item, group, avoid)));
    }
    for (const input of this.querySelectorAll("input")) input.checked = keys.includes(input.value);
    for (const group of item.options) {
      const fieldset = this.querySelector(`[data-group="${group.key}"]`);
      const full = group.max > 1 && isFull(group, keys);
      for (const input of fieldset.querySelectorAll("input")) input.disabled = full && !input.checked;
    }
    this.#keys = keys;
  }

  #keys = [];

  /** Mark the group that still needs a choice, and lead there. */
  lead(group) {
    const fieldset = this.querySelector(`[data-group="${group.key}"]`);
    fieldset.classList.add("missing");
    setText(fieldset.querySelector(".group-problem"), this.#app.i18n.text("option.missing"));
    fieldset.scrollIntoView({ block: "center" });
    fieldset.querySelector("input").focus({ preventScroll: true });
  }

  #group(item, group, avoid) {
    const { i18n } = this.#app;
    const single = group.max === 1 && group.min === 1;
    const problem = h("p", { class: "group-problem", role: "alert" });
    const choices = group.choices.map((choice) => this.#choice(item, group, choice, { single, avoid }));
    return h("fieldset", { data: { group: group.key } },
      h("legend", {}, i18n.of(group, "name"), " ", h("span", { class: "group-rule" }, this.#rule(group))),
      problem,
      h("div", { class: "choices" }, choices));
  }

  #rule({ min, max, choices }) {
    const { i18n } = this.#app;
    if (min === 0 && max === 1) return i18n.text("option.optional");
    if (min === 0) return i18n.text("option.upto", { max: Math.min(max, choices.length) });
    if (min === max) return i18n.text("option.exactly", { count: min });
    return i18n.text("option.range", { min, max });
  }

  #choice(item, group, choice, { single, avoid }) {
    const { i18n } = this.#app;
    const key = keyOf(group, choice);
    const input = h("input", { type: single ? "radio" : "checkbox", name: `option-${group.key}`, value: key });
    input.addEventListener("change", () => {
      const fieldset = input.closest("fieldset");
      fieldset.classList.remove("missing");
      setText(fieldset.querySelector(".group-problem"), "");
      this.#keys = toggled(group, choice, this.#keys); // a second touch may come before the page is drawn
      this.#change(this.#keys);
    });
    const conflict = avoid.length === 0 ? null : conflictOf({ ...choice, may_contain: [] }, avoid);
    return h("label", { class: "choice" },
      input,
      h("span", { class: "choice-name" }, i18n.of(choice, "name"),
        conflict === null ? "" : h("span", { class: "choice-warning" }, warningText(this.#app, conflict))),
      choice.price === 0 ? "" : h("span", { class: "choice-price" }, i18n.difference(choice.price)));
  }
}

customElements.define("option-groups", OptionGroups);
