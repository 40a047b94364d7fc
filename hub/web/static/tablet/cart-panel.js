import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { lineProblem } from "./lines.js";
import { stepper } from "./stepper.js";

/** The order so far, beside the menu; on a phone only its last row, as a bar at the bottom. */
export class CartPanel extends HTMLElement {
  #app;
  #title = h("h2");
  #empty = h("div", { class: "cart-empty" });
  #lines = h("ul", { class: "cart-lines" });
  #label = h("span", { class: "cart-label" });
  #count = h("span", { class: "cart-count" });
  #total = h("span", { class: "cart-total" });
  #button = h("button", { type: "button", class: "primary" });

  attach(app) {
    this.#app = app;
    this.#button.addEventListener("click", () => app.go("review"));
    this.append(
      h("header", { class: "cart-head" }, this.#title, this.#count),
      this.#empty,
      this.#lines,
      h("footer", { class: "cart-foot" }, h("div", { class: "cart-sum" }, this.#label, this.#total), this.#button),
    );
  }

  render() {
    const { hub, i18n, basket } = this.#app;
    setText(this.#title, i18n.text("cart"));
    setText(this.#count, i18n.text("cart.count", { count: basket.count }));
    setText(this.#label, i18n.text("cart.total"));
    setText(this.#button, i18n.text("review"));
    const lines = basket.lines.map((line) => ({ line, item: hub.store.get("menu_item", line.menu_item_id) }));
    const sum = lines.reduce((total, { line, item }) => total + (item?.price ?? 0) * line.quantity, 0);
    setText(this.#total, i18n.yen(sum));
    this.#button.disabled = lines.length === 0;
    this.classList.toggle("has-lines", lines.length > 0);
    this.#empty.hidden = lines.length > 0;
    if (lines.length === 0) {
      this.#empty.replaceChildren(
        icon("tray", "icon large"),
        h("p", {}, i18n.text("cart.empty")),
        h("p", { class: "hint" }, i18n.text("cart.empty.hint")),
      );
    }
    reconcile(this.#lines, lines, {
      key: ({ line }) => `${line.menu_item_id}.${i18n.language}`,
      create: ({ line, item }) => this.#createLine(line, item),
      update: (element, { line, item }) => this.#updateLine(element, line, item),
    });
  }

  #createLine(line, item) {
    const name = item ? this.#app.i18n.of(item, "name") : "";
    return h(
      "li",
      {},
      h("span", { class: "line-name" }, name),
      h("span", { class: "line-price" }),
      stepper(this.#app, line.menu_item_id, name),
      h("p", { class: "line-problem" }),
    );
  }

  #updateLine(element, line, item) {
    const { i18n } = this.#app;
    const problem = lineProblem(this.#app, item);
    element.classList.toggle("broken", problem !== null);
    setText(element.querySelector(".line-price"), item ? i18n.yen(item.price * line.quantity) : "");
    setText(element.querySelector(".line-problem"), problem ?? "");
    element.querySelector(".stepper").show(line.quantity);
  }
}

customElements.define("cart-panel", CartPanel);
