import { h } from "../dom.js";
import { icon } from "../icons.js";
import { say } from "./words.js";

/** What is open beside a list; on a phone it stands in its place. Escape and the cross close it. */
export class SidePanel {
  element = h("section", { class: "panel-side", hidden: true });

  #title = h("h2", { tabindex: "-1" });
  #body = h("div", { class: "panel-body" });
  #closed;

  constructor({ closed }) {
    this.#closed = closed;
    const close = say(h("button", { type: "button", class: "round", onclick: () => this.close() }, icon("close")), "close", {}, "aria-label");
    this.element.append(h("header", {}, this.#title, close), this.#body);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.close();
    });
  }

  get open() {
    return !this.element.hidden;
  }

  show(title, values, ...children) {
    say(this.#title, title, values);
    this.#body.replaceChildren(...children.filter(Boolean));
    this.element.hidden = false;
  }

  focus() {
    this.#title.focus();
  }

  close() {
    if (!this.open) return;
    this.element.hidden = true;
    this.#body.replaceChildren();
    this.#closed();
  }
}
