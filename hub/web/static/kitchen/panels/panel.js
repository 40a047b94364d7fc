import { h, setText } from "../../dom.js";
import { icon } from "../../icons.js";

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
    const close = h("button", { type: "button", class: "tool", onclick: () => this.close() }, icon("close"));
    close.setAttribute("aria-label", kitchen.i18n.text("close"));
    this.#dialog = h("dialog", { class: `panel ${name}`, "aria-labelledby": "panel-title" }, h("header", {}, this.#title, close), this.#body);
    setText(this.#title, title);
    this.#dialog.addEventListener("close", () => {
      this.#dialog.remove();
      kitchen.panelClosed(this);
    });
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.close());
    document.body.append(this.#dialog);
    this.render();
    this.#dialog.showModal();
  }

  /** The page knows at once, not only when the dialog tells it later: what follows may open another panel. */
  close() {
    this.#kitchen.panelClosed(this);
    this.#dialog.close();
  }

  render() {
    this.#fill(this.#body, this.#kitchen, () => this.close());
  }
}
