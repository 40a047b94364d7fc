import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { MAX_QUANTITY } from "./basket.js";

/** "Add", which becomes - 2 +. The button under the finger stays the same element and keeps the focus. */
export function stepper(app, itemId, name) {
  const { i18n, basket } = app;
  const change = (by) => () => basket.setQuantity(itemId, basket.quantity(itemId) + by);
  const less = h("button", { type: "button", class: "step less", onclick: change(-1) }, icon("minus"));
  const count = h("output", { class: "step-count" });
  const label = h("span", { class: "add-label" }, i18n.text("add"));
  const more = h("button", { type: "button", class: "step more", onclick: change(1) }, icon("plus"), label);
  const element = h("div", { class: "stepper" }, less, count, more);
  less.setAttribute("aria-label", i18n.text("remove.one", { name }));
  element.show = (quantity) => {
    element.classList.toggle("empty", quantity === 0);
    setText(count, String(quantity));
    count.setAttribute("aria-label", i18n.text("quantity", { count: quantity }));
    more.setAttribute("aria-label", i18n.text(quantity === 0 ? "add.item" : "add.one", { name }));
    more.disabled = quantity >= MAX_QUANTITY;
    if (quantity === 0 && document.activeElement === less) more.focus();
  };
  return element;
}
