import { h, setText } from "../../dom.js";
import { icon, setIcon } from "../../icons.js";
import { LANGUAGE_NAMES } from "../../i18n.js";
import { Counts } from "./counts.js";
import { Fit } from "./fit.js";
import { Link } from "./link.js";
import { Notices } from "./notices.js";

/**
 * The bar at the top. While the line is down the whole bar is red; it is never higher or lower than before, so that no
 * ticket moves.
 */
export class TopBar extends HTMLElement {
  #kitchen;
  #link = new Link();
  #counts = new Counts();
  #notices = new Notices();
  #pages = h("div", { class: "pages" });
  #tools = h("div", { class: "tools", id: "tools", popover: "auto" });
  #buttons = {};
  #fit = null;

  attach(kitchen) {
    this.#kitchen = kitchen;
    const tool = (name, symbol, onclick) => {
      const button = h("button", { type: "button", class: `tool ${name}`, onclick }, icon(symbol), h("span"));
      this.#buttons[name] = button;
      return button;
    };
    this.#pages.append(
      tool("sort", "sort", () => kitchen.board.sort()),
      h("span", { class: "elsewhere", hidden: true }, h("span", { class: "elsewhere-long" }), h("span", { class: "elsewhere-short", "aria-hidden": "true" })),
      tool("previous", "back", () => kitchen.board.turn(-1)),
      h("span", { class: "page-number" }),
      tool("next", "next", () => kitchen.board.turn(1)),
    );
    this.#tools.append(
      tool("cook", "person", () => kitchen.open("cooks")),
      tool("rail", "list", () => kitchen.toggleRail()),
      tool("search", "search", () => kitchen.open("search")),
      tool("recall", "recall", () => kitchen.open("recall")),
      tool("sold", "stop", () => kitchen.open("soldOut")),
      tool("pause", "pause", () => kitchen.open("pause")),
      tool("sound", "bell", () => kitchen.toggleSound()),
      tool("language", "globe", () => (kitchen.i18n.language = kitchen.i18n.other)),
      tool("settings", "settings", () => kitchen.open("settings")),
    );
    this.#tools.addEventListener("click", () => this.#tools.matches(":popover-open") && this.#tools.hidePopover());
    const menu = h("button", { type: "button", class: "tool menu", popovertarget: "tools" }, icon("more"), h("span", { class: "visually-hidden" }));
    this.#buttons.menu = menu;
    this.#fit = new Fit(this);
    this.append(this.#link.element, this.#counts.element, this.#notices.element, this.#pages, menu, this.#tools);
  }

  render() {
    const { hub, i18n, cooks, sound, lens } = this.#kitchen;
    this.tick();
    this.#label("cook", cooks.current?.name ?? i18n.text("cook"));
    this.#buttons.cook.hidden = cooks.list.length === 0;
    for (const name of ["rail", "search", "recall", "sold", "pause", "settings", "menu"]) this.#label(name, i18n.text(name));
    this.#buttons.rail.setAttribute("aria-pressed", String(this.#kitchen.railOpen));
    this.#buttons.rail.hidden = lens.view === "runner";
    this.#buttons.sold.hidden = hub.store.all("menu_item").length === 0;
    const sounding = sound.ready && !sound.muted;
    this.#label("sound", i18n.text(sounding ? "sound.on" : "sound.off"));
    this.#buttons.sound.classList.toggle("off", !sounding);
    setIcon(this.#buttons.sound.firstElementChild, sounding ? "bell" : "muted");
    this.#label("language", LANGUAGE_NAMES[i18n.other]);
    this.#buttons.language.lastElementChild.lang = i18n.other;
    this.#buttons.language.setAttribute("aria-label", i18n.text("language.switch"));
    this.#renderPages();
    this.#fitAgain();
  }

  /** Other words take other room. */
  fitAnew() {
    this.#fit.anew();
  }

  /** What time changes, every second. */
  tick() {
    this.dataset.link = this.#link.render(this.#kitchen);
    this.#counts.render(this.#kitchen);
    this.#notices.render(this.#kitchen);
    this.#fitAgain();
  }

  #fitAgain() {
    const hidden = [...this.querySelectorAll("[hidden]")].map((each) => each.className);
    this.#fit.to(`${this.textContent}|${hidden}|${this.dataset.link}`);
  }

  #renderPages() {
    const { i18n, board } = this.#kitchen;
    for (const [name, text] of [["sort", "sort"], ["previous", "page.previous"], ["next", "page.next"]]) this.#label(name, i18n.text(text));
    const paged = board.pages > 1;
    this.#buttons.sort.hidden = board.sorted;
    this.#buttons.previous.hidden = !paged;
    this.#buttons.next.hidden = !paged;
    this.#buttons.previous.disabled = board.page === 0;
    this.#buttons.next.disabled = board.page === board.pages - 1;
    setText(this.#pages.querySelector(".page-number"), paged ? i18n.text("page", { page: board.page + 1, pages: board.pages }) : "");
    const late = board.lateElsewhere;
    const elsewhere = this.#pages.querySelector(".elsewhere");
    elsewhere.hidden = late === 0;
    setText(elsewhere.firstElementChild, i18n.text("count.elsewhere", { count: late }));
    setText(elsewhere.lastElementChild, `+${late}`);
  }

  #label(name, text) {
    setText(this.#buttons[name].lastElementChild, text);
    this.#buttons[name].setAttribute("aria-label", text);
  }
}

customElements.define("top-bar", TopBar);
