import { h, setText } from "../dom.js";
import { icon } from "../icons.js";

/** A panel beside the tickets. `fill` is called at once and with every change, as long as it is open. */
export class Panel {
  #kitchen;
  #dialog;
  #title = h("h2", { id: "panel-title" });
  #body = h("div", { class: "panel-body" });
  #fill;

  constructor(kitchen, name, title, fill) {
    this.#kitchen = kitchen;
    this.#fill = fill;
    const { i18n } = kitchen;
    const close = h("button", { type: "button", class: "tool", "aria-label": i18n.text("close"), onclick: () => this.#dialog.close() }, icon("close"));
    this.#dialog = h("dialog", { class: `panel ${name}`, "aria-labelledby": "panel-title" }, h("header", {}, this.#title, close), this.#body);
    setText(this.#title, title);
    this.#dialog.addEventListener("close", () => {
      this.#dialog.remove();
      kitchen.panelClosed(this);
    });
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    document.body.append(this.#dialog);
    this.render();
    this.#dialog.showModal();
  }

  close() {
    this.#dialog.close();
  }

  render() {
    this.#fill(this.#body, this.#kitchen, () => this.#dialog.close());
  }
}
