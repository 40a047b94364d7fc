import { h, setText } from "../../dom.js";
import { PAUSE } from "../strings/pause.js";
import { Panel } from "./panel.js";

const MINUTES = [10, 20, 30, 60, null];
const PRESETS = ["busy", "closing", "trouble"];

/** Take no orders for a while, and tell the guests why, in both languages; or take them again. */
export function pausePanel(kitchen) {
  const { i18n, actions, hub } = kitchen;
  let minutes = MINUTES[1];
  let preset = PRESETS[0];
  const choice = (values, chosen, label, choose) => values.map((value) =>
    h("button", { type: "button", class: "panel-button choice", "aria-pressed": String(value === chosen), onclick: () => choose(value) }, label(value)));
  const panel = new Panel(kitchen, "pause", i18n.text("pause.title"), (body, _, close) => {
    const state = JSON.stringify([kitchen.pause, minutes, preset, i18n.language]);
    if (body.dataset.state === state) return;
    body.dataset.state = state;
    const focused = body.contains(document.activeElement) ? [...body.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    body.replaceChildren(...(kitchen.pause === null ? begin(close) : going(close)));
    body.querySelectorAll("button")[focused]?.focus();
  });

  function begin(close) {
    const label = (value) => (value === null ? i18n.text("pause.open") : i18n.text("pause.minutes", { minutes: value }));
    const stop = () => {
      const [message_ja, message_en] = [PAUSE.ja, PAUSE.en].map((texts) => texts[`pause.guest.${preset}`]);
      actions.pause({ minutes, message_ja, message_en });
      close();
    };
    return [
      h("h3", {}, i18n.text("pause.long")),
      h("div", { class: "choices" }, choice(MINUTES, minutes, label, (value) => { minutes = value; panel.render(); })),
      h("h3", {}, i18n.text("pause.why")),
      h("div", { class: "choices tall" }, PRESETS.map((value) =>
        h("button", { type: "button", class: "panel-button choice", "aria-pressed": String(value === preset), onclick: () => { preset = value; panel.render(); } },
          h("span", {}, i18n.text(`pause.preset.${value}`)), h("small", {}, i18n.text(`pause.guest.${value}`))))),
      h("button", { type: "button", class: "panel-button danger wide", "data-name": "pause", onclick: stop }, i18n.text("pause.begin")),
    ];
  }

  function going(close) {
    const { since, until, message_ja, message_en } = kitchen.pause;
    const zone = hub.store.hotel.time_zone;
    const message = i18n.language === "ja" ? message_ja : message_en;
    const resume = () => {
      actions.resume();
      close();
    };
    const text = h("p", { class: "pause-state" });
    setText(text, until ? i18n.text("paused.until", { time: i18n.time(Date.parse(until), zone) }) : i18n.text("paused.since", { time: i18n.time(Date.parse(since), zone) }));
    return [text, message ? h("p", { class: "block request" }, message) : "", h("button", { type: "button", class: "panel-button go wide", "data-name": "resume", onclick: resume }, i18n.text("pause.end"))];
  }

  return panel;
}
