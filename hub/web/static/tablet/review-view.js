import { h, reconcile, setText } from "../dom.js";
import { icon } from "../icons.js";
import { fingerprint } from "./basket.js";
import { ask } from "./dialog.js";
import { lineProblem, refusalOf } from "./lines.js";
import { stepper } from "./stepper.js";
import { SummaryPanel } from "./summary-panel.js";

const QUOTE_AFTER_MS = 200;
const NOTE_LENGTH = 200;
const REQUESTS_LENGTH = 500;

/** The page before an order is sent: every line, the hub's own total, and one button that says what it does. */
export class ReviewView extends HTMLElement {
  #app;
  #language = null;
  #title = h("h1", { tabindex: "-1" });
  #back = h("button", { type: "button", class: "quiet back" }, icon("back"), h("span"));
  #lines = h("ul", { class: "review-lines" });
  #requests = h("textarea", { rows: "2", maxlength: String(REQUESTS_LENGTH), id: "requests" });
  #requestsLabel = h("label", { for: "requests" });
  #summary = new SummaryPanel();
  #quote = null;
  #quoteError = null;
  #asked = 0;
  #chosen = "";
  #timer = null;

  attach(app) {
    this.#app = app;
    this.#back.addEventListener("click", () => app.go("menu"));
    this.#requests.addEventListener("input", () => app.basket.setRequests(this.#requests.value));
    this.#summary.attach(app, { place: () => this.#place(), requote: () => this.requote() });
    app.placing.addEventListener("change", () => this.#tookProblem());
    this.append(
      h("div", { class: "review-main" }, this.#back, this.#title, this.#lines,
        h("div", { class: "field" }, this.#requestsLabel, this.#requests)),
      this.#summary,
    );
  }

  opened() {
    this.#app.placing.settle();
    this.#requests.value = this.#app.basket.requests;
    this.requote();
  }

  /** Quantities change the total; a request in words does not. */
  basketChanged() {
    const chosen = fingerprint(this.#app.basket.lines);
    if (chosen === this.#chosen) return;
    this.#app.placing.settle();
    this.requote();
  }

  /** Ask the hub for the total of what is chosen now; an older answer is thrown away. */
  requote() {
    this.#chosen = fingerprint(this.#app.basket.lines);
    this.#quote = null;
    this.#quoteError = null;
    const asked = ++this.#asked;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      const { hub, basket } = this.#app;
      if (asked !== this.#asked || !hub.live || basket.lines.length === 0) return;
      try {
        const { quote } = await hub.command("order.quote", { lines: basket.wire });
        if (asked === this.#asked) this.#quote = quote;
      } catch (error) {
        if (asked === this.#asked) this.#quoteError = error;
      }
      this.#app.render();
    }, QUOTE_AFTER_MS);
  }

  render() {
    const { hub, i18n, basket, placing } = this.#app;
    const sending = placing.state === "sending";
    if (this.#language !== i18n.language) {
      this.#language = i18n.language;
      setText(this.#title, i18n.text("review.title"));
      setText(this.#back.lastElementChild, i18n.text("review.back"));
      setText(this.#requestsLabel, i18n.text("requests"));
      this.#requests.placeholder = i18n.text("requests.placeholder");
    }
    this.#back.hidden = sending;
    this.#requests.disabled = sending;
    const lines = basket.lines.map((line) => ({ line, item: hub.store.get("menu_item", line.menu_item_id) }));
    reconcile(this.#lines, lines, {
      key: ({ line }) => `${line.menu_item_id}.${i18n.language}`,
      create: ({ line, item }) => this.#createLine(line, item),
      update: (element, each) => this.#updateLine(element, each, sending),
    });
    this.#summary.show({
      quote: this.#quote,
      problem: placing.problem ?? this.#quoteError,
      unquoted: this.#quoteError !== null,
      broken: lines.some(({ item }) => lineProblem(this.#app, item) !== null),
      alcohol: lines.some(({ item }) => item?.age_restricted),
      minutes: Math.max(0, ...lines.map(({ item }) => item?.preparation_minutes ?? 0)),
    });
  }

  #createLine(line, item) {
    const { i18n, basket } = this.#app;
    const name = item ? i18n.of(item, "name") : "";
    const id = `note-${line.menu_item_id}`;
    const note = h("input", { id, maxlength: String(NOTE_LENGTH), placeholder: i18n.text("line.note.placeholder"), autocomplete: "off" });
    note.value = line.note;
    note.addEventListener("input", () => basket.setNote(line.menu_item_id, note.value));
    const remove = h(
      "button",
      { type: "button", class: "round", "aria-label": i18n.text("remove.line", { name }), onclick: () => basket.setQuantity(line.menu_item_id, 0) },
      icon("close"),
    );
    return h(
      "li",
      {},
      h("div", { class: "line-head" }, h("h2", {}, name), h("span", { class: "line-price" })),
      h("p", { class: "line-problem" }),
      h("div", { class: "line-tools" },
        h("div", { class: "line-note" }, h("label", { for: id }, i18n.text("line.note")), note),
        stepper(this.#app, line.menu_item_id, name), remove),
    );
  }

  #updateLine(element, { line, item }, sending) {
    const { i18n } = this.#app;
    const problem = lineProblem(this.#app, item) ?? this.#refused(line);
    element.classList.toggle("broken", problem !== null);
    setText(element.querySelector(".line-problem"), problem ?? "");
    setText(element.querySelector(".line-price"), item ? i18n.yen(item.price * line.quantity) : "");
    element.querySelector(".stepper").show(line.quantity);
    element.inert = sending;
  }

  /** What the hub said about this line when it refused the order. */
  #refused(line) {
    const error = this.#app.placing.problem ?? this.#quoteError;
    return error === null ? null : refusalOf(this.#app, error, line);
  }

  #tookProblem() {
    const { problem } = this.#app.placing;
    if (problem?.code === "price_changed" && problem.details.quote) this.#quote = problem.details.quote;
  }

  async #place() {
    const { hub, i18n, basket, placing } = this.#app;
    const quote = this.#quote;
    if (quote === null || placing.state === "sending") return;
    if (basket.isRepeat(hub.now())) {
      const sure = await ask(i18n, { title: "again.title", text: "again.text", yes: "again.yes", no: "again.no" });
      if (!sure) return;
    }
    const many = basket.unusual;
    if (many !== null) {
      const name = i18n.of(hub.store.get("menu_item", many.menu_item_id), "name");
      const values = { name, count: many.quantity };
      const sure = await ask(i18n, { title: "again.many.title", text: "again.many.text", yes: "again.many.yes", no: "again.no", values });
      if (!sure) return;
    }
    placing.place(quote, { ageAttested: this.#summary.ageAttested });
  }
}

customElements.define("review-view", ReviewView);
