import { h } from "../dom.js";
import { text } from "./words.js";

/** Asks once more before something that cannot be taken back; names its target. True for yes; Escape is no. */
export function confirm({ title, explain, yes, values, more = null }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-title", "aria-describedby": "ask-text" },
      h("form", { method: "dialog" },
        h("h2", { id: "ask-title" }, text("span", title, values)),
        h("p", { id: "ask-text" }, text("span", explain, values)),
        more,
        h("div", { class: "ask-answers" },
          h("button", { class: "quiet", value: "no", autofocus: true }, text("span", "ask.no")),
          h("button", { class: "danger", value: "yes" }, text("span", yes, values)))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
