import { h } from "../dom.js";
import { button, Field, Form } from "./form.js";
import { drawQr } from "./qr.js";
import { showProblem } from "./problems.js";
import { text } from "./words.js";

/**
 * Setting up the second factor, as an element: a picture for the app on the phone, a first code, then the recovery
 * codes, which are shown this once. `done()` is called when the person has kept them.
 */
export function factorSetup(session, done) {
  const element = h("div", { class: "factor" });
  const problem = h("p", { class: "alert", role: "alert", hidden: true });

  const begin = async () => {
    showProblem(problem, null);
    element.replaceChildren(text("p.hint", "factor.hint"), problem);
    try {
      confirmCode(await session.call("POST", "/api/v1/staff/totp/begin", {}));
    } catch (refused) {
      showProblem(problem, refused);
      element.append(h("div", { class: "actions" }, button("primary", "retry", begin)));
    }
  };

  const confirmCode = ({ secret, uri, qr }) => {
    const code = new Field({ name: "code", label: "factor.code", autocomplete: "one-time-code", inputmode: "numeric", maxlength: "7" });
    const password = new Field({ name: "password", label: "password.old", type: "password", autocomplete: "current-password" });
    const form = new Form({
      fields: [code, password],
      action: "factor.confirm",
      run: async (values) => {
        const answer = await session.call("POST", "/api/v1/staff/totp/confirm", { ...values, code: values.code.replaceAll(" ", "") });
        showCodes(answer.recovery_codes);
      },
      context: { unauthorized: "factor.wrong", forbidden: "password.wrong", invalid_input: "factor.wrong", conflict: "factor.again" },
    });
    const shown = secret ?? new URL(uri).searchParams.get("secret");
    element.replaceChildren(
      h("ol", { class: "steps" },
        h("li", {}, text("p", "factor.scan"), drawQr(qr, "factor.qr"),
          h("details", {}, text("summary", "factor.manual"), h("code", { class: "secret-text" }, shown.replaceAll(/(.{4})(?=.)/g, "$1 ")))),
        h("li", {}, text("p", "factor.enter"), form.element)));
    code.input.focus();
  };

  const showCodes = (codes) => {
    const title = text("h2", "recovery.title");
    title.tabIndex = -1;
    element.replaceChildren(title, text("p.hint", "recovery.hint"),
      h("ul", { class: "recovery" }, codes.map((code) => h("li", {}, h("code", {}, code)))),
      h("div", { class: "actions" },
        button("primary", "recovery.kept", done),
        button("quiet", "recovery.print", () => print())));
    title.focus();
  };

  begin();
  return element;
}
