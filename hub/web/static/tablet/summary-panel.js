import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { MARKING } from "./lines.js";
import { call } from "./phone.js";

const DELIVERY_MINUTES = 10;

/** Total, tax, room and the button; while the order is on its way to the hub, what is happening to it. */
export class SummaryPanel extends HTMLElement {
  #app;
  #figures = h("dl", { class: "figures" });
  #facts = h("dl", { class: "facts" });
  #ageBox = h("input", { type: "checkbox", id: "age" });
  #ageText = h("label", { for: "age" });
  #age = h("div", { class: "age" }, this.#ageBox, this.#ageText);
  #problem = h("p", { class: "problem", role: "alert" });
  #retry = h("button", { type: "button", class: "primary" });
  #sending = h("div", { class: "sending" });
  #button = h("button", { type: "button", class: "primary place" });

  attach(app, { place, requote }) {
    this.#app = app;
    this.#retry.addEventListener("click", requote);
    this.#button.addEventListener("click", place);
    this.#ageBox.addEventListener("change", () => app.render());
    this.append(this.#figures, this.#facts, this.#age, this.#problem, this.#retry, this.#sending, this.#button);
  }

  get ageAttested() {
    return !this.#age.hidden && this.#ageBox.checked;
  }

  show({ quote, problem, unquoted, broken, alcohol, minutes }) {
    const { hub, i18n, placing, basket } = this.#app;
    const sending = placing.state === "sending";
    const blocked = broken || (quote === null && MARKING.has(problem?.code));
    const failed = unquoted && !blocked;
    const waiting = blocked ? "quote.blocked" : hub.live ? "quoting" : "quote.offline";
    this.#figures.hidden = failed;
    this.#figures.replaceChildren(...(quote ? this.#figuresOf(quote) : [h("p", { class: "hint" }, i18n.text(waiting))]));
    this.#figures.classList.toggle("waiting", quote === null);
    this.#facts.replaceChildren(
      ...fact(i18n.text("deliver.to"), i18n.text("room", { room: hub.principal?.room_number })),
      ...fact(i18n.text("estimate"), i18n.text("estimate.value", { from: minutes, to: minutes + DELIVERY_MINUTES })),
      ...fact(i18n.text("payment"), i18n.text("payment.value")),
    );
    this.#age.hidden = !alcohol;
    this.#ageBox.disabled = sending;
    setText(this.#ageText, i18n.text("age"));
    this.#showProblem(problem, failed);
    this.#retry.hidden = !failed || sending;
    setText(this.#retry, i18n.text("quote.retry"));
    this.#showSending(sending);
    this.#button.hidden = sending || failed;
    const attested = !alcohol || this.#ageBox.checked;
    this.#button.disabled = !hub.live || quote === null || blocked || !attested || basket.lines.length === 0;
    setText(this.#button, this.#label(quote, blocked));
  }

  #label(quote, blocked) {
    const { hub, i18n } = this.#app;
    if (blocked) return i18n.text("place.blocked");
    if (!hub.live) return i18n.text("place.offline");
    if (quote === null) return i18n.text("place.wait");
    const amount = i18n.number(quote.total_amount);
    return i18n.text("place", { total: i18n.language === "ja" ? `${amount}円` : `${amount} yen` });
  }

  #figuresOf(quote) {
    const { i18n } = this.#app;
    const tax = quote.prices_include_tax ? "tax.in" : "tax.out";
    return [
      ...fact(i18n.text("subtotal"), i18n.yen(quote.subtotal_amount)),
      ...(quote.service_amount > 0 ? fact(i18n.text("service"), i18n.yen(quote.service_amount)) : []),
      ...quote.taxes.flatMap((each) =>
        fact(i18n.text(tax, { rate: each.rate_bp / 100, base: i18n.yen(each.base_amount) }), i18n.yen(each.tax_amount), "tax"),
      ),
      ...fact(i18n.text("total"), i18n.yen(quote.total_amount), "total"),
    ];
  }

  #showProblem(problem, failed) {
    const { i18n } = this.#app;
    this.#problem.hidden = problem === null;
    if (problem === null) return;
    const total = problem.details?.quote ? i18n.yen(problem.details.quote.total_amount) : "";
    const other = failed ? "quote.failed" : "error.other";
    const key = i18n.has(problem.code) ? problem.code : other;
    setText(this.#problem, i18n.text(key, { total, call: call(this.#app) }));
  }

  #showSending(sending) {
    const { i18n, hub, placing } = this.#app;
    this.#sending.hidden = !sending;
    const state = [sending, hub.live, placing.slow, placing.unsent, i18n.language].join();
    if (this.#sending.dataset.state === state) return;
    this.#sending.dataset.state = state;
    let key = placing.unsent ? "failed" : "unconfirmed";
    if (hub.live) key = "sending";
    const hint = hub.live && placing.slow ? "sending.slow" : `${key}.hint`;
    const retry = () => hub.retry();
    const withdraw = () => placing.withdraw();
    this.#sending.replaceChildren(
      h("p", { class: "sending-title" }, hub.live ? h("span", { class: "spinner" }) : icon("offline"), i18n.text(key)),
      h("p", { class: "hint" }, i18n.text(hint, { call: call(this.#app) })),
      hub.live ? "" : h("button", { type: "button", class: "primary", onclick: retry }, i18n.text("failed.retry")),
      hub.live || !placing.unsent ? "" : h("button", { type: "button", class: "quiet", onclick: withdraw }, i18n.text("failed.withdraw")),
    );
  }
}

const fact = (term, value, name = null) => [h("dt", { class: name }, term), h("dd", { class: name }, value)];

customElements.define("summary-panel", SummaryPanel);
