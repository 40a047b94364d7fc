import { h, reconcile, setText } from "../../dom.js";
import { icon } from "../../icons.js";
import { isLive } from "../flow.js";
import { awaitsAllergyNote, unnotedAllergy } from "../noted.js";

/** How much of a guest's request is shown; the rest is in the ticket's panel. */
export const SIZES = ["full", "less", "least"];

/**
 * What stands above the rows of an order's first part: `{key, name}`; the key decides how high it is. A declared
 * allergy is shown also when nothing in the order holds it, and never shortened for a request.
 */
export function blocksOf(order, size) {
  const blocks = [];
  if (order.declared_allergens.length > 0 && order.status !== "cancelled") {
    const made = order.items.filter(isLive).map(({ station, conflicts }) => [station, conflicts]);
    blocks.push({ name: "allergy", key: JSON.stringify(["allergy", order.declared_allergens, made, unnotedAllergy(order)]) });
  }
  if (order.special_requests) blocks.push({ name: "request", key: JSON.stringify(["request", order.special_requests, size]) });
  return blocks;
}

/** What this screen's items hold of what the guest has declared. */
const conflictsOf = (order, lens) => [...new Set(lens.items(order).filter(isLive).flatMap((item) => item.conflicts))];

/** Put the blocks of an order into their place on a ticket. */
export function renderBlocks(place, order, size, kitchen) {
  reconcile(place, blocksOf(order, size), {
    key: ({ name }) => name,
    create: ({ name }) => CREATE[name](),
    update: (element, { name }) => UPDATE[name](element, order, kitchen, size),
  });
}

/** A block alone, to be measured. */
export function createBlock({ name }, order, size, kitchen) {
  const element = CREATE[name]();
  UPDATE[name](element, order, kitchen, size);
  return element;
}

const CREATE = {
  allergy: () =>
    h("button", { type: "button", class: "block allergy", "data-action": "allergy" }, icon("warning"),
      h("span", {}, h("strong", {}, h("span", { class: "allergy-title" }), h("span", { class: "allergy-hint" })), h("span", { class: "allergy-what" }))),
  request: () =>
    h("button", { type: "button", class: "block request", "data-action": "details" }, icon("note"),
      h("span", {}, h("strong"), h("span", { class: "clamp request-text" }))),
};

const UPDATE = {
  allergy: (element, order, { i18n, names, lens }) => {
    const conflicts = conflictsOf(order, lens);
    const open = awaitsAllergyNote(order, lens);
    const state = open ? "open" : conflicts.length > 0 ? "noted" : "declared";
    element.className = `block allergy ${state}`;
    const [title, hint, what] = element.querySelectorAll(".allergy-title, .allergy-hint, .allergy-what");
    setText(title, i18n.text(`allergy.${state}`));
    setText(what, names.allergens(conflicts.length > 0 ? conflicts : order.declared_allergens));
    hint.hidden = !open;
    setText(hint, i18n.text("allergy.note"));
    element.setAttribute("aria-disabled", String(!open));
  },
  request: (element, order, { i18n }, size) => {
    element.className = `block request ${size}`;
    const [title, text] = element.querySelectorAll("strong, .request-text");
    setText(title, i18n.text("request"));
    setText(text, order.special_requests);
  },
};
