import { h } from "../../dom.js";
import { ACTIONS } from "../keymap.js";
import { keyName } from "./key-names.js";
import { Panel } from "./panel.js";

/** Which key does what, as this screen is set to. */
export function helpPanel(kitchen) {
  const { i18n, settings } = kitchen;
  return new Panel(kitchen, "help", i18n.text("help"), (body) => {
    if (body.hasChildNodes()) return;
    const keys = settings.keys;
    const rows = ACTIONS.filter((action) => !action.startsWith("select_"));
    const selects = ACTIONS.filter((action) => action.startsWith("select_"));
    body.append(
      h("dl", { class: "help-list" },
        h("div", {}, h("dt", {}, selects.map((action) => h("kbd", {}, keyName(keys[action])))), h("dd", {}, i18n.text("key.select"))),
        rows.map((action) => h("div", {}, h("dt", {}, h("kbd", {}, keyName(keys[action]))), h("dd", {}, i18n.text(`key.${action}`))))),
      h("p", { class: "panel-none" }, i18n.text("help.hint")),
    );
  });
}
