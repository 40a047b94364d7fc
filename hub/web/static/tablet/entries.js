import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { pagesOf } from "./guide.js";

const ENTRIES = [
  { page: "guide", symbol: "guide", there: (app) => pagesOf(app).length > 0 },
  // a phone lets no other one in
  { page: "phone", symbol: "mobile", there: ({ hub }) => hub.principal?.kind === "tablet" },
];

/** Ways from the bar to what is beside the menu; those that lead nowhere now are not there. */
export class Entries {
  #app;
  #buttons;

  constructor(app) {
    this.#app = app;
    this.#buttons = ENTRIES.map(({ page, symbol }) =>
      h("button", { type: "button", class: `quiet entry-button ${page}-button`, onclick: () => app.go(page) }, icon(symbol), h("span")));
  }

  get elements() {
    return this.#buttons;
  }

  /** `open`: there is a menu to show. */
  show(open) {
    for (const [at, { page, there }] of ENTRIES.entries()) {
      const button = this.#buttons[at];
      const text = this.#app.i18n.text(page);
      button.hidden = !open || !there(this.#app);
      setText(button.lastElementChild, text);
      button.setAttribute("aria-label", text);
      if (this.#app.page === page) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
  }
}
