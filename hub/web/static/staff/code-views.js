import { h } from "../dom.js";
import { button, Field, Form } from "./form.js";
import { showProblem } from "./problems.js";
import { say, text } from "./words.js";

/** A new password with the code of a letter; for the invited it is the first one. */
export class ResetView extends HTMLElement {
  #password = new Field({ name: "password", label: "password.new", hint: "password.rule", type: "password", autocomplete: "new-password" });
  #code = null;
  #form;

  attach(app) {
    this.#form = new Form({
      fields: [this.#password],
      action: "reset.send",
      run: async ({ password }) => {
        await app.session.open("POST", "/api/v1/staff/password/reset", { code: this.#code, password });
        this.#form.clear();
        app.show("signin", "reset.done");
      },
      context: { unauthorized: "reset.over", not_found: "reset.over" },
      after: [button("link", "forgot.again", () => app.show("forgot"))],
    });
    this.append(h("div", { class: "card" },
      say(h("h1", { tabindex: "-1" }), "reset.title"), text("p.hint", "reset.hint"), this.#form.element));
  }

  opened(code) {
    this.#code = code;
    this.#form.clear();
    this.#form.focus();
  }
}

/** Says that an e-mail address is somebody's own. The code is used at once; there is nothing to fill in. */
export class VerifyView extends HTMLElement {
  #app;
  #code = null;
  #text = h("p", { class: "note", role: "status" });
  #problem = h("p", { class: "alert", role: "alert", hidden: true });
  #again = button("primary", "retry", () => this.#send());

  attach(app) {
    this.#app = app;
    this.append(h("div", { class: "card" },
      say(h("h1", { tabindex: "-1" }), "verify.title"), this.#text, this.#problem,
      h("div", { class: "actions" }, this.#again, button("link", "signin.back", () => app.home()))));
  }

  opened(code) {
    this.#code = code;
    this.#send();
  }

  async #send() {
    this.#again.hidden = true;
    showProblem(this.#problem, null);
    this.#text.hidden = false;
    say(this.#text, "verify.busy");
    try {
      await this.#app.session.open("POST", "/api/v1/staff/email/verify", { code: this.#code });
      say(this.#text, "verify.done");
    } catch (problem) {
      this.#text.hidden = true;
      this.#again.hidden = !problem.temporary;
      showProblem(this.#problem, problem, { unauthorized: "verify.over", not_found: "verify.over", invalid_input: "verify.over" });
    }
  }
}

customElements.define("reset-view", ResetView);
customElements.define("verify-view", VerifyView);
