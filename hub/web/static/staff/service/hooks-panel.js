import { h } from "../../dom.js";
import { confirm } from "../confirm.js";
import { button, Field, Form } from "../form.js";
import { newest } from "../newest.js";
import { showProblem } from "../problems.js";
import { moment, say, text } from "../words.js";

const PATH = "/api/v1/webhooks";
const EVENTS = ["order.unseen", "order.unaccepted", "order.paged"];
const LOOK_MS = 700;
const LOOKS = 30;

/** The addresses outside the house that are told of orders which nobody sees or accepts. */
export class HooksPanel {
  #app;
  #side;
  #problem = h("p", { class: "alert", role: "alert", hidden: true });
  #secret = h("div", { class: "secret-once", hidden: true });
  #list = h("ul", { class: "hooks" });
  #place = h("div");
  #newest = newest();
  #shown = 0; // which showing of this panel an answer belongs to

  constructor(app, side) {
    this.#app = app;
    this.#side = side;
  }

  async show() {
    this.#shown += 1;
    showProblem(this.#problem, null);
    this.#list.replaceChildren();
    this.forget();
    this.#side.show("hooks.title", {}, text("p.hint", "hooks.hint"), this.#problem, this.#secret, this.#list, this.#place);
    this.#offer();
    await this.#load();
  }

  /** The secret is shown once: when the panel closes it is gone. */
  forget() {
    this.#secret.hidden = true;
    this.#secret.replaceChildren();
  }

  #offer() {
    this.#place.replaceChildren(h("div", { class: "actions" }, button("primary", "hooks.add", () => this.#edit(null), { symbol: "plus" })));
  }

