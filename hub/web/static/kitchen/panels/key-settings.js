import { h } from "../../dom.js";
import { ACTIONS, assign, changedKeys, keyOf } from "../keymap.js";
import { keyName } from "./key-names.js";

const IGNORED = new Set(["Shift", "Control", "Alt", "Meta", "Tab", "Escape", "Process", "Unidentified"]);

/**
 * Every action with its key; "change" waits for the next key that is pressed. All of it can be switched off.
 * @param teaching `{action}`, the one that waits for a key; `changed` shows it
 */
export function keySettings({ i18n, settings }, teaching, changed) {
  const { values, keys } = settings;
  const wait = (action) => {
    teaching.action = action;
    changed();
  };
  const take = (action) => (event) => {
    if (teaching.action !== action || IGNORED.has(event.key)) return;
    event.preventDefault();
    teaching.action = null;
    settings.change({ keys: changedKeys(assign(keys, action, keyOf(event))) });
    changed();
  };
  const name = (action) => (action.startsWith("select_") ? i18n.text("key.select_one", { number: action.slice(7) }) : i18n.text(`key.${action}`));
  const row = (action) => h("li", {},
    h("span", {}, name(action)),
    h("button", {
      type: "button", class: "panel-button key", "data-name": `key.${action}`, "aria-label": `${name(action)}: ${keyName(keys[action])}`,
      "aria-pressed": String(teaching.action === action), onclick: () => wait(action), onkeydown: take(action),
    }, teaching.action === action ? i18n.text("set.keys.press") : h("kbd", {}, keyName(keys[action]))));
  return h("fieldset", { class: "set-group" }, h("legend", {}, i18n.text("set.keys")),
    h("div", { class: "choices" },
      h("button", { type: "button", class: "panel-button choice", "data-name": "keys.on", "aria-pressed": String(values.shortcuts), onclick: () => settings.change({ shortcuts: !values.shortcuts }) }, i18n.text(values.shortcuts ? "set.on" : "set.off")),
      h("button", { type: "button", class: "panel-button", "data-name": "keys.reset", onclick: () => settings.change({ keys: {} }) }, i18n.text("set.keys.reset"))),
    h("ul", { class: "set-list keys" }, ACTIONS.map(row)));
}
