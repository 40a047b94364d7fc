import { h } from "../dom.js";
import { momentText, windowText } from "./estimate.js";
import { pauseText } from "./pause.js";
import { call } from "./phone.js";

/** Why the order has not been taken, and what to do about it. */
export class ProblemNote extends HTMLElement {
  #app;

  attach(app, { pick }) {
    this.#app = app;
    this.pick = pick;
    this.setAttribute("role", "alert");
  }

  /** `problem` is the hub's refusal or null, `failed` says that not even a total is known. */
  show(problem, { failed, paused }) {
    const { i18n, hub } = this.#app;
    const pause = paused ? hub.store.hotel.pause : problem?.details?.pause;
    const text = pause ? pauseText(this.#app, pause) : this.#text(problem, failed);
    this.hidden = text === null;
    const free = problem?.code === "slot_full" ? problem.details.free : [];
    const state = `${text} ${free.join()} ${i18n.language}`;
    if (this.dataset.state === state) return;
    this.dataset.state = state;
    if (text === null) this.replaceChildren();
    else this.replaceChildren(h("p", { class: "problem" }, text), free.length === 0 ? "" : this.#times(free));
  }

  #text(problem, failed) {
    const { i18n, hub } = this.#app;
    if (problem === null || problem.code === "allergen_conflict") return null;
    const total = problem.details?.quote ? i18n.yen(problem.details.quote.total_amount) : "";
    const estimate = problem.details?.quote?.estimate;
    const time = estimate ? windowText(this.#app, estimate) : "";
    const other = failed ? "quote.failed" : "error.other";
    const known = problem.code === "invalid_input" && /^lines/.test(problem.details?.field ?? "") ? "line.options" : problem.code;
    return i18n.text(i18n.has(known) ? known : other, { total, time, call: call(this.#app), age: hub.store.hotel.legal_age });
  }

  #times(free) {
    const { basket } = this.#app;
    return h("div", { class: "free-times" },
      free.map((at) => h("button", { type: "button", class: "slot", onclick: () => basket.setDue(at) }, momentText(this.#app, at))));
  }
}

customElements.define("problem-note", ProblemNote);
