import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { listOf } from "./allergens.js";
import { avoided, declared } from "./filter.js";
import { call } from "./phone.js";

/**
 * What the guest must not eat: to mark or hide dishes on this tablet only, or to be told to the kitchen for the whole
 * stay. Nothing is changed before one of the two is pressed.
 */
export class AllergyView extends HTMLElement {
  #app;
  #chosen = new Set();
  #sending = false;
  #failed = false;
  #back = h("button", { type: "button", class: "quiet back" }, icon("back"), h("span"));
  #title = h("h1", { tabindex: "-1" });
  #intro = h("p", { class: "allergy-intro" });
  #mandatory = h("div", { class: "allergy-choices" });
  #others = h("div", { class: "allergy-choices" });
  #mandatoryTitle = h("h2", { id: "allergens-mandatory" });
  #othersTitle = h("h2", { id: "allergens-others" });
  #hideBox = h("input", { type: "checkbox", id: "hide-conflicts" });
  #hideText = h("label", { for: "hide-conflicts" });
  #state = h("p", { class: "allergy-state", role: "status" });
  #tell = h("button", { type: "button", class: "primary" });
  #mark = h("button", { type: "button", class: "quiet" });
  #care = h("p", { class: "hint" });

  attach(app) {
    this.#app = app;
    this.#back.addEventListener("click", () => app.go("menu"));
    this.#tell.addEventListener("click", () => this.#declare());
    this.#mark.addEventListener("click", () => this.#markOnly());
    this.append(
      h("div", { class: "allergy-main" }, this.#back, this.#title, this.#intro,
        h("section", { "aria-labelledby": "allergens-mandatory" }, this.#mandatoryTitle, this.#mandatory),
        h("section", { "aria-labelledby": "allergens-others" }, this.#othersTitle, this.#others)),
      h("div", { class: "allergy-side" },
        this.#state,
        h("div", { class: "check" }, this.#hideBox, this.#hideText),
        this.#tell, this.#mark, this.#care),
    );
  }

  opened() {
    this.#chosen = new Set(avoided(this.#app));
    this.#hideBox.checked = this.#app.filter.hide;
    this.#failed = false;
  }

  wiped() {
    this.#chosen = new Set();
    this.#hideBox.checked = false;
    for (const each of this.querySelectorAll("[aria-pressed]")) each.setAttribute("aria-pressed", "false");
  }

  render() {
    const { i18n, hub } = this.#app;
    setText(this.#back.lastElementChild, i18n.text("review.back"));
    setText(this.#title, i18n.text("allergy.title"));
    setText(this.#intro, i18n.text("allergy.intro"));
    setText(this.#mandatoryTitle, i18n.text("allergy.mandatory"));
    setText(this.#othersTitle, i18n.text("allergy.others"));
    setText(this.#hideText, i18n.text("allergy.hide"));
    setText(this.#care, i18n.text("allergy.care", { call: call(this.#app) }));
    setText(this.#mark, i18n.text("allergy.mark"));
    const list = listOf(this.#app);
    this.#showChoices(this.#mandatory, list.filter(({ mandatory }) => mandatory));
    this.#showChoices(this.#others, list.filter(({ mandatory }) => !mandatory));
    const told = declared(this.#app);
    const changed = told.length !== this.#chosen.size || told.some((code) => !this.#chosen.has(code));
    setText(this.#state, this.#stateText(told, changed));
    this.#state.classList.toggle("problem", this.#failed);
    const clears = this.#chosen.size === 0;
    setText(this.#tell, i18n.text(this.#sending ? "allergy.telling" : clears && told.length > 0 ? "allergy.clear" : "allergy.tell"));
    this.#tell.disabled = this.#sending || !changed || !hub.live;
  }

  #stateText(told, changed) {
    const { i18n, hub } = this.#app;
    if (this.#failed) return i18n.text("allergy.failed", { call: call(this.#app) });
    if (!hub.live) return i18n.text("allergy.offline", { call: call(this.#app) });
    if (changed && this.#chosen.size > 0) return i18n.text("allergy.untold");
    if (told.length > 0) return i18n.text(changed ? "allergy.removed" : "allergy.known");
    return i18n.text("allergy.none");
  }

  #showChoices(element, list) {
    const { i18n } = this.#app;
    reconcile(element, list, {
      key: ({ code }) => code,
      create: ({ code }) => h("button", { type: "button", class: "allergy", onclick: () => this.#toggle(code) }, icon("check"), h("span")),
      update: (button, allergen) => {
        setText(button.lastElementChild, i18n.of(allergen, "name"));
        button.setAttribute("aria-pressed", String(this.#chosen.has(allergen.code)));
      },
    });
  }

  #toggle(code) {
    if (!this.#chosen.delete(code)) this.#chosen.add(code);
    this.#failed = false;
    this.#app.render();
  }

  #markOnly() {
    const told = new Set(declared(this.#app));
    this.#app.filter.set({ avoid: [...this.#chosen].filter((code) => !told.has(code)), hide: this.#hideBox.checked });
    this.#app.go("menu");
  }

  async #declare() {
    const { hub, filter, i18n } = this.#app;
    const allergens = listOf(this.#app).map(({ code }) => code).filter((code) => this.#chosen.has(code));
    this.#sending = true;
    this.#failed = false;
    this.#app.render();
    try {
      await hub.command("stay.declare", { allergens });
      filter.set({ avoid: [], hide: this.#hideBox.checked });
      this.#app.say(i18n.text(allergens.length > 0 ? "allergy.known" : "allergy.none"));
      if (this.#app.page === "allergies") this.#app.go("menu");
    } catch {
      this.#failed = true;
    }
    this.#sending = false;
    this.#app.render();
  }
}

customElements.define("allergy-view", AllergyView);
