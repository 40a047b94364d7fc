import { h } from "../dom.js";

/**
 * A question above the page; resolves with what `close(answer)` was given, null for Escape, the back key or the end of
 * the session. `content({close})` returns what stands in it; `label` is the id of its heading.
 */
export function openDialog({ label, name, content }) {
  return new Promise((resolve) => {
    let answer = null;
    const dialog = h("dialog", { class: name, "aria-labelledby": label });
    const close = (given) => {
      answer = given;
      dialog.close();
    };
    dialog.append(...content({ close }));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A question with two answers; resolves with true for yes. `lines` stand below the text, one paragraph each. */
export async function ask(i18n, { title, text = null, lines = [], yes, no, values = {}, danger = false }) {
  const answer = await openDialog({
    label: "ask-title",
    name: "ask",
    content: ({ close }) => [
      h("h2", { id: "ask-title" }, i18n.text(title, values)),
      text === null ? "" : h("p", {}, i18n.text(text, values)),
      lines.length === 0 ? "" : h("ul", { class: "ask-lines" }, lines.map((line) => h("li", {}, line))),
      h("div", { class: "ask-answers" },
        h("button", { type: "button", class: "quiet", value: "no", onclick: () => close(false) }, i18n.text(no, values)),
        h("button", { type: "button", class: danger ? "danger" : "primary", value: "yes", onclick: () => close(true) }, i18n.text(yes, values))),
    ],
  });
  return answer === true;
}
