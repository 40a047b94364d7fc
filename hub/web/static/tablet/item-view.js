import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { ItemFacts } from "./item-facts.js";
import { awayText, unavailable } from "./availability.js";
import { lineKey } from "./basket.js";
import { marksOf } from "./marks.js";
import { OptionGroups } from "./option-groups.js";
import { given, missing, offered, unitPrice } from "./options.js";
import { photo } from "./photo.js";
import { stepper } from "./stepper.js";

/** The page of one dish: its picture, what is in it, its options, and one button that says what it costs so. */
export class ItemView extends HTMLElement {
  #app;
  #id = null;
  #editing = null;
  #keys = [];
  #quantity = 1;
  #shown = null;
  #back = h("button", { type: "button", class: "quiet back" }, icon("back"), h("span"));
  #picture = h("div", { class: "item-picture" });
  #marks = h("p", { class: "marks" });
  #title = h("h1", { tabindex: "-1" });
  #text = h("p", { class: "item-text" });
  #price = h("p", { class: "item-price" });
  #facts = new ItemFacts();
  #groups = new OptionGroups();
  #away = h("p", { class: "item-away" });
  #step = h("div");
  #add = h("button", { type: "button", class: "primary item-add" });
  #later = h("button", { type: "button", class: "primary item-later" });

  attach(app) {
    this.#app = app;
    this.#back.addEventListener("click", () => app.go(this.#editing === null ? "menu" : "review"));
    this.#groups.attach(app, (keys) => {
      this.#keys = keys;
      app.render();
    });
    this.#facts.attach(app);
    this.#add.addEventListener("click", () => this.#take());
    this.#later.addEventListener("click", () => this.#take());
    this.append(
      h("div", { class: "item-left" }, this.#back, this.#picture, h("div", { class: "item-about" }, this.#marks, this.#title, this.#text, this.#price, this.#facts)),
      h("div", { class: "item-right" }, this.#groups,
        h("div", { class: "item-foot" }, this.#away, this.#step, this.#add, this.#later)),
    );
  }

  /** `of` is the id of a dish, or the key of a line whose options are to be changed. */
  opened(of) {
    const { hub, basket } = this.#app;
    const line = basket.line(of);
    this.#editing = line?.options.length > 0 ? of : null;
    this.#id = String(of).split("|")[0];
    const item = hub.store.get("menu_item", this.#id);
    const chosen = this.#editing === null ? [] : line.options;
    this.#keys = item === null ? [] : offered(item, [...given(item), ...chosen]);
    this.#quantity = this.#editing === null ? 1 : line.quantity;
    this.#shown = null;
    this.scrollTop = 0;
  }

  wiped() {
    this.#id = null;
    this.#keys = [];
  }

  get item() {
    return this.#app.hub.store.get("menu_item", this.#id);
  }

  render() {
    const { i18n, hub, basket } = this.#app;
    const { item } = this;
    if (item === null) {
      this.#app.go("menu");
      return;
    }
    if (this.#shown?.item !== item || this.#shown.language !== i18n.language) this.#write(item);
    this.#groups.show(item, this.#keys);
    this.#facts.show(item, this.#keys);
    const why = unavailable(this.#app, item, hub.now());
    const late = why === "closed" || why === "last_order";
    this.#away.hidden = why === null;
    setText(this.#away, why === null ? "" : awayText(this.#app, item, why, hub.now()));
    this.#step.hidden = why !== null && !late;
    this.#step.firstElementChild.show(this.#quantity);
    const price = i18n.price(unitPrice(item, this.#keys) * this.#quantity);
    this.#add.hidden = why !== null;
    this.#later.hidden = !late;
    const words = this.#editing === null ? "item.add" : "item.change";
    for (const [button, key] of [[this.#add, words], [this.#later, "item.later"]]) {
      button.disabled = !basket.open;
      setText(button, i18n.text(basket.open ? key : "place.wait", { price }));
    }
  }

  #write(item) {
    const { i18n } = this.#app;
    const name = i18n.of(item, "name");
    this.#shown = { item, language: i18n.language };
    setText(this.#back.lastElementChild, i18n.text(this.#editing === null ? "review.back" : "item.back"));
    this.#picture.replaceChildren(photo(item, { alt: name, eager: true }));
    this.#marks.replaceChildren(...marksOf(this.#app, item));
    setText(this.#title, name);
    setText(this.#text, i18n.of(item, "description"));
    setText(this.#price, i18n.yen(item.price));
    const change = (quantity) => {
      this.#quantity = quantity;
      this.#app.render();
    };
    this.#step.replaceChildren(stepper(i18n, name, { now: () => this.#quantity, change, least: 1 }));
  }

  #take() {
    const { basket, i18n } = this.#app;
    const { item } = this;
    const wanting = missing(item, this.#keys);
    if (wanting !== null) {
      this.#groups.lead(wanting);
      return;
    }
    const options = this.#keys;
    if (this.#editing !== null && basket.line(this.#editing) !== null) {
      basket.replace(this.#editing, { options, quantity: this.#quantity });
      this.#app.go("review");
      return;
    }
    const line = { menu_item_id: item.id, options, quantity: this.#quantity };
    basket.add(line);
    this.#app.go("menu");
    this.#app.say(i18n.text("item.added", { name: i18n.of(item, "name"), count: basket.quantity(lineKey(line)) }));
  }
}

customElements.define("item-view", ItemView);
