import { h } from "../dom.js";
import { confirm } from "./confirm.js";
import { button, Field, Form } from "./form.js";
import { showProblem } from "./problems.js";
import { allFit, SelectField } from "./service-settings-fields.js";
import { CLASSES, classesOf, earliest, FULFILMENTS, inForce, percentOf, pointsOf, SERVED, SERVICE, toCome } from "./tax-rates-model.js";
import { calendarDay, i18n, say, text } from "./words.js";

const PATH = "/api/v1/hotel/tax-rates";
const OTHER = ""; // a class that no rate is for yet

const nameOf = (taxClass) => (CLASSES.includes(taxClass) ? i18n.text(`tax.class.${taxClass}`) : taxClass);
const whatOf = ({ tax_class: taxClass, fulfilment }) =>
  taxClass === SERVICE ? nameOf(taxClass) : i18n.text("tax.what", { class: nameOf(taxClass), fulfilment: i18n.text(`tax.fulfilment.${fulfilment}`) });
// Said anew when the language changes.
const wordsOf = (rate) => ({ what: () => whatOf(rate), day: () => calendarDay(rate.valid_from), percent: percentOf(rate) });

/** The tax rates of a hotel: those that hold, those to come, and a place for a new one. */
export class TaxRatesPanel {
  #app;
  #side;
  #rates = null;
  #problem = h("p", { class: "alert", role: "alert", hidden: true });
  #lists = h("div", { class: "rates" });
  #taxClass = new SelectField({ name: "choice", label: "tax.tax_class", options: [] });
  #key = new Field({ name: "tax_class", label: "tax.key", hint: "tax.key.hint", autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: "40", pattern: "[a-z][a-z0-9_]*" });
  #fulfilment = new SelectField({ name: "fulfilment", label: "tax.fulfilment", options: FULFILMENTS.map((each) => [each, `tax.fulfilment.${each}`]) });
  #percent = new Field({ name: "rate", label: "tax.percent", type: "number", inputmode: "decimal", min: "0", max: "100", step: "0.01", autocomplete: "off" });
  #day = new Field({ name: "valid_from", label: "tax.valid_from", hint: "tax.valid_from.hint", type: "date" });
  #form;

