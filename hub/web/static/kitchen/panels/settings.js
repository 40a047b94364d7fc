import { h } from "../../dom.js";
import { keySettings } from "./key-settings.js";
import { Panel } from "./panel.js";

const VIEWS = ["kitchen", "expo", "runner"];
const COLUMNS = [null, 3, 4, 5, 6, 7, 8];
const SIZES = [100, 115, 130, 150, 200];
const VOLUMES = [30, 60, 100];
const SOUNDS = ["arrived", "changed", "cancelled", "ready", "unaccepted", "late"];
const SOON = [50, 60, 70, 80, 90];
const LATE = [80, 90, 100, 120, 150];

/** What this screen is about and how it looks; every change shows at once and is kept by the hub. */
export function settingsPanel(kitchen) {
  const { i18n, settings, hub } = kitchen;
  const teaching = { action: null };
  const panel = new Panel(kitchen, "settings", i18n.text("settings"), (body) => {
    const { values } = settings;
    const state = JSON.stringify([values, settings.assigned, i18n.language, teaching.action, hub.store.hotel?.stations]);
    if (body.dataset.state === state) return;
    body.dataset.state = state;
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    body.replaceChildren(
      group("set.view", VIEWS, values.view, (view) => i18n.text(`view.${view}`), (view) => settings.change({ view })),
      h("p", { class: "set-hint" }, i18n.text(`view.${values.view}.hint`)),
      ...(values.view === "kitchen" ? [stations()] : []),
      group("set.columns", COLUMNS, values.columns, (columns) => (columns === null ? i18n.text("set.auto") : String(columns)), (columns) => settings.change({ columns })),
      group("set.text", SIZES, values.text_size, (size) => `${size}%`, (text_size) => settings.change({ text_size })),
      group("set.soon", SOON, values.thresholds.soon, (soon) => `${soon}%`, (soon) => settings.change({ thresholds: { soon, late: Math.max(values.thresholds.late, LATE.find((late) => late > soon)) } })),
      group("set.late", LATE, values.thresholds.late, (late) => `${late}%`, (late) => settings.change({ thresholds: { soon: Math.min(values.thresholds.soon, SOON.findLast((soon) => soon < late)), late } })),
      h("p", { class: "set-hint" }, i18n.text("set.thresholds.hint")),
      sounds(),
      keySettings(kitchen, teaching, () => panel.render()),
    );
    if (focused) body.querySelector(`[data-name="${focused}"]`)?.focus();
  });
  return panel;

  function group(title, all, chosen, label, choose) {
    return h("fieldset", { class: "set-group" }, h("legend", {}, i18n.text(title)),
      h("div", { class: "choices" }, all.map((value) =>
        h("button", { type: "button", class: "panel-button choice", "data-name": `${title}.${value}`, "aria-pressed": String(value === chosen), onclick: () => choose(value) }, label(value)))));
  }

  /** None chosen are all of them: a screen for everything. */
  function stations() {
    const known = hub.store.hotel?.stations ?? [];
    const chosen = new Set(settings.values.stations ?? settings.assigned);
    const toggle = (key) => {
      const next = new Set(chosen);
      if (!next.delete(key)) next.add(key);
      settings.change({ stations: known.map((each) => each.key).filter((each) => next.has(each)) });
    };
    return h("fieldset", { class: "set-group" }, h("legend", {}, i18n.text("set.stations")),
      h("div", { class: "choices" },
        h("button", { type: "button", class: "panel-button choice", "data-name": "set.stations.all", "aria-pressed": String(chosen.size === 0), onclick: () => settings.change({ stations: [] }) }, i18n.text("set.stations.all")),
        known.map((each) =>
          h("button", { type: "button", class: "panel-button choice", "data-name": `set.stations.${each.key}`, "aria-pressed": String(chosen.has(each.key)), onclick: () => toggle(each.key) }, i18n.of(each, "name")))));
  }

  function sounds() {
    const { sounds: on } = settings.values;
    return h("fieldset", { class: "set-group" }, h("legend", {}, i18n.text("set.sounds")),
      h("div", { class: "choices" }, VOLUMES.map((volume) =>
        h("button", { type: "button", class: "panel-button choice", "data-name": `volume.${volume}`, "aria-pressed": String(volume === on.volume), onclick: () => settings.change({ sounds: { ...on, volume } }) }, i18n.text("set.volume", { volume })))),
      h("ul", { class: "set-list" }, SOUNDS.map((name) => h("li", {},
        h("span", {}, i18n.text(`set.sounds.${name}`)),
        h("button", { type: "button", class: "panel-button", "data-name": `try.${name}`, "aria-label": `${i18n.text("set.try")}: ${i18n.text(`set.sounds.${name}`)}`, onclick: () => kitchen.sound.try(name) }, i18n.text("set.try")),
        h("button", { type: "button", class: "panel-button choice", "data-name": `sound.${name}`, "aria-pressed": String(on[name]), "aria-label": i18n.text(`set.sounds.${name}`), onclick: () => settings.change({ sounds: { ...on, [name]: !on[name] } }) }, i18n.text(on[name] ? "set.on" : "set.off"))))));
  }
}
