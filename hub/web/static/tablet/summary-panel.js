import { h, setText } from "../dom.js";
import { isAsWished, isBusy, windowText } from "./estimate.js";
import { MARKING } from "./lines.js";
import { pauseNow } from "./pause.js";
import { ProblemNote } from "./problem-note.js";
import { SendingNote } from "./sending-note.js";

/** Total, tax, room, time and the button; while the order is on its way to the hub, what is happening to it. */
export class SummaryPanel extends HTMLElement {
  #app;
  #title = h("h2", { class: "visually-hidden" });
  #waiting = h("p", { class: "hint waiting", role: "status" });
  #figures = h("dl", { class: "figures" });
  #facts = h("dl", { class: "facts" });
  #busy = h("p", { class: "busy" });
  #ageBox = h("input", { type: "checkbox", id: "age" });
  #ageText = h("label", { for: "age" });
  #age = h("div", { class: "age check" }, this.#ageBox, this.#ageText);
  #problem = new ProblemNote();
  #retry = h("button", { type: "button", class: "primary" });
  #sending = new SendingNote();
  #button = h("button", { type: "button", class: "primary place" });
  #pick = h("button", { type: "button", class: "primary pick" });

  attach(app, { place, requote, pick }) {
    this.#app = app;
    this.#problem.attach(app, { pick });
    this.#sending.attach(app);
    this.#retry.addEventListener("click", requote);
    this.#button.addEventListener("click", place);
    this.#pick.addEventListener("click", pick);
    this.#ageBox.addEventListener("change", () => app.render());
    this.append(this.#title, this.#waiting, this.#figures, this.#facts, this.#busy, this.#age, this.#problem, this.#retry, this.#sending, this.#pick, this.#button);
  }

  /** Another order: what was confirmed for the last one does not count. */
  opened() {
    this.#ageBox.checked = false;
  }

  get ageAttested() {
    return !this.#age.hidden && this.#ageBox.checked;
  }

  show({ quote, problem, unquoted, broken, early, alcohol }) {
    const { hub, i18n, placing, basket } = this.#app;
    const sending = placing.state === "sending";
    const blocked = broken || (quote === null && MARKING.has(problem?.code));
    const waits = this.#paused || early || (quote === null && ["kitchen_paused", "slot_full"].includes(problem?.code));
    const failed = unquoted && !blocked && !waits;
    setText(this.#title, i18n.text("summary"));
    this.#showFigures(quote, { failed, blocked, waits });
    this.#showFacts(quote);
    this.#age.hidden = !alcohol;
    this.#ageBox.disabled = sending;
    setText(this.#ageText, i18n.text("age", { age: hub.store.hotel.legal_age }));
    this.#problem.show(waits && early ? null : problem, { failed, paused: this.#paused });
    this.#retry.hidden = !failed || sending;
    setText(this.#retry, i18n.text("quote.retry"));
    this.#sending.show(sending);
    this.#pick.hidden = sending || blocked || !waits || !hub.live;
    setText(this.#pick, i18n.text("when.pick"));
    this.#button.hidden = sending || failed || (waits && !blocked && hub.live);
    const attested = !alcohol || this.#ageBox.checked;
    this.#button.disabled = !hub.live || quote === null || blocked || !attested || basket.lines.length === 0;
    setText(this.#button, this.#label(quote, blocked, attested));
  }

  /** The kitchen takes nothing now; a wished time after the pause is another matter, of which the quote tells. */
  get #paused() {
    return this.#app.basket.due === null && pauseNow(this.#app) !== null;
  }

  #label(quote, blocked, attested) {
    const { hub, i18n } = this.#app;
    if (blocked) return i18n.text("place.blocked");
    if (!hub.live) return i18n.text("place.offline");
    if (quote === null) return i18n.text("place.wait");
    return i18n.text(attested ? "place" : "place.age", { total: i18n.price(quote.total_amount) });
  }

  #showFigures(quote, { failed, blocked, waits }) {
    const { hub, i18n } = this.#app;
    let waiting = hub.live ? "quoting" : "quote.offline";
    if (waits) waiting = "quote.wait";
    if (blocked) waiting = "quote.blocked";
    this.#figures.hidden = failed || quote === null;
    this.#figures.replaceChildren(...(quote ? this.#figuresOf(quote) : []));
    this.#waiting.hidden = failed || quote !== null;
    setText(this.#waiting, this.#waiting.hidden ? "" : i18n.text(waiting));
  }

  #figuresOf(quote) {
    const { i18n } = this.#app;
    const tax = quote.prices_include_tax ? "tax.in" : "tax.out";
    return [
      fact(i18n.text("subtotal"), i18n.yen(quote.subtotal_amount)),
      ...(quote.service_amount > 0 ? [fact(i18n.text("service", { rate: quote.service_charge_bp / 100 }), i18n.yen(quote.service_amount))] : []),
      ...quote.taxes.map((each) =>
        fact(i18n.text(tax, { rate: each.rate_bp / 100, base: i18n.yen(each.base_amount) }), i18n.yen(each.tax_amount), "tax"),
      ),
      fact(i18n.text("total"), i18n.yen(quote.total_amount), "total"),
    ];
  }

  #showFacts(quote) {
    const { hub, i18n, basket } = this.#app;
    const wished = quote?.estimate && isAsWished(this.#app, quote);
    const time = quote?.estimate ? windowText(this.#app, wished ? { due: basket.due } : quote.estimate) : null;
    this.#facts.replaceChildren(
      fact(i18n.text("deliver.to"), i18n.text("room", { room: hub.principal?.room_number })),
      ...(time === null ? [] : [fact(i18n.text(wished ? "wished" : "estimate"), time, "time")]),
      fact(i18n.text("payment"), i18n.text("payment.value")),
    );
    setText(this.#busy, isBusy(this.#app, quote) ? i18n.text("busy") : "");
  }
}

const fact = (term, value, name = "") => h("div", { class: `row ${name}` }, h("dt", {}, term), h("dd", {}, value));

customElements.define("summary-panel", SummaryPanel);
