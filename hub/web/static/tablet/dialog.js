import { h } from "../dom.js";

/** A question with two answers; resolves with true for yes. Escape and the back key mean no. */
export function ask(i18n, { title, text = null, yes, no, values = {}, danger = false }) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { class: "ask", "aria-labelledby": "ask-title" },
      h("form", { method: "dialog" },
        h("h2", { id: "ask-title" }, i18n.text(title, values)),
        text === null ? "" : h("p", {}, i18n.text(text, values)),
        h("div", { class: "ask-answers" },
          h("button", { class: "quiet", value: "no" }, i18n.text(no, values)),
          h("button", { class: danger ? "danger" : "primary", value: "yes" }, i18n.text(yes, values)))),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
