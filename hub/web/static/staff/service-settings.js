import { h } from "../dom.js";
import { Field, Form } from "./form.js";
import { showProblem } from "./problems.js";
import { allFit, SelectField, wholeField } from "./service-settings-fields.js";
import { LabelList } from "./service-settings-labels.js";
import { changes, headingsOf, shown, stationsOf } from "./service-settings-model.js";
import { text } from "./words.js";

const PATH = "/api/v1/hotel/settings";
const INTERVALS = [5, 10, 15, 20, 30, 60];
const ROLES = ["front", "kitchen", "runner", "menu_editor", "manager"];

/** How the hotel runs its room service: stations, menu headings, charge, how much the kitchen takes on, hours, people. */
export class ServiceSettingsPanel {
  #app;
  #side;
  #problem = h("p", { class: "alert", role: "alert", hidden: true });
  #stations = new LabelList({ name: "stations", one: "station" });
  #headings = new LabelList({ name: "categories", one: "heading" });
  #roles = ROLES.map((role) => h("input", { type: "checkbox", name: "totp_roles", value: role }));
  #fields;
  #form;
  #settings = null;

  constructor(app, side) {
    this.#app = app;
    this.#side = side;
    const time = (name) => new Field({ name, label: `serving.${name}`, type: "time" });
    const guests = [
      new Field({ name: "service_charge", label: "serving.service_charge", hint: "serving.service_charge.hint", type: "number", inputmode: "decimal", min: "0", max: "30", step: "0.01", autocomplete: "off" }),
      wholeField("delivery_minutes", "0", "120", { hint: "serving.delivery_minutes.hint" }),
      wholeField("legal_age", "0", "30", { hint: "serving.legal_age.hint" }),
    ];
    const kitchen = [
      new SelectField({ name: "throttle_interval_minutes", label: "serving.throttle_interval_minutes", options: INTERVALS.map((minutes) => [minutes, "serving.minutes", { minutes }]) }),
      wholeField("throttle_orders", "1", "1000", { optional: true }),
      wholeField("throttle_minutes", "1", "10000", { optional: true, hint: "serving.throttle_minutes.hint" }),
    ];
    const screens = [
      wholeField("undo_seconds", "1", "60", { hint: "serving.undo_seconds.hint" }),
      wholeField("recall_minutes", "1", "1440", { hint: "serving.recall_minutes.hint" }),
    ];
    const night = [time("night_start"), time("night_end")];
    const tablets = [
      wholeField("idle_seconds", "30", "3600", { hint: "serving.idle_seconds.hint" }),
      new Field({ name: "phone", label: "serving.phone", hint: "serving.phone.hint", type: "tel", maxlength: "30", optional: true, autocomplete: "off" }),
    ];
    const letters = new SelectField({ name: "locale", label: "serving.locale", options: ["ja", "en"].map((language) => [language, `serving.locale.${language}`]) });
    this.#fields = [...guests, ...kitchen, ...screens, ...night, ...tablets, letters];
    this.#form = new Form({
      fields: this.#fields,
      parts: [this.#stations.element, this.#headings.element, group("serving.guests", null, guests),
        group("serving.kitchen", "serving.kitchen.hint", kitchen), group("serving.screens", null, screens),
        group("serving.tablets", "serving.tablets.hint", [{ element: h("div", { class: "two" }, night.map(({ element }) => element)) }, ...tablets]),
        group("serving.people", "serving.people.hint", this.#roles.map((box) => ({ element: h("label", { class: "check" }, box, text("span", `role.${box.value}`)) }))),
        letters.element],
      action: "serving.save",
      run: (values) => this.#save(values),
    });
    this.#form.element.classList.add("serving");
  }

  async show() {
    showProblem(this.#problem, null);
    this.#form.problem(null);
    this.#form.enabled = false;
    this.#side.show("serving.title", {}, text("p.hint", "serving.hint"), this.#problem, this.#form.element);
    try {
      this.#fill(await this.#app.session.call("GET", PATH));
      this.#form.enabled = true;
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      showProblem(this.#problem, problem);
    }
  }

  async #save(values) {
    if (!allFit([...this.#stations.fields, ...this.#headings.fields, ...this.#fields])) return;
    const roles = this.#roles.filter(({ checked }) => checked).map(({ value }) => value);
    const wanted = changes(this.#settings, values, { stations: this.#stations.labels, headings: this.#headings.labels, roles });
    try {
      if (Object.keys(wanted).length > 0) this.#fill(await this.#app.session.call("PATCH", PATH, wanted));
      this.#app.announce("serving.saved");
    } catch (problem) {
      if (problem.name !== "Problem" || !this.#explained(problem)) throw problem;
    }
  }

  /** Say at its field what the hub does not take; whether there is such a field. */
  #explained({ code, details }) {
    if (code !== "invalid_input") return false;
    const list = { stations: this.#stations, categories: this.#headings }[details.field];
    if (list && details.needed) {
      // what was not taken off here, somebody else has added meanwhile
      if (!list.restore(details.needed)) this.#form.problem({ code: "version_mismatch", details });
      return true;
    }
    const [field, fault] = this.#faultOf(details.field);
    field?.fault(fault);
    field?.input.focus();
    return field !== undefined;
  }

  #faultOf(path = "") {
    const field = (name) => this.#fields.find((each) => each.name === name);
    if (path === "service_charge_bp") return [field("service_charge"), "serving.fault.no_rate"];
    if (path === "night_start" || path === "night_end") return [field(path), "serving.fault.night"];
    if (path === "phone") return [field(path), "problem.field.guest_phone"];
    return [this.#stations.field(path) ?? this.#headings.field(path), "serving.fault.name"];
  }

  #fill(settings) {
    this.#settings = settings;
    const values = shown(settings);
    for (const field of this.#fields) field.value = values[field.name];
    this.#stations.labels = stationsOf(settings);
    this.#headings.labels = headingsOf(settings);
    for (const box of this.#roles) box.checked = settings.totp_roles.includes(box.value);
  }
}

const group = (title, hint, fields) =>
  h("fieldset", {}, text("legend", title), hint === null ? null : text("p.hint", hint), fields.map(({ element }) => element));
