import { h, reconcile, setText } from "../dom.js";
import { hasIcon, icon } from "../icons.js";
import { isOpen, partOfDay } from "./hours.js";
import { stepper } from "./stepper.js";

const FEATURED = "featured";

/** The menu: a band that greets, the sections to jump to, and every dish on one page, like a paper menu. */
export class MenuView extends HTMLElement {
  #app;
  #greeting = h("h1", { class: "hero-greeting", tabindex: "-1" });
  #heroText = h("p", { class: "hero-text" });
  #taxText = h("p", { class: "hero-tax" });
  #tabs = h("nav", { class: "sections" });
  #list = h("div", { class: "courses" });
  #watch = null;

  attach(app) {
    this.#app = app;
    const hero = h("header", { class: "hero" }, h("div", { class: "hero-inner" }, this.#greeting, this.#heroText), this.#taxText);
    this.append(this.#tabs, h("div", { class: "menu-scroll", tabindex: "-1" }, hero, this.#list));
  }

  get #sections() {
    const { hub } = this.#app;
    const items = hub.store.all("menu_item").sort((a, b) => a.display_order - b.display_order);
    const featured = { key: FEATURED, items: items.filter((item) => item.is_featured) };
    const rest = hub.store.hotel.categories.map((category) => ({
      ...category,
      items: items.filter((item) => item.category === category.key),
    }));
    return [featured, ...rest].filter((section) => section.items.length > 0);
  }

  render() {
    const { hub, i18n } = this.#app;
    const hotel = hub.store.hotel;
    setText(this.#greeting, i18n.text(`greeting.${partOfDay(hub.now(), hotel.time_zone)}`));
    setText(this.#heroText, i18n.text("hero"));
    setText(this.#taxText, i18n.text(hotel.prices_include_tax ? "tax.included" : "tax.excluded"));
    this.#tabs.setAttribute("aria-label", i18n.text("categories"));
    const sections = this.#sections;
    reconcile(this.#tabs, sections, {
      key: (section) => section.key,
      create: (section) => this.#createTab(section),
      update: (tab, section) => setText(tab.lastElementChild, this.#title(section)),
    });
    reconcile(this.#list, sections, {
      key: (section) => section.key,
      create: (section) => this.#createSection(section),
      update: (element, section) => {
        setText(element.querySelector("h2"), this.#title(section));
        reconcile(element.querySelector(".dishes"), section.items, {
          key: (item) => item.id,
          create: () => new DishCard(this.#app),
          update: (card, item) => card.show(item),
        });
      },
    });
    this.#follow(sections.length);
  }

  #title(section) {
    return section.key === FEATURED ? this.#app.i18n.text("featured") : this.#app.i18n.of(section, "name");
  }

  #createTab(section) {
    const jump = () => this.#list.querySelector(`[data-key="${section.key}"]`).scrollIntoView({ block: "start" });
    const symbol = hasIcon(section.key) ? section.key : "main";
    return h("button", { type: "button", class: "section-tab", onclick: jump }, icon(symbol), h("span"));
  }

  #createSection(section) {
    const id = `course-${section.key}`;
    return h("section", { class: "course", "aria-labelledby": id }, h("h2", { id }), h("div", { class: "dishes" }));
  }

  /** Mark the section that is being read. */
  #follow(count) {
    if (this.#watch?.count === count) return;
    this.#watch?.observer.disconnect();
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) if (isIntersecting) this.#mark(target.dataset.key);
      },
      { root: this.querySelector(".menu-scroll"), rootMargin: "-10% 0px -85% 0px" },
    );
    for (const section of this.#list.children) observer.observe(section);
    this.#watch = { observer, count };
    if (!this.#tabs.querySelector("[aria-current]")) this.#mark(FEATURED);
  }

  #mark(key) {
    for (const tab of this.#tabs.children) {
      if (tab.dataset.key === key) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    }
  }
}

/** One dish. Rebuilt when its document or the language changes; the quantity alone touches only the stepper. */
class DishCard extends HTMLElement {
  #app;
  #shown = null;
  #stepper = null;

  constructor(app) {
    super();
    this.#app = app;
  }

  show(item) {
    const { hub, i18n, basket } = this.#app;
    const open = isOpen(item, hub.now(), hub.store.hotel.time_zone);
    const shown = this.#shown;
    if (shown?.item !== item || shown.language !== i18n.language || shown.open !== open) {
      this.#shown = { item, language: i18n.language, open };
      this.#build(item, open);
    }
    this.#stepper?.show(basket.quantity(item.id));
    this.classList.toggle("chosen", basket.quantity(item.id) > 0);
  }

  #build(item, open) {
    const { i18n } = this.#app;
    const name = i18n.of(item, "name");
    const orderable = open && !item.sold_out;
    this.#stepper = orderable ? stepper(this.#app, item.id, name) : null;
    this.className = "dish";
    this.classList.toggle("unavailable", !orderable);
    this.dataset.item = item.id;
    let away = "";
    if (!open) away = i18n.text("closed", { start: item.start_time, end: item.end_time });
    if (item.sold_out) away = i18n.text("soldout");
    this.replaceChildren(
      item.image_url ? h("img", { class: "dish-photo", src: item.image_url, alt: name, loading: "lazy" }) : "",
      h("div", { class: "dish-marks" }, this.#marks(item)),
      h("h3", {}, name),
      h("p", { class: "dish-text" }, i18n.of(item, "description")),
      this.#allergens(item),
      h(
        "div",
        { class: "dish-foot" },
        h("div", {},
          h("span", { class: "price" }, i18n.yen(item.price)),
          h("span", { class: "minutes" }, icon("clock"), i18n.text("minutes", { minutes: item.preparation_minutes }))),
        this.#stepper ?? h("span", { class: "away" }, away),
      ),
    );
  }

  #marks(item) {
    const { i18n } = this.#app;
    const marks = ["signature", "vegan", "vegetarian"].filter((tag) => item.tags.includes(tag));
    if (marks.includes("vegan")) marks.splice(marks.indexOf("vegetarian"), marks.includes("vegetarian") ? 1 : 0);
    if (item.age_restricted) marks.push("adults");
    return marks.map((mark) => h("span", { class: `mark ${mark}` }, i18n.text(mark)));
  }

  #allergens(item) {
    const { i18n } = this.#app;
    if (item.allergens === null) return h("p", { class: "allergens unknown" }, i18n.text("allergens.unknown"));
    if (item.allergens.length === 0) return h("p", { class: "allergens none" }, i18n.text("allergens.none"));
    const names = item.allergens.map((code) =>
      h("li", {}, i18n.has(`allergen.${code}`) ? i18n.text(`allergen.${code}`) : code),
    );
    return h("ul", { class: "allergens", "aria-label": i18n.text("allergens") }, names);
  }
}

customElements.define("menu-view", MenuView);
customElements.define("dish-card", DishCard);
