import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { namesOf } from "./allergens.js";
import { lineKey } from "./basket.js";
import { DeliveryPicker } from "./delivery-picker.js";
import { ask } from "./dialog.js";
import { isEarly, lineProblem } from "./lines.js";
import { call } from "./phone.js";
import { QUESTIONS } from "./placing.js";
import { Quoting } from "./quoting.js";
import { reviewLine, showReviewLine } from "./review-line.js";
import { SummaryPanel } from "./summary-panel.js";

const REQUESTS_LENGTH = 500;
const PRICING = new Set(["hotel", "menu_item", "stay"]);
const PATIENCE_MS = 10_000;
const QUOTED_ANEW = new Set(["price_changed", "later_than_quoted"]);

/** The page before an order is sent: every line, the hub's own total, and one button that says what it does. */
export class ReviewView extends HTMLElement {
  #app;
  #quoting;
  #title = h("h1", { tabindex: "-1" });
  #back = h("button", { type: "button", class: "quiet back" }, icon("back"), h("span"));
  #lines = h("ul", { class: "review-lines" });
  #when = new DeliveryPicker();
  #requests = h("textarea", { rows: "2", maxlength: String(REQUESTS_LENGTH), id: "requests" });
  #requestsLabel = h("label", { for: "requests" });
  #summary = new SummaryPanel();
  #agreed = null; // the quote beside the button that was pressed last
  #visit = 0;

  attach(app) {
    this.#app = app;
    this.#quoting = new Quoting(app);
    this.#quoting.addEventListener("change", () => app.render());
    this.#back.addEventListener("click", () => app.go("menu"));
    this.#requests.addEventListener("input", () => app.basket.setRequests(this.#requests.value));
    this.#when.attach(app);
    this.#summary.attach(app, {
      place: () => this.#place(),
      requote: () => this.requote(),
      pick: () => this.#when.open(),
    });
    app.placing.addEventListener("change", () => this.#tookProblem());
    this.append(
      h("div", { class: "review-main" }, this.#back, this.#title, this.#lines, this.#when,
        h("div", { class: "field" }, this.#requestsLabel, this.#requests)),
      this.#summary,
    );
  }

  opened() {
    if (!QUESTIONS.has(this.#app.placing.problem?.code)) this.#app.placing.settle();
    this.#requests.value = this.#app.basket.requests;
    this.#summary.opened();
    this.#quoting.start();
  }

  /** A line shows the wish in words that stood there when it was drawn: the next visit draws all anew. */
  closed() {
    this.#visit += 1;
    this.#quoting.stop();
    this.#lines.replaceChildren();
  }

  changed(changes) {
    if (changes.some(({ kind }) => PRICING.has(kind))) this.requote();
  }

  basketChanged() {
    const { basket, placing } = this.#app;
    if (this.#requests.value !== basket.requests) this.#requests.value = basket.requests;
    if (!this.#quoting.outdated) return;
    placing.settle();
    this.requote();
  }

  requote() {
    this.#quoting.ask();
  }

  wiped() {
    this.#requests.value = "";
    this.#lines.replaceChildren();
    this.#quoting.take(null);
  }

  render() {
    const { hub, i18n, basket, placing } = this.#app;
    const sending = placing.state === "sending";
    const error = placing.problem ?? this.#quoting.error;
    setText(this.#title, i18n.text("review.title"));
    setText(this.#back.lastElementChild, i18n.text("review.back"));
    setText(this.#requestsLabel, i18n.text("requests"));
    this.#requests.placeholder = i18n.text("requests.placeholder");
    this.#back.hidden = sending;
    this.#requests.disabled = sending;
    const lines = basket.lines.map((line) => ({ line, item: hub.store.get("menu_item", line.menu_item_id) }));
    reconcile(this.#lines, lines, {
      key: ({ line, item }) => `${lineKey(line)}.${i18n.language}.${item?.name_ja}`,
      create: ({ line, item }) => reviewLine(this.#app, line, item),
      update: (element, each) => showReviewLine(this.#app, element, each, { error, sending }),
    });
    this.#when.show(this.#quoting.quote, { sending });
    this.#summary.show({
      quote: this.#quoting.quote,
      problem: error,
      unquoted: this.#quoting.error !== null,
      broken: lines.some(({ line, item }) => lineProblem(this.#app, line, item) !== null && !isEarly(this.#app, item)),
      early: lines.some(({ item }) => isEarly(this.#app, item)),
      alcohol: lines.some(({ item }) => item?.age_restricted),
    });
  }

  #tookProblem() {
    const { problem } = this.#app.placing;
    if (QUOTED_ANEW.has(problem?.code) && problem.details.quote) this.#quoting.take(problem.details.quote);
    if (problem?.code === "allergen_conflict") this.#askAboutAllergens(problem.details.conflicts);
  }

  async #place() {
    const { hub, i18n, basket, placing } = this.#app;
    if (this.#quoting.quote === null || placing.state === "sending") return;
    this.#agreed = this.#quoting.quote;
    if (basket.isRepeat(hub.now())) {
      const sure = await ask(i18n, { title: "again.title", text: "again.text", yes: "again.yes", no: "again.no" });
      if (!sure) return;
    }
    const many = basket.unusual;
    if (many !== null) {
      const item = hub.store.get("menu_item", many.menu_item_id);
      const values = { name: item ? i18n.of(item, "name") : i18n.text("line.unknown"), count: many.count };
      const sure = await ask(i18n, { title: "again.many.title", text: "again.many.text", yes: "again.many.yes", no: "again.no", values });
      if (!sure) return;
    }
    const besides = placing.changed;
    if (besides) {
      const values = { call: call(this.#app) };
      const sure = await ask(i18n, { title: "besides.title", text: "besides.text", yes: "besides.yes", no: "again.no", values });
      if (!sure) return;
    }
    await this.#send({ besides });
  }

  /** At the total and for the time that were agreed to. While somebody was asked, the hub may have said others. */
  async #send(confirmed) {
    const { placing, basket } = this.#app;
    const visit = this.#visit;
    const chosen = JSON.stringify(basket.wish);
    const quote = await this.#quoting.known(PATIENCE_MS);
    if (visit !== this.#visit || this.#quoting.error !== null) return;
    if (quote === null || chosen !== JSON.stringify(basket.wish)) placing.refuse("not_sent");
    else if (quote.total_amount === (this.#agreed ?? quote).total_amount) placing.place(this.#agreed ?? quote, { ageAttested: this.#summary.ageAttested, ...confirmed });
    else placing.refuse("price_changed", { quote });
  }

  /** The hub has compared the order with what the stay has declared: nobody gets it without having been asked. */
  async #askAboutAllergens(conflicts) {
    const { i18n, basket, placing, hub } = this.#app;
    const lines = conflicts.map(({ line, allergens, unconfirmed }) => {
      const item = hub.store.get("menu_item", basket.lines[line - 1]?.menu_item_id);
      const values = { name: item ? i18n.of(item, "name") : i18n.text("line.unknown"), names: namesOf(this.#app, allergens) };
      return i18n.text(unconfirmed ? "conflict.line.unconfirmed" : "conflict.line", values);
    });
    const sure = await ask(i18n, { title: "conflict.title", text: "conflict.text", lines, yes: "conflict.yes", no: "again.no", danger: true });
    if (placing.problem?.code !== "allergen_conflict") return;
    if (sure) await this.#send({ allergensConfirmed: true });
    else placing.settle();
    this.#app.render();
  }
}

customElements.define("review-view", ReviewView);
