import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { windowText } from "./estimate.js";
import { pickSlot } from "./slot-dialog.js";

/** When the order shall be there: as soon as possible, or at a time that the kitchen has free. */
export class DeliveryPicker extends HTMLElement {
  #app;
  #quote = null;
  #title = h("legend");
  #soonBox = h("input", { type: "radio", name: "when", id: "when-soon" });
  #soonText = h("label", { for: "when-soon" });
  #laterBox = h("input", { type: "radio", name: "when", id: "when-later" });
  #laterText = h("label", { for: "when-later" });
  #change = h("button", { type: "button", class: "quiet" }, icon("clock"), h("span"));
  #fieldset;

  attach(app) {
    this.#app = app;
    this.#soonBox.addEventListener("change", () => app.basket.setDue(null));
    this.#laterBox.addEventListener("click", () => this.open());
    this.#change.addEventListener("click", () => this.open());
    this.#fieldset = h("fieldset", { class: "when" }, this.#title,
      h("div", { class: "check" }, this.#soonBox, this.#soonText),
      h("div", { class: "check" }, this.#laterBox, this.#laterText, this.#change));
    this.append(this.#fieldset);
  }

  show(quote, { sending }) {
    const { i18n, basket } = this.#app;
    this.#quote = quote;
    setText(this.#title, i18n.text("when"));
    setText(this.#soonText, this.#soon());
    const chosen = basket.due !== null;
    setText(this.#laterText, chosen ? i18n.text("when.at", { time: windowText(this.#app, { due: basket.due }) }) : i18n.text("when.later"));
    setText(this.#change.lastElementChild, i18n.text(chosen ? "when.change" : "when.pick"));
    this.#soonBox.checked = !chosen;
    this.#laterBox.checked = chosen;
    this.#fieldset.disabled = sending;
  }

  /** Let the guest choose a time; the choice stays as it is when they close it. */
  async open() {
    const { basket } = this.#app;
    const at = await pickSlot(this.#app);
    if (at !== null) basket.setDue(at);
    this.#app.render();
  }

  #soon() {
    const { i18n, basket } = this.#app;
    const estimate = basket.due === null ? this.#quote?.estimate : null;
    return estimate ? i18n.text("when.soon.at", { time: windowText(this.#app, estimate) }) : i18n.text("when.soon");
  }
}

customElements.define("delivery-picker", DeliveryPicker);
