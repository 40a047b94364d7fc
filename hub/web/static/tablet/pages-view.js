import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { followLinks, pagesOf } from "./guide.js";
import { frameDocument } from "./page-frame.js";

// What the screen opens in place of a page: all of them.
const LIST = "";
// Who reads touches only the frame, which tells nobody: so long after it was opened somebody is taken to be there.
const READING_MS = 300_000;

/**
 * The hotel's own pages: a list, or one of them. Its content stands in a frame without scripts and without an origin, so
 * that it can do nothing, whoever has written it; a link to another page is the one thing that it may ask for.
 */
export class PagesView extends HTMLElement {
  #app;
  #slug = LIST;
  #openedAt = 0;
  #shown = null;
  #back = h("button", { type: "button", class: "quiet back" }, icon("back"), h("span"));
  #title = h("h1", { tabindex: "-1" });
  #hint = h("p", { class: "hint" });
  #none = h("p", { class: "guide-none" });
  #list = h("ul", { class: "guide-list" });
  #frame = h("iframe", {
    class: "guide-frame",
    sandbox: "allow-top-navigation-by-user-activation allow-top-navigation-to-custom-protocols",
    referrerpolicy: "no-referrer",
    tabindex: "0",
  });

  attach(app) {
    this.#app = app;
    this.#back.addEventListener("click", () => (this.#slug === LIST ? app.go("menu") : app.go("guide", LIST)));
    this.append(h("header", { class: "guide-head" }, this.#back, this.#title, this.#hint), this.#none, this.#list);
    followLinks((slug) => app.go("guide", slug));
  }

  /** Somebody reads, though nothing is touched. */
  get reading() {
    return this.#page !== null && performance.now() - this.#openedAt < READING_MS;
  }

  get #page() {
    return this.#slug === LIST ? null : (pagesOf(this.#app).find(({ slug }) => slug === this.#slug) ?? null);
  }

  opened(slug) {
    this.#slug = slug ?? LIST;
    this.#openedAt = performance.now();
    this.#app.render();
  }

  closed() {
    this.#frame.remove();
    this.#shown = null;
  }

  wiped() {
    this.#slug = LIST;
    this.closed();
  }

  render() {
    const { i18n } = this.#app;
    const page = this.#page;
    if (this.#slug !== LIST && page === null) {
      this.#app.say(i18n.text("guide.gone"));
      this.#app.go("guide", LIST); // it was taken back, or its time is over
      return;
    }
    setText(this.#back.lastElementChild, i18n.text(page === null ? "review.back" : "guide.back"));
    setText(this.#title, page === null ? i18n.text("guide") : i18n.of(page, "title"));
    setText(this.#hint, i18n.text("guide.hint"));
    this.classList.toggle("reads", page !== null);
    this.#showList(page === null ? pagesOf(this.#app) : []);
    this.#hint.hidden = page !== null || this.#list.childElementCount === 0;
    this.#none.hidden = page !== null || this.#list.childElementCount > 0;
    setText(this.#none, i18n.text("guide.none"));
    if (page === null) this.closed();
    else this.#showPage(page);
  }

  #showList(pages) {
    const { i18n } = this.#app;
    this.#list.hidden = pages.length === 0;
    reconcile(this.#list, pages, {
      key: ({ id }) => id,
      create: ({ id }) =>
        h("li", {},
          h("button", { type: "button", class: "guide-entry", onclick: () => this.#app.go("guide", this.#app.hub.store.get("page", id).slug) },
            h("span", { class: "guide-name" }), h("span", { class: "guide-summary" }), icon("next"))),
      update: (element, page) => {
        const [name, summary] = element.firstElementChild.children;
        setText(name, i18n.of(page, "title"));
        setText(summary, i18n.of(page, "summary"));
        summary.hidden = summary.textContent === "";
      },
    });
  }

  #showPage(page) {
    const { i18n, hub } = this.#app;
    const root = document.documentElement;
    const text = frameDocument({
      html: i18n.of(page, "html"),
      lang: i18n.language,
      theme: root.dataset.theme ?? "day",
      textPx: parseFloat(getComputedStyle(root).fontSize),
      dials: hub.principal?.kind === "phone",
      path: location.pathname + location.search,
    });
    this.#frame.title = i18n.of(page, "title");
    if (this.#shown === text && this.#frame.isConnected) return;
    this.#shown = text;
    // another element, not another document: the one before would stand in the browser's history
    const frame = this.#frame.cloneNode();
    frame.srcdoc = text;
    if (this.#frame.isConnected) this.#frame.replaceWith(frame);
    else this.append(frame);
    this.#frame = frame;
  }
}

customElements.define("pages-view", PagesView);
