import { h, reconcile } from "../dom.js";
import { icon } from "../icons.js";
import { matching } from "./filter.js";
import { say, text } from "./words.js";

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

/**
 * A list that is filtered as somebody types. Rows stay in the page and are hidden, which is quick; arrow keys move
 * through those that are left, and one of them is in the order of the Tab key.
 *
 * @param create `(row) -> [children]` of a row's button; `update(button, row)` runs whenever the lists are fresh
 * @param choices `[[key, test(row)]]`, quick selections above the list
 */
export class RowList {
  element;

  #rows = [];
  #chosen = null;
  #choice = 0;
  #stop = null; // the row that the Tab key reaches
  #choices;
  #chips;
  #make;
  #filter = h("input", { type: "search", autocomplete: "off", spellcheck: "false", enterkeyhint: "search" });
  #list = h("ul", { class: "rows" });
  #count = h("p", { class: "row-count", role: "status" });
  #empty = h("p", { class: "row-empty", hidden: true });

  constructor({ name, choices, key, create, update, choose, tools = [] }) {
    this.#choices = choices;
    this.#make = { key, create, update, choose };
    this.#chips = choices.map(([label], index) =>
      h("button", { type: "button", class: "chip", "aria-pressed": String(index === 0), onclick: () => this.#choose(index) }, text("span", label)));
    say(this.#filter, `${name}.filter`, {}, "placeholder");
    say(this.#filter, `${name}.filter`, {}, "aria-label");
    say(this.#list, `${name}.title`, {}, "aria-label");
    say(this.#empty, `${name}.none`);
    this.#filter.addEventListener("input", () => this.#show());
    this.#filter.addEventListener("keydown", (event) => this.#fromFilter(event));
    this.#list.addEventListener("keydown", (event) => this.#move(event));
    this.element = h("section", { class: "list-side" },
      h("div", { class: "list-head" },
        h("div", { class: "search" }, icon("search"), this.#filter),
        ...tools,
        h("div", { class: "chips" }, ...this.#chips)),
      this.#count, this.#list, this.#empty);
  }

  set rows(rows) {
    this.#rows = rows;
    reconcile(this.#list, rows, {
      key: this.#make.key,
      create: (row) => {
        const button = h("button", { type: "button", class: "row", tabindex: "-1" }, this.#make.create(row));
        button.addEventListener("click", () => this.#make.choose(button.closest("li").dataset.key));
        return h("li", {}, button);
      },
      update: (item, row) => this.#make.update(item.firstElementChild, row),
    });
    this.#show();
  }

  /** Mark the row that is open beside the list. */
  set chosen(key) {
    this.#chosen = key;
    for (const item of this.#list.children) {
      if (item.dataset.key === key) item.firstElementChild.setAttribute("aria-current", "true");
      else item.firstElementChild.removeAttribute("aria-current");
    }
    this.#place();
  }

  focus() {
    (this.#buttons.includes(this.#stop) ? this.#stop : this.#filter).focus();
  }

  get #buttons() {
    return [...this.#list.children].filter(({ hidden }) => !hidden).map((item) => item.firstElementChild);
  }

  #choose(index) {
    this.#choice = index;
    for (const [each, chip] of this.#chips.entries()) chip.setAttribute("aria-pressed", String(each === index));
    this.#show();
  }

  #show() {
    const all = this.#rows.filter(this.#choices[this.#choice][1]);
    const left = new Set(matching(all, this.#filter.value).map(this.#make.key));
    for (const item of this.#list.children) {
      const hidden = !left.has(item.dataset.key);
      if (item.hidden !== hidden) item.hidden = hidden;
    }
    say(this.#count, "rows.count", { count: left.size, all: all.length });
    this.#empty.hidden = left.size > 0;
    this.#place();
  }

  #place() {
    const buttons = this.#buttons;
    const first = buttons.find((each) => each === document.activeElement)
      ?? buttons.find((each) => each.parentElement.dataset.key === this.#chosen) ?? buttons[0];
    if (this.#stop !== null) this.#stop.tabIndex = -1;
    this.#stop = first ?? null;
    if (this.#stop !== null) this.#stop.tabIndex = 0;
  }

  #fromFilter(event) {
    if (event.isComposing) return;
    const [first] = this.#buttons;
    if (event.key === "ArrowDown") first?.focus();
    else if (event.key === "Enter") first?.click();
    else return;
    event.preventDefault();
  }

  #move(event) {
    const step = STEPS[event.key];
    const buttons = this.#buttons;
    const at = buttons.indexOf(document.activeElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    const to = buttons[Math.min(Math.max(at + step, 0), buttons.length - 1)];
    if (at === 0 && step === -1) return this.#filter.focus();
    to.focus();
    return this.#place();
  }
}