  async #load() {
    await this.#try(async () => {
      const found = await this.#newest(() => this.#app.session.call("GET", PATH));
      if (found === null) return;
      const { webhooks } = found;
      this.#list.replaceChildren(...(webhooks.length === 0 ? [text("li.hint", "hooks.none")] : webhooks.map((each) => this.#card(each))));
    });
  }

  #card(hook) {
    const outcome = h("p", { class: "hint hook-outcome", role: "status" });
    if (hook.last_attempt !== null) sayOutcome(outcome, hook.last_attempt);
    const name = hook.description ?? hostOf(hook.url);
    return h("li", { class: "hook" },
      h("div", { class: "hook-head" }, h("strong", {}, name),
        text("span.pill", hook.is_active ? "hooks.on" : "hooks.off", {})),
      h("p", { class: "hook-url" }, hook.url),
      h("p", { class: "hint" }, ...hook.events.map((event) => text("span.tag", `hooks.event.${event}`))),
      outcome,
      h("div", { class: "actions" },
        hook.is_active ? button("quiet", "hooks.test", () => this.#test(hook, outcome)) : null,
        button("quiet", hook.is_active ? "hooks.switch.off" : "hooks.switch.on", () => this.#switch(hook)),
        button("quiet", "hooks.edit", () => this.#edit(hook)),
        button("danger-quiet", "hooks.delete", () => this.#delete(hook, name))));
  }

  /** A form for a new address, or for one that is there. */
  #edit(hook) {
    const url = new Field({ name: "url", label: "hooks.url", hint: "hooks.url.hint", type: "url", autocomplete: "off", spellcheck: "false", inputmode: "url" });
    const description = new Field({ name: "description", label: "hooks.description", optional: true, autocomplete: "off", maxlength: "200" });
    const boxes = EVENTS.map((event) => h("input", { type: "checkbox", name: event, checked: hook === null || hook.events.includes(event) }));
    const fault = text("p.fault", "hooks.events.empty");
    fault.hidden = true;
    const form = new Form({
      fields: [url, description],
      parts: [url.element, description.element,
        h("fieldset", {}, text("legend", "hooks.events"),
          ...boxes.map((box, n) => h("label", { class: "check" }, box, text("span", `hooks.event.${EVENTS[n]}`))), fault)],
      action: hook === null ? "hooks.create" : "hooks.save",
      run: async (values) => {
        const events = EVENTS.filter((_, n) => boxes[n].checked);
        fault.hidden = events.length > 0;
        if (events.length === 0) return;
        await this.#save(hook, { url: values.url.trim(), description: values.description.trim() || null, events });
      },
      after: [button("quiet", "ask.no", () => this.#offer())],
    });
    if (hook !== null) {
      url.value = hook.url;
      description.value = hook.description ?? "";
    }
    this.forget();
    this.#place.replaceChildren(text("h3", hook === null ? "hooks.add" : "hooks.edit"), form.element);
    form.focus();
  }

  async #save(hook, wish) {
    const { session } = this.#app;
    if (hook === null) {
      const { secret } = await session.call("POST", PATH, wish);
      this.#tell(secret);
    } else {
      await session.call("PATCH", `${PATH}/${hook.id}`, wish);
      this.#app.announce("hooks.saved");
    }
    this.#offer();
    await this.#load();
  }

  #tell(secret) {
    const value = h("code", { class: "secret-text" }, secret);
    this.#secret.replaceChildren(text("h3", "hooks.secret"), text("p", "hooks.secret.hint"), value,
      h("div", { class: "actions" },
        navigator.clipboard ? button("quiet", "hooks.secret.copy", () => navigator.clipboard.writeText(secret).then(() => this.#app.announce("hooks.secret.copied"))) : null,
        button("primary", "hooks.secret.kept", () => this.forget())));
    this.#secret.hidden = false;
    this.#secret.scrollIntoView({ block: "nearest" });
  }

  async #switch(hook) {
    if (hook.is_active && !(await this.#asked("hooks.off.ask", "hooks.off.text", "hooks.switch.off", hook.description ?? hostOf(hook.url)))) return;
    await this.#try(() => this.#app.session.call("PATCH", `${PATH}/${hook.id}`, { is_active: !hook.is_active }));
    await this.#load();
  }

  async #delete(hook, name) {
    if (!(await this.#asked("hooks.delete.ask", "hooks.delete.text", "hooks.delete", name))) return;
    await this.#try(async () => {
      await this.#app.session.call("DELETE", `${PATH}/${hook.id}`);
      this.#app.announce("hooks.deleted", { name });
    });
    await this.#load();
  }

  async #asked(title, explain, yes, name) {
    return await confirm({ title, explain, yes, values: { name } });
  }

  /** Send a test, and watch what becomes of it. */
  async #test(hook, outcome) {
    const shown = this.#shown;
    say(outcome, "hooks.testing");
    await this.#try(async () => {
      const { delivery } = await this.#app.session.call("POST", `${PATH}/${hook.id}/test`, {});
      for (let look = 0; look < LOOKS && shown === this.#shown && this.#side.open; look += 1) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        const { deliveries } = await this.#app.session.call("GET", `${PATH}/${hook.id}/deliveries`);
        const found = deliveries.find(({ id }) => id === delivery.id);
        if (found?.delivered_at || found?.last_error)
          return sayOutcome(outcome, { at: found.last_attempt_at, delivered_at: found.delivered_at, status: found.last_status, error: found.last_error });
      }
      return say(outcome, "hooks.test.late");
    });
  }

  async #try(work) {
    showProblem(this.#problem, null);
    try {
      await work();
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      showProblem(this.#problem, problem, { conflict: "hooks.conflict" });
    }
  }
}

/** What became of the last thing that was sent. */
function sayOutcome(element, { at, delivered_at: deliveredAt, status, error }) {
  const time = () => moment(deliveredAt ?? at);
  element.dataset.state = deliveredAt ? "good" : error ? "bad" : "";
  if (deliveredAt) say(element, "hooks.delivered", { time });
  else if (error === "refused" || error === "redirected") say(element, `hooks.fault.${error}`, { time, status });
  else if (error) say(element, `hooks.fault.${error}`, { time });
  else say(element, "hooks.testing");
}

function hostOf(url) {
  return new URL(url).host;
}
