import { h } from "../dom.js";
import { browserOf } from "./browsers.js";
import { confirm } from "./confirm.js";
import { factorSetup } from "./factor-setup.js";
import { button, Field, Form } from "./form.js";
import { newest } from "./newest.js";
import { showProblem } from "./problems.js";
import { moment, say, text } from "./words.js";

const BASE = "/api/v1/staff";

/** Everybody's own: password, second factor, PIN, sessions. */
export class AccountView extends HTMLElement {
  #app;
  #factor = h("section", { class: "card" });
  #factorState = null;
  #sessions = h("ul", { class: "sessions" });
  #newest = newest();
  #problem = h("p", { class: "alert", role: "alert", hidden: true });

  attach(app) {
    this.#app = app;
    const { me } = app.session;
    this.append(h("div", { class: "account" },
      h("header", { class: "account-head" },
        h("div", {}, h("h1", { tabindex: "-1" }, me.name), text("p.hint", `role.${me.role}`)),
        button("quiet", "signout", () => app.signOut(), { symbol: "signout" })),
      h("div", { class: "cards" }, this.#password(), this.#factor, app.session.may("order.cook") ? this.#pin() : null,
        h("section", { class: "card" }, text("h2", "sessions.title"), text("p.hint", "sessions.hint"), this.#problem, this.#sessions))));
  }

  opened() {
    this.#drawFactor();
    this.#loadSessions();
  }

  render() {
    this.#drawFactor();
  }

  #password() {
    const old = new Field({ name: "old", label: "password.old", type: "password", autocomplete: "current-password" });
    const fresh = new Field({ name: "new", label: "password.new", hint: "password.rule", type: "password", autocomplete: "new-password" });
    const form = new Form({
      fields: [old, fresh],
      action: "password.change",
      run: async (values) => {
        await this.#app.session.call("POST", `${BASE}/password`, values);
        form.clear();
        this.#app.announce("password.changed");
        await this.#app.session.look();
        this.#loadSessions();
      },
      context: { forbidden: "password.wrong" },
    });
    return h("section", { class: "card" }, text("h2", "password.title"), form.element);
  }

  #pin() {
    const pin = new Field({ name: "pin", label: "pin", hint: "pin.hint", type: "password", inputmode: "numeric", autocomplete: "off", maxlength: "8" });
    const password = new Field({ name: "password", label: "password.old", type: "password", autocomplete: "current-password" });
    const form = new Form({
      fields: [pin, password],
      action: "pin.set",
      run: async (values) => {
        await this.#app.session.call("PUT", `${BASE}/pin`, values);
        form.clear();
        this.#app.announce("pin.done");
      },
      context: { forbidden: "password.wrong", invalid_input: "problem.field.pin" },
    });
    return h("section", { class: "card" }, text("h2", "pin.title"), form.element);
  }

  #drawFactor() {
    const state = this.#app.session.me?.second_factor;
    if (state === undefined || state === this.#factorState || this.#factorState === "setup") return;
    this.#factorState = state;
    const title = text("h2", "factor.title");
    if (state === "on") {
      const password = new Field({ name: "password", label: "password.old", type: "password", autocomplete: "current-password" });
      const code = new Field({ name: "code", label: "code", hint: "code.hint", autocomplete: "one-time-code", autocapitalize: "none" });
      const form = new Form({
        fields: [password, code],
        action: "factor.end",
        danger: true,
        run: async (values) => {
          await this.#app.session.call("POST", `${BASE}/totp/end`, { ...values, code: values.code.replaceAll(" ", "") });
          this.#app.announce("factor.ended");
          await this.#app.session.look();
        },
        context: { forbidden: "factor.end.wrong", conflict: "factor.end.required" },
      });
      this.#factor.replaceChildren(title, text("p.state-on", "factor.on"),
        h("details", {}, text("summary", "factor.end.open"), form.element));
    } else {
      this.#factor.replaceChildren(title, text("p.hint", "factor.off"),
        h("div", { class: "actions" }, button("primary", "factor.begin", () => this.#setUp())));
    }
  }

  #setUp() {
    this.#factorState = "setup";
    this.#factor.replaceChildren(text("h2", "factor.title"), factorSetup(this.#app.session, async () => {
      await this.#app.session.look();
      this.#factorState = null;
      this.#drawFactor();
    }));
  }

  async #loadSessions() {
    showProblem(this.#problem, null);
    try {
      const found = await this.#newest(() => this.#app.session.call("GET", `${BASE}/sessions`));
      if (found !== null) this.#sessions.replaceChildren(...found.sessions.map((each) => this.#session(each)));
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      showProblem(this.#problem, problem);
    }
  }

  #session({ id, current, user_agent: agent, ip, created_at: since }) {
    const label = agent ? browserOf(agent) : null;
    return h("li", {},
      h("div", {}, label === null ? text("strong", "sessions.unknown") : h("strong", {}, label),
        text("p.hint", ip ? "sessions.since.from" : "sessions.since", { time: () => moment(since), ip })),
      current ? text("span.pill", "sessions.this") : this.#end(id, label ?? ""));
  }

  #end(id, label) {
    const end = button("quiet", "sessions.end", async () => {
      const agreed = await confirm({ title: "sessions.ask", explain: "sessions.text", yes: "sessions.end", values: { label } });
      if (!agreed) return;
      try {
        await this.#app.session.call("POST", `${BASE}/sessions/${id}/revoke`, {});
        this.#app.announce("sessions.ended");
      } catch (problem) {
        if (problem.name !== "Problem") throw problem;
        showProblem(this.#problem, problem);
      }
      await this.#loadSessions();
    });
    return say(end, "sessions.end.of", { label }, "aria-label");
  }
}

customElements.define("account-view", AccountView);
