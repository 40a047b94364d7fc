import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { namesOf } from "./allergens.js";
import { avoided, declared } from "./filter.js";
import { WISHES } from "./marks.js";

const FEW = 2;

/** Above the dishes: the way to allergies, and the tags that a dish must have. */
export class FilterBar extends HTMLElement {
  #app;
  #allergies = h("button", { type: "button", class: "chip allergies-chip" }, icon("allergy"), h("span"));
  #tags = h("div", { class: "chips" });

  attach(app) {
    this.#app = app;
    this.setAttribute("role", "group");
    this.#allergies.addEventListener("click", () => app.go("allergies"));
    this.append(this.#allergies, this.#tags);
  }

  render(items) {
    const { i18n, filter, basket } = this.#app;
    this.setAttribute("aria-label", i18n.text("filter"));
    const avoid = avoided(this.#app);
    const told = declared(this.#app).length > 0;
    const names = avoid.length > FEW ? i18n.text("allergies.many", { count: avoid.length }) : namesOf(this.#app, avoid);
    let text = i18n.text("allergies");
    if (avoid.length > 0) text = i18n.text(told ? "allergies.told" : "allergies.avoid", { names });
    setText(this.#allergies.lastElementChild, text);
    this.#allergies.disabled = !basket.open;
    this.#allergies.classList.toggle("active", avoid.length > 0);
    const used = WISHES.filter((tag) => items.some((item) => item.tags.includes(tag)));
    reconcile(this.#tags, used, {
      key: (tag) => tag,
      create: (tag) => h("button", { type: "button", class: "chip", onclick: () => filter.toggleTag(tag) }),
      update: (chip, tag) => {
        setText(chip, i18n.text(`tag.${tag}`));
        chip.disabled = !basket.open;
        chip.setAttribute("aria-pressed", String(filter.tags.includes(tag)));
      },
    });
  }
}

customElements.define("filter-bar", FilterBar);
