import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { MAX_QUANTITY } from "./basket.js";

/**
 * "Add", which becomes - 2 +; `change(quantity)` gets the wished one. The button under the finger stays the same
 * element and keeps the focus. `now()` is how many there are: a tablet may draw more slowly than fingers tap. `least`
 * is where "less" ends. `show(quantity, {off})`: nothing can be changed while off.
 */
export function stepper(i18n, name, { now, change, least = 0 }) {
  const step = (by) => {
    const wanted = now() + by;
    if (wanted >= least && wanted <= MAX_QUANTITY) change(wanted);
  };
  const less = h("button", { type: "button", class: "step less", onclick: () => step(-1) }, icon("minus"));
  const count = h("output", { class: "step-count" });
  const label = h("span", { class: "add-label" }, i18n.text("add"));
  const more = h("button", { type: "button", class: "step more", onclick: () => step(1) }, icon("plus"), label);
  const element = h("div", { class: "stepper" }, less, count, more);
  less.setAttribute("aria-label", i18n.text("remove.one", { name }));
  element.show = (quantity, { off = false } = {}) => {
    element.classList.toggle("empty", quantity === 0);
    setText(count, quantity === 0 ? "" : String(quantity));
    count.setAttribute("aria-label", i18n.text("quantity", { count: quantity }));
    more.setAttribute("aria-label", i18n.text(quantity === 0 ? "add.item" : "add.one", { name }));
    more.disabled = off || quantity >= MAX_QUANTITY;
    less.disabled = off || quantity <= least;
    if (less.disabled && document.activeElement === less) more.focus();
  };
  return element;
}
