import { h, setText } from "../../dom.js";
import { icon, setIcon } from "../../icons.js";
import { nextOfItem } from "../flow.js";

const MARKS = { pending: "check", cooking: "check", ready: "check", cancelled: "close" };

/** What decides how high a row is. */
export const rowKey = (item, tight) =>
  JSON.stringify([item.name_ja, item.name_en, item.note, item.options.map(({ key }) => key), item.conflicts, item.allergens === null, item.quantity > 9, tight]);

/** The row of an item: how many, of what, how, for whom not, and how far it is. */
export function createRow(item) {
  return h("li", {},
    h("button", { type: "button", class: "item", "data-action": "item", "data-line": String(item.line) },
      h("span", { class: "quantity" }),
      h("span", { class: "item-text" },
        h("span", { class: "clamp item-name" }),
        h("span", { class: "clamp item-other" }, h("span", { class: "item-station" }), h("span")),
        h("span", { class: "clamp item-options" }),
        h("span", { class: "item-conflict" }, icon("warning"), h("span")),
        h("span", { class: "clamp item-note" })),
      h("span", { class: "item-state" },
        h("span", { class: "state-mark" }, icon("check")),
        h("span", { class: "visually-hidden state-word" }))));
}

/**
 * @param context `{order, waiting, guardedLines, tight, marked(item), station}`: `tight` is 0, 1 or 2, the station's name
 *   stands where it matters, or ""
 */
export function updateRow(row, item, { order, waiting, guardedLines, tight, marked, station }, { i18n, names, lens }) {
  const button = row.firstElementChild;
  const find = (name) => button.querySelector(`.${name}`);
  row.className = item.status;
  row.classList.toggle("pending-answer", waiting.has(item.line) || waiting.has("*"));
  row.classList.toggle("several", item.quantity > 1);
  row.classList.toggle("tight", tight > 0);
  row.classList.toggle("tightest", tight > 1);
  row.classList.toggle("marked", marked(item));
  setText(find("quantity"), String(item.quantity));
  setText(find("item-name"), i18n.of(item, "name"));
  const [at, other] = find("item-other").children;
  fill(at, station);
  setText(other, i18n.otherOf(item, "name"));
  other.lang = i18n.other;
  fill(find("item-options"), item.options.map((option) => i18n.of(option, "name")).join(" · "));
  const conflict = find("item-conflict");
  conflict.hidden = item.conflicts.length === 0 || item.status === "cancelled";
  const words = names.allergens(item.conflicts);
  setText(conflict.lastElementChild, item.allergens === null ? i18n.text("conflict.unknown", { words }) : i18n.text("conflict", { words }));
  fill(find("item-note"), item.note ?? "");
  setIcon(find("state-mark").firstElementChild, MARKS[item.status]);
  setText(find("state-word"), i18n.text(`state.${item.status}`));
  button.setAttribute("aria-disabled", String(nextOfItem(order, item, lens) === null || guardedLines.includes(item.line)));
}

function fill(element, text) {
  element.hidden = text === "";
  setText(element, text);
}
