import { h } from "../../dom.js";
import { Field, Form } from "../form.js";
import { showProblem } from "../problems.js";
import { text } from "../words.js";

const PATH = "/api/v1/hotel/settings";
// In the order in which they come; what each is when a hotel says nothing.
const USUAL = { unseen: 10, hook: 30, chime: 90, page: 180, every: 20 };
const fieldOf = (step) => `alert_${step}_seconds`;

/** After how many seconds the hotel is told of an order that nobody sees or accepts. */
export class LadderPanel {
  #app;
  #side;
  #problem = h("p", { class: "alert", role: "alert", hidden: true });
  #fields;
  #form;

  constructor(app, side) {
    this.#app = app;
    this.#side = side;
    this.#fields = Object.keys(USUAL).map((step) => new Field({
      name: fieldOf(step), label: `ladder.${step}`, hint: `ladder.${step}.hint`, type: "number", inputmode: "numeric", min: "3", max: "7200", step: "1",
    }));
    this.#form = new Form({ fields: this.#fields, action: "ladder.save", run: (values) => this.#save(values) });
  }

  async show() {
    showProblem(this.#problem, null);
    this.#form.enabled = false;
    this.#side.show("ladder.title", {}, text("p.hint", "ladder.hint"), this.#problem, this.#form.element);
    try {
      this.#fill(await this.#app.session.call("GET", PATH));
      this.#form.enabled = true;
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      showProblem(this.#problem, problem);
    }
  }

  async #save(values) {
    this.#form.problem(null);
    const wanted = Object.entries(USUAL).map(([step, usual]) => {
      const seconds = Number(values[fieldOf(step)]);
      return [fieldOf(step), seconds === usual ? null : seconds];
    });
    this.#fill(await this.#app.session.call("PATCH", PATH, Object.fromEntries(wanted)));
    this.#app.announce("ladder.saved");
  }

  #fill(settings) {
    for (const [n, [step, usual]] of Object.entries(USUAL).entries()) this.#fields[n].value = settings[fieldOf(step)] ?? usual;
  }
}