  constructor(app, side) {
    this.#app = app;
    this.#side = side;
    const fields = [this.#taxClass, this.#key, this.#fulfilment, this.#percent, this.#day];
    this.#form = new Form({ fields, action: "tax.save", run: () => this.#add(), context: { conflict: "tax.full" } });
    this.#form.element.classList.add("serving");
    for (const { input } of [this.#taxClass, this.#key, this.#fulfilment]) input.addEventListener("input", () => this.#ask());
  }

  async show() {
    this.#rates = null;
    this.#empty();
    this.#form.problem(null);
    this.#form.enabled = false;
    this.#lists.replaceChildren();
    this.#side.show("tax.title", {}, text("p.hint", "tax.hint"), this.#problem, this.#lists, text("h3", "tax.add"), this.#form.element);
    await this.#load();
  }

  #empty() {
    for (const field of [this.#key, this.#percent, this.#day]) field.value = "";
  }

  async #load() {
    await this.#try(async () => {
      const chosen = this.#rates === null ? CLASSES[0] : this.#taxClass.value;
      this.#rates = await this.#app.session.call("GET", PATH);
      this.#taxClass.options = [
        ...classesOf(this.#rates.rates).map((each) => (CLASSES.includes(each) ? [each, `tax.class.${each}`] : [each, "verbatim", { text: each }])),
        [OTHER, "tax.class.other"],
      ];
      this.#taxClass.value = chosen;
      this.#draw();
      this.#ask();
      this.#form.enabled = true;
    });
  }

  #draw() {
    const later = toCome(this.#rates);
    this.#lists.replaceChildren(
      text("h3", "tax.now", { day: () => calendarDay(this.#rates.business_date) }),
      ...inForce(this.#rates).map(([taxClass, rates]) => h("section", { class: "rate-class" },
        text("h4", "verbatim", { text: () => nameOf(taxClass) }),
        h("ul", {}, rates.map((rate) => row(rate, `tax.fulfilment.${rate.fulfilment}`, "tax.since"))))),
      text("h3", "tax.later"),
      later.length === 0 ? text("p.hint", "tax.later.none") : h("ul", { class: "rates-later" }, later.map((rate) => this.#planned(rate))));
  }

  #planned(rate) {
    const back = button("danger-quiet", "tax.back", () => this.#takeBack(rate));
    const item = row(rate, "tax.of", "tax.from");
    item.append(say(back, "tax.back.of", wordsOf(rate), "aria-label"));
    return item;
  }

  get #wanted() {
    const taxClass = this.#taxClass.value === OTHER ? this.#key.value.trim() : this.#taxClass.value;
    const fulfilment = taxClass === SERVICE ? SERVED : this.#fulfilment.value;
    return { tax_class: taxClass, fulfilment, rate_bp: pointsOf(this.#percent.value), valid_from: this.#day.value };
  }

  /** Ask for what this rate needs, and for no day that is too early for it. */
  #ask() {
    if (this.#rates === null) return; // not known yet
    this.#key.element.hidden = this.#taxClass.value !== OTHER;
    this.#fulfilment.element.hidden = this.#taxClass.value === SERVICE;
    const { tax_class: taxClass, fulfilment, valid_from: day } = this.#wanted;
    const first = earliest(this.#rates, taxClass, fulfilment);
    const untouched = day === "" || day === this.#day.input.min;
    this.#day.input.min = first;
    if (untouched || day < first) this.#day.value = first;
  }

  async #add() {
    const fields = [this.#key, this.#percent, this.#day].filter(({ element }) => !element.hidden);
    if (!allFit(fields)) return;
    const wanted = this.#wanted;
    if (wanted.valid_from <= this.#rates.business_date && !(await this.#agreed("tax.begin", wanted))) return;
    try {
      await this.#app.session.call("POST", PATH, wanted);
      this.#app.announce("tax.added", wordsOf(wanted));
      this.#empty();
      await this.#load();
      this.#taxClass.value = wanted.tax_class;
      this.#ask();
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      if (problem.code === "conflict" || problem.code === "invalid_input") await this.#load(); // somebody else was here
      if (!this.#explained(problem)) throw problem;
    }
  }

  /** Say at its field what the hub does not take; whether there is such a field. */
  #explained({ code, details }) {
    const faults = {
      tax_class: [this.#key, "tax.fault.class"],
      rate_bp: [this.#percent, "serving.fault.percent", { min: 0, max: 100 }],
      valid_from: [this.#day, code === "conflict" ? "tax.fault.taken" : "tax.fault.day", { day: () => calendarDay(this.#day.input.min) }],
    };
    const [field, ...fault] = faults[details.field] ?? [];
    field?.fault(...fault);
    field?.input.focus();
    return field !== undefined;
  }

  async #takeBack(rate) {
    if (!(await this.#agreed("tax.back", rate))) return;
    await this.#try(async () => {
      try {
        await this.#app.session.call("DELETE", `${PATH}/${rate.id}`);
        this.#app.announce("tax.back.done", wordsOf(rate));
      } finally {
        await this.#load(); // a refusal too means that the list is old, and is shown after it
      }
    });
    this.#side.focus();
  }

  #agreed(name, rate) {
    return confirm({ title: `${name}.ask`, explain: `${name}.text`, yes: `${name}.yes`, values: wordsOf(rate) });
  }

  async #try(work) {
    showProblem(this.#problem, null);
    try {
      await work();
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      showProblem(this.#problem, problem, { conflict: "tax.begun" });
    }
  }
}

const row = (rate, name, since) => h("li", { class: "rate" },
  h("span", { class: "rate-words" }, text("span.rate-name", name, wordsOf(rate)), text("span.hint", since, wordsOf(rate))),
  text("strong.rate-percent", "tax.rate", wordsOf(rate)));
