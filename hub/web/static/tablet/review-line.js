import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { lineKey } from "./basket.js";
import { isEarly, lineProblem, refusalOf } from "./lines.js";
import { optionsText } from "./option-text.js";
import { unitPrice } from "./options.js";
import { warningText } from "./conflict-text.js";
import { conflictOf } from "./allergens.js";
import { declared } from "./filter.js";
import { settling } from "./settling.js";
import { stepper } from "./stepper.js";

const NOTE_LENGTH = 200;

/** A line of the order before it is sent: options, a wish in words, how many, and what may be wrong with it. */
export function reviewLine(app, line, item) {
  const { i18n, basket } = app;
  const key = lineKey(line);
  const name = item ? i18n.of(item, "name") : i18n.text("line.unknown");
  const note = h("div", { class: "line-note" });
  const write = () => {
    note.replaceChildren(...noteField(app, line, key));
    note.lastElementChild.focus();
  };
  if (line.note === "") note.append(h("button", { type: "button", class: "link", "aria-label": i18n.text("line.note.of", { name }), onclick: write }, i18n.text("line.note.add")));
  else note.append(...noteField(app, line, key));
  const leave = () => {
    settling(remove.closest("ul"));
    basket.setQuantity(key, 0);
  };
  const remove = h("button", { type: "button", class: "round", "aria-label": i18n.text("remove.line", { name }), onclick: leave }, icon("close"));
  const options = item ? optionsText(i18n, item, line.options) : "";
  const change = h("button", { type: "button", class: "link", "aria-label": i18n.text("line.change.of", { name }), onclick: () => app.go("item", key) }, i18n.text("line.change"));
  return h("li", {},
    h("div", { class: "line-head" }, h("h2", {}, name), h("span", { class: "line-price" })),
    line.options.length > 0 ? h("p", { class: "line-options" }, h("span", {}, options), change) : "",
    h("p", { class: "line-problem" }),
    h("p", { class: "warning" }),
    h("div", { class: "line-tools" },
      note,
      stepper(i18n, name, { now: () => basket.quantity(key), change: (quantity) => basket.setQuantity(key, quantity), least: 1 }), remove));
}

function noteField({ i18n, basket }, line, key) {
  const id = `note-${key}`;
  const field = h("input", { id, maxlength: String(NOTE_LENGTH), placeholder: i18n.text("line.note.placeholder"), autocomplete: "off" });
  field.value = line.note;
  field.addEventListener("input", () => basket.setNote(key, field.value));
  return [h("label", { for: id }, i18n.text("line.note")), field];
}

/** `error` is what the hub has said against the basket, or null. */
export function showReviewLine(app, element, { line, item }, { error, sending }) {
  const { i18n } = app;
  const problem = lineProblem(app, line, item) ?? (error === null ? null : refusalOf(app, error, line));
  const early = problem !== null && isEarly(app, item);
  element.classList.toggle("broken", problem !== null && !early);
  element.classList.toggle("early", early);
  setText(element.querySelector(".line-problem"), problem ?? "");
  const conflict = item === null ? null : conflictOf(item, declared(app), line.options);
  setText(element.querySelector(".warning"), conflict === null ? "" : warningText(app, conflict));
  setText(element.querySelector(".line-price"), item ? i18n.yen(unitPrice(item, line.options) * line.quantity) : "");
  element.querySelector(".stepper").show(line.quantity);
  element.inert = sending;
}
