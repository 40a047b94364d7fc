import { h } from "../dom.js";
import { button, Field, Form } from "./form.js";
import { say, silence, text } from "./words.js";

/** Signing in: hotel, e-mail and password, then the second factor when the hub asks for it. */
export class SignInView extends HTMLElement {
  #app;
  #hotel = new Field({ name: "hotel", label: "hotel.slug", hint: "hotel.slug.hint", autocapitalize: "none", spellcheck: "false", autocomplete: "organization" });
  #email = new Field({ name: "email", label: "email", type: "email", autocomplete: "username", inputmode: "email" });
  #password = new Field({ name: "password", label: "password", type: "password", autocomplete: "current-password" });
  #code = new Field({ name: "code", label: "code", hint: "code.hint", autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false" });
  #form;
  #title = h("h1", { tabindex: "-1" });
  #note = h("p", { class: "note", role: "status", hidden: true });
  #forgot = button("link", "forgot", () => this.#app.show("forgot"));
  #back = button("link", "code.back", () => this.#askCode(false));

  attach(app) {
    this.#app = app;
    this.#form = new Form({
      fields: [this.#hotel, this.#email, this.#password, this.#code],
      action: "signin",
      run: (values) => this.#signIn(values),
      context: { unauthorized: "signin.wrong", code_wrong: "code.wrong" },
      after: [this.#forgot, this.#back],
    });
    this.append(h("div", { class: "card" }, say(this.#title, "signin.title"), this.#note, this.#form.element));
    this.#askCode(false);
  }

  set hotel(slug) {
    this.#hotel.value = slug;
  }

  get email() {
    return this.#email.value;
  }

  /** `note` is the key of what has happened before, or null. */
  opened(note) {
    this.#hotel.element.hidden = this.#app.hotel !== null;
    this.#note.hidden = note === null;
    if (note === null) silence(this.#note);
    else say(this.#note, note);
    const empty = [this.#hotel, this.#email, this.#password].find(({ element, value }) => !element.hidden && value === "");
    (empty ?? this.#password).input.focus();
  }

  #askCode(wanted) {
    this.#code.element.hidden = !wanted;
    this.#code.value = "";
    this.#back.hidden = !wanted;
    this.#forgot.hidden = wanted;
    for (const { element } of [this.#email, this.#password]) element.hidden = wanted;
    this.#hotel.element.hidden = wanted || this.#app.hotel !== null;
    say(this.#title, wanted ? "code.title" : "signin.title");
    this.#form.action(wanted ? "code.send" : "signin");
    this.#form.problem(null);
    (wanted ? this.#code : this.#password).input.focus();
  }

  async #signIn({ hotel, email, password, code }) {
    const given = { email: email.trim(), password };
    const slug = this.#app.slug ?? hotel.trim().toLowerCase();
    if (slug !== "") given.hotel = slug;
    const asked = !this.#code.element.hidden;
    if (asked) given.code = code.replaceAll(" ", "");
    try {
      await this.#app.session.signIn(given);
    } catch (problem) {
      if (problem.code === "second_factor_required" && !asked) return this.#askCode(true);
      if (asked && problem.code === "unauthorized") {
        this.#code.value = "";
        this.#code.input.focus();
        problem.code = "code_wrong";
      }
      throw problem;
    }
    this.#password.value = "";
    this.#askCode(false);
    return undefined;
  }
}

/** Asking for a letter with a way to a new password. The answer is the same whether the address is known or not. */
export class ForgotView extends HTMLElement {
  #email = new Field({ name: "email", label: "email", type: "email", autocomplete: "username", inputmode: "email" });
  #hotel = new Field({ name: "hotel", label: "hotel.slug", hint: "hotel.slug.hint", autocapitalize: "none", spellcheck: "false" });
  #sent = text("p.note", "forgot.sent");
  #form;
  #app;

  attach(app) {
    this.#app = app;
    const back = () => button("link", "signin.back", () => app.show("signin"));
    this.#form = new Form({
      fields: [this.#hotel, this.#email],
      action: "forgot.send",
      run: async ({ email, hotel }) => {
        const slug = app.slug ?? hotel.trim().toLowerCase();
        await app.session.open("POST", "/api/v1/staff/password/forgot", { email: email.trim(), ...(slug === "" ? {} : { hotel: slug }) });
        this.#sent.hidden = false;
        this.#form.element.hidden = true;
        this.querySelector("h1").focus();
      },
      after: [back()],
    });
    this.#sent.setAttribute("role", "status");
    this.append(h("div", { class: "card" },
      say(h("h1", { tabindex: "-1" }), "forgot.title"), text("p.hint", "forgot.hint"), this.#sent, this.#form.element));
  }

  set hotel(slug) {
    this.#hotel.value = slug;
  }

  opened(email) {
    this.#hotel.element.hidden = this.#app.hotel !== null;
    this.#sent.hidden = true;
    this.#form.element.hidden = false;
    this.#email.value = email;
    this.#form.focus();
  }
}

customElements.define("signin-view", SignInView);
customElements.define("forgot-view", ForgotView);
