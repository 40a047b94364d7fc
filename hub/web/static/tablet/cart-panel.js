import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { lineKey } from "./basket.js";
import { isEarly, lineProblem } from "./lines.js";
import { optionsText } from "./option-text.js";
import { unitPrice } from "./options.js";
import { settling } from "./settling.js";
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
    this.setAttribute("role", "region");
    this.#button.addEventListener("click", () => app.go("review"));
    this.append(
      h("header", { class: "cart-head" }, this.#title, this.#count),
      this.#empty,
      this.#lines,
      h("footer", { class: "cart-foot" }, h("div", { class: "cart-sum" }, this.#label, this.#total), this.#button),
    );
  }

  wiped() {
    this.#lines.replaceChildren();
  }

  render() {
    const { hub, i18n, basket } = this.#app;
    this.setAttribute("aria-label", i18n.text("cart"));
    setText(this.#title, i18n.text("cart"));
    setText(this.#count, i18n.text("cart.count", { count: basket.count }));
    const waits = !basket.open; // for the hub to say whose it is
    setText(this.#label, i18n.text(waits ? "cart.wait" : "cart.total"));
    setText(this.#button, i18n.text(waits ? "place.wait" : "review"));
    const lines = basket.lines.map((line) => ({ line, item: hub.store.get("menu_item", line.menu_item_id) }));
    const sum = lines.reduce((total, { line, item }) => total + (item ? unitPrice(item, line.options) : 0) * line.quantity, 0);
    setText(this.#total, waits ? "" : i18n.yen(sum));
    this.#button.disabled = lines.length === 0;
    this.classList.toggle("has-lines", lines.length > 0);
    this.classList.toggle("waits", waits);
    this.#empty.hidden = lines.length > 0;
    if (lines.length === 0) {
      this.#empty.replaceChildren(
        icon("tray", "icon large"),
        h("p", {}, i18n.text(waits ? "cart.wait" : "cart.empty")),
        h("p", { class: "hint" }, i18n.text(waits ? "cart.wait.hint" : "cart.empty.hint")),
      );
    }
    reconcile(this.#lines, lines, {
      key: ({ line, item }) => `${lineKey(line)}.${i18n.language}.${item?.name_ja}`,
      create: ({ line, item }) => this.#createLine(line, item),
      update: (element, each) => this.#updateLine(element, each),
    });
  }

  #createLine(line, item) {
    const { i18n, basket } = this.#app;
    const name = item ? i18n.of(item, "name") : i18n.text("line.unknown");
    return h(
      "li",
      {},
      h("span", { class: "line-name" }, name),
      h("span", { class: "line-options" }, item ? optionsText(i18n, item, line.options) : ""),
      h("span", { class: "line-price" }),
      stepper(i18n, name, {
        now: () => basket.quantity(lineKey(line)),
        change: (quantity) => {
          if (quantity === 0) settling(this.#lines);
          basket.setQuantity(lineKey(line), quantity);
        },
      }),
      h("p", { class: "line-problem" }),
    );
  }

  #updateLine(element, { line, item }) {
    const { i18n } = this.#app;
    const problem = lineProblem(this.#app, line, item);
    const early = problem !== null && isEarly(this.#app, item);
    element.classList.toggle("broken", problem !== null && !early);
    element.classList.toggle("early", early);
    setText(element.querySelector(".line-price"), item ? i18n.yen(unitPrice(item, line.options) * line.quantity) : "");
    setText(element.querySelector(".line-problem"), problem ?? "");
    element.querySelector(".stepper").show(line.quantity);
  }
}

customElements.define("cart-panel", CartPanel);
