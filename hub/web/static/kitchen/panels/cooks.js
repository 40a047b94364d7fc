import { h, reconcile, setText } from "../../dom.js";
import { Panel } from "./panel.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "clear", "0", "enter"];
const MOST_DIGITS = 12;

/** Names first, then the PIN of the one who was chosen. */
export function cooksPanel(kitchen) {
  const { cooks, i18n } = kitchen;
  let chosen = null;
  let pin = "";
  let wrong = false;
  let busy = false;
  let panel = null;
  const names = h("ul", { class: "cook-list" });
  const none = h("p", { class: "panel-none" });
  const leave = h("button", { type: "button", class: "panel-button", onclick: () => cooks.leave().then(() => panel.render()) });
  const who = h("p", { class: "cook-who" });
  const dots = h("p", { class: "cook-dots", role: "status" });
  const keys = h("div", { class: "cook-keys" }, KEYS.map((key) =>
    h("button", { type: "button", class: "panel-button", data: { digit: key }, onclick: () => press(key) }, key)));
  const back = h("button", { type: "button", class: "panel-button", onclick: () => choose(null) });
  const pad = h("div", { class: "cook-pad" }, who, dots, keys, back);

  /** The focus goes along, or a keyboard would type past the pad; on its "enter", which Enter then presses. */
  function choose(cook) {
    [chosen, pin, wrong] = [cook, "", false];
    panel.render();
    (chosen === null ? names.querySelector("button") : keys.lastElementChild)?.focus();
  }

  async function press(key) {
    if (busy) return;
    if (key === "clear") pin = "";
    else if (key !== "enter") pin = (pin + key).slice(0, MOST_DIGITS);
    wrong = false;
    if (key === "enter" && pin !== "") {
      busy = true;
      const done = await cooks.enter(chosen.id, pin);
      [busy, pin, wrong] = [false, "", !done];
      if (done) {
        panel.close();
        return;
      }
    }
    panel.render();
  }

  panel = new Panel(kitchen, "cooks", i18n.text("cook.title"), (body) => {
    if (!body.hasChildNodes()) {
      body.append(none, names, leave, pad);
      body.addEventListener("keydown", ({ key }) => {
        const pressed = { Enter: "enter", Backspace: "clear" }[key] ?? key;
        if (chosen !== null && key !== "Enter" && KEYS.includes(pressed)) press(pressed);
      });
    }
    setText(none, i18n.text("cook.none"));
    none.hidden = cooks.list.length > 0;
    names.hidden = chosen !== null;
    pad.hidden = chosen === null;
    leave.hidden = chosen !== null || cooks.current === null;
    setText(leave, i18n.text("cook.leave"));
    reconcile(names, cooks.list, {
      key: (cook) => cook.id,
      create: (cook) => h("li", {}, h("button", { type: "button", class: "panel-button", onclick: () => choose(cook) })),
      update: (row, cook) => {
        setText(row.firstElementChild, cook.name);
        row.classList.toggle("is-here", cook.id === cooks.current?.id);
      },
    });
    setText(who, chosen?.name ?? "");
    setText(dots, wrong ? i18n.text("cook.wrong") : "●".repeat(pin.length) || i18n.text("cook.pin"));
    dots.classList.toggle("is-wrong", wrong);
    for (const button of keys.children) {
      const { digit } = button.dataset;
      if (digit === "clear" || digit === "enter") setText(button, i18n.text(`cook.${digit}`));
      button.classList.toggle("go", digit === "enter");
      button.setAttribute("aria-disabled", String(busy)); // it keeps the focus
    }
    setText(back, i18n.text("cook.other"));
  });
  cooks.refresh().then(() => panel.render());
  return panel;
}
