import { h } from "../dom.js";
import { icon } from "../icons.js";
import { showProblem } from "./problems.js";
import { say, silence, text } from "./words.js";

let count = 0;

/** A labelled input with its hint and its fault. `hint` and `optional` are said below and beside the label. */
export class Field {
  #fault = h("p", { class: "fault", hidden: true });

  constructor({ name, label, hint = null, type = "text", optional = false, ...attributes }) {
    const id = `field-${(count += 1)}`;
    this.name = name;
    this.input = h("input", { id, name, type, required: !optional, "aria-describedby": `${id}-hint ${id}-fault`, ...attributes });
    this.#fault.id = `${id}-fault`;
    this.element = h("div", { class: "field" },
      h("div", { class: "field-label" },
        say(h("label", { for: id }), label),
        optional ? text("span.optional", "optional") : null),
      type === "password" ? h("div", { class: "secret" }, this.input, this.#reveal()) : this.input,
      hint === null ? h("p", { id: `${id}-hint`, hidden: true }) : say(h("p", { class: "hint", id: `${id}-hint` }), hint),
      this.#fault);
    this.input.addEventListener("input", () => this.fault(null));
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
    if (key === null) {
      silence(this.#fault);
      this.input.removeAttribute("aria-invalid");
    } else {
      say(this.#fault, key, values);
      this.input.setAttribute("aria-invalid", "true");
    }
  }

  #reveal() {
    const button = h("button", { type: "button", class: "reveal", "aria-pressed": "false" });
    const show = (open) => {
      this.input.type = open ? "text" : "password";
      button.setAttribute("aria-pressed", String(open));
      button.replaceChildren(text("span", open ? "password.hide" : "password.show"));
    };
    button.addEventListener("click", () => show(this.input.type === "password"));
    show(false);
    return button;
  }
}

/**
 * A form that says what it does and what went wrong. `run(values)` is awaited; the Problem that it raises is shown,
 * beside the field at fault when the hub names one, and everything typed stays.
 */
export class Form {
  #box = h("p", { class: "alert", role: "alert", hidden: true });
  #fields;
  #run;
  #context;
  #button;

  constructor({ fields = [], parts = null, action, values = {}, run, context = {}, danger = false, after = [] }) {
    this.#fields = fields;
    this.#run = run;
    this.#context = context;
    this.#button = h("button", { class: danger ? "danger" : "primary" }, text("span", action, values));
    this.element = h("form", { novalidate: true },
      parts ?? fields.map((each) => each.element), this.#box,
      h("div", { class: "actions" }, this.#button, ...after));
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  get busy() {
    return this.#button.getAttribute("aria-busy") === "true";
  }

  set enabled(enabled) {
    this.#button.disabled = !enabled;
  }

  action(key, values = {}) {
    say(this.#button.firstElementChild, key, values);
  }

  problem(problem) {
    showProblem(this.#box, problem, this.#context);
  }

  clear() {
    for (const field of this.#fields) field.value = "";
    this.problem(null);
  }

  focus() {
    this.#fields.find(({ element }) => !element.hidden && element.checkVisibility())?.input.focus();
  }

  #missing() {
    const missing = this.#fields.filter(({ element, input }) => !element.hidden && input.required && input.value.trim() === "");
    for (const field of missing) field.fault("problem.empty");
    missing[0]?.input.focus();
    return missing.length > 0;
  }

  async #submit() {
    if (this.busy || this.#button.disabled || this.#missing()) return;
    this.problem(null);
    this.#button.setAttribute("aria-busy", "true");
    try {
      await this.#run(Object.fromEntries(this.#fields.map(({ name, value }) => [name, value])));
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      this.problem(problem);
      this.#fields.find(({ name }) => name === problem.details.field)?.input.focus();
    } finally {
      this.#button.removeAttribute("aria-busy");
    }
  }
}

/** A button; `symbol` is the name of an icon. */
export function button(className, key, onclick, { values = {}, symbol = null } = {}) {
  return h("button", { type: "button", class: className, onclick }, symbol === null ? null : icon(symbol), text("span", key, values));
}
