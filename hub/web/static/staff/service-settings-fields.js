import { h } from "../dom.js";
import { Field } from "./form.js";
import { calendarDay, say, silence } from "./words.js";

let count = 0;

/** A labelled choice, which stands in a form as a Field does. `options` are `[value, key, values]`. */
export class SelectField {
  #fault = h("p", { class: "fault", hidden: true });

  constructor({ name, label, options }) {
    const id = `choice-${(count += 1)}`;
    this.name = name;
    this.#fault.id = `${id}-fault`;
    this.input = h("select", { id, name, "aria-describedby": this.#fault.id });
    this.options = options;
    this.element = h("div", { class: "field" },
      h("div", { class: "field-label" }, say(h("label", { for: id }), label)), this.input, this.#fault);
    this.input.addEventListener("input", () => this.fault(null));
  }

  set options(options) {
    this.input.replaceChildren(...options.map(([value, key, values]) => say(h("option", { value }), key, values)));
  }

  get value() {
    return this.input.value;
  }

  set value(value) {
    this.input.value = value;
    this.fault(null);
  }

  fault(key, values) {
    this.#fault.hidden = key === null;
    if (key === null) silence(this.#fault);
    else say(this.#fault, key, values);
  }
}

/** A whole number in its range. */
export const wholeField = (name, min, max, more = {}) =>
  new Field({ name, label: `serving.${name}`, type: "number", inputmode: "numeric", min, max, step: 1, autocomplete: "off", ...more });

/** Say at each field what is wrong in it; whether all are right. The first one at fault is where the person goes on. */
export function allFit(fields) {
  const wrong = fields.filter((field) => !fits(field));
  wrong[0]?.input.focus();
  return wrong.length === 0;
}

function fits(field) {
  const { input } = field;
  const { validity } = input;
  if (input.required && input.value.trim() === "" && !validity.badInput) field.fault("problem.empty");
  else if (!validity.valid) field.fault(...faultOf(input));
  else {
    field.fault(null); // what was said of it may be over
    return true;
  }
  return false;
}

function faultOf({ type, step, min, max }) {
  if (type === "date") return ["tax.fault.day", { day: () => calendarDay(min) }];
  if (type === "text") return ["tax.fault.class"];
  return [step === "1" ? "serving.fault.whole" : "serving.fault.percent", { min, max }];
}
