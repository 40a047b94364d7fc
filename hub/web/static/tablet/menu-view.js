import { h, reconcile, setText } from "../dom.js";
import { hasIcon, icon } from "../icons.js";
import { conflictOf } from "./allergens.js";
import { DishCard } from "./dish-card.js";
import { avoided } from "./filter.js";
import { FilterBar } from "./filter-bar.js";
import { isOpen, partOfDay } from "./hours.js";

const FEATURED = "featured";
const EAGER = 4;

/** The menu: a band that greets, the sections to jump to, and every dish on one page, like a paper menu. */
export class MenuView extends HTMLElement {
  #app;
  #greeting = h("h1", { class: "hero-greeting", tabindex: "-1" });
  #heroText = h("p", { class: "hero-text" });
  #tabs = h("nav", { class: "sections" });
  #desk = h("p", { class: "desk" });
  #filters = new FilterBar();
  #hidden = h("p", { class: "hidden-note", role: "status" });
  #list = h("div", { class: "courses" });
  #scroll;
  #watch = null;

  attach(app) {
    this.#app = app;
    this.#filters.attach(app);
    const hero = h("header", { class: "hero" }, this.#greeting, this.#heroText);
    this.#scroll = h("div", { class: "menu-scroll", tabindex: "-1" }, hero, this.#filters, this.#hidden, this.#list);
    this.append(h("div", { class: "menu-side" }, this.#tabs, this.#desk), this.#scroll);
  }

  /** Back to the top, as for a new guest. */
  rewind() {
    this.#scroll.scrollTop = 0;
  }

  /** The card of a dish in the section that is being read. */
  card(id) {
    const cards = [...this.#list.querySelectorAll("dish-card")].filter((card) => card.dataset.item === id);
    const top = this.#scroll.getBoundingClientRect();
    const near = (card) => Math.abs(card.getBoundingClientRect().top - top.top - top.height / 2);
    return cards.sort((a, b) => near(a) - near(b))[0] ?? null;
  }

  render() {
    const { hub, i18n, filter } = this.#app;
    const hotel = hub.store.hotel;
    const items = hub.store.all("menu_item").sort((a, b) => a.display_order - b.display_order);
    setText(this.#greeting, i18n.text(`greeting.${partOfDay(hub.now(), hotel.time_zone)}`));
    setText(this.#heroText, `${i18n.text("hero")} ${this.#prices(hotel)}`);
    setText(this.#desk, hotel.phone ? i18n.text("desk.phone", { phone: hotel.phone }) : i18n.text("desk"));
    this.#tabs.setAttribute("aria-label", i18n.text("categories"));
    this.#filters.render(items);
    const avoid = filter.hide ? avoided(this.#app) : [];
    const tagged = items.filter((item) => filter.tags.every((tag) => item.tags.includes(tag)));
    const shown = tagged.filter((item) => conflictOf(item, avoid) === null);
    this.#showHidden(tagged.length - shown.length);
    this.#showSections(this.#sections(items), new Set(shown));
  }

  #prices(hotel) {
    const { i18n } = this.#app;
    const tax = i18n.text(hotel.prices_include_tax ? "tax.included" : "tax.excluded");
    if (!hotel.service_charge_bp) return tax;
    return `${tax} ${i18n.text("service.added", { rate: hotel.service_charge_bp / 100 })}`;
  }

  #showHidden(count) {
    const { i18n, filter } = this.#app;
    this.#hidden.hidden = count === 0;
    const state = `${count}.${i18n.language}`;
    if (this.#hidden.dataset.state === state) return;
    this.#hidden.dataset.state = state;
    const mark = () => filter.set({ hide: false });
    this.#hidden.replaceChildren(
      h("span", {}, i18n.text("hidden", { count })),
      h("button", { type: "button", class: "link", onclick: mark }, i18n.text("hidden.show")),
    );
  }

  #sections(items) {
    const { hub } = this.#app;
    const { categories, time_zone: zone } = hub.store.hotel;
    // what cannot be had at this hour is no good first advice
    const closed = (item) => Number(!isOpen(item, hub.now(), zone));
    const featured = { key: FEATURED, items: items.filter((item) => item.is_featured).sort((a, b) => closed(a) - closed(b)) };
    const rest = categories.map((category) => ({
      ...category,
      items: items.filter((item) => item.category === category.key),
    }));
    return [featured, ...rest].filter((section) => section.items.length > 0);
  }

  #showSections(sections, shown) {
    reconcile(this.#tabs, sections, {
      key: (section) => section.key,
      create: (section) => this.#createTab(section),
      update: (tab, section) => setText(tab.lastElementChild, this.#title(section)),
    });
    let made = 0;
    reconcile(this.#list, sections, {
      key: (section) => section.key,
      create: (section) => this.#createSection(section),
      update: (element, section) => {
        setText(element.querySelector("h2"), this.#title(section));
        const items = section.items.filter((item) => shown.has(item));
        reconcile(element.querySelector(".dishes"), items, {
          key: (item) => item.id,
          create: () => new DishCard(this.#app, { eager: made++ < EAGER }),
          update: (card, item) => card.show(item),
        });
        this.#showEmpty(element.querySelector(".course-empty"), items.length === 0);
      },
    });
    this.#follow(sections.length);
  }

  #showEmpty(element, empty) {
    const { i18n, filter } = this.#app;
    element.hidden = !empty;
    if (!empty || element.dataset.language === i18n.language) return;
    element.dataset.language = i18n.language;
    const clear = () => filter.set({ tags: [], hide: false });
    element.replaceChildren(
      h("span", {}, i18n.text("course.empty")),
      h("button", { type: "button", class: "link", onclick: clear }, i18n.text("course.all")),
    );
  }

  #title(section) {
    return section.key === FEATURED ? this.#app.i18n.text("featured") : this.#app.i18n.of(section, "name");
  }

  #createTab(section) {
    const jump = () => {
      const course = this.#list.querySelector(`[data-key="${section.key}"]`);
      course.scrollIntoView({ block: "start" });
      course.querySelector("h2").focus({ preventScroll: true });
    };
    const symbol = hasIcon(section.key) ? section.key : "main";
    return h("button", { type: "button", class: "section-tab", onclick: jump }, icon(symbol), h("span"));
  }

  #createSection(section) {
    const id = `course-${section.key}`;
    return h("section", { class: "course", "aria-labelledby": id },
      h("h2", { id, tabindex: "-1" }), h("p", { class: "course-empty" }), h("div", { class: "dishes" }));
  }

  /** Mark the section that is being read. */
  #follow(count) {
    if (this.#watch?.count === count) return;
    this.#watch?.observer.disconnect();
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) if (isIntersecting) this.#mark(target.dataset.key);
      },
      { rootMargin: "-22% 0px -70% 0px" },
    );
    for (const section of this.#list.children) observer.observe(section);
    this.#watch = { observer, count };
    if (!this.#tabs.querySelector("[aria-current]")) this.#mark(FEATURED);
  }

  #mark(key) {
    for (const tab of this.#tabs.children) {
      if (tab.dataset.key !== key) {
        tab.removeAttribute("aria-current");
      } else if (!tab.hasAttribute("aria-current")) {
        tab.setAttribute("aria-current", "true");
        if (this.#tabs.scrollWidth > this.#tabs.clientWidth) {
          this.#tabs.scrollTo({ left: tab.offsetLeft - 16 });
        }
      }
    }
  }
}

customElements.define("menu-view", MenuView);
