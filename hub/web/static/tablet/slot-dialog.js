import { h } from "../dom.js";
import { icon } from "../icons.js";
import { openDialog } from "./dialog.js";
import { dayOf } from "./estimate.js";
import { call } from "./phone.js";
import { daysOf } from "./slots.js";

const DAY_MS = 86_400_000;

/** Ask for one of the kitchen's free times; resolves with it (RFC 3339), or null when the guest closes the question. */
export function pickSlot(app) {
  const { i18n } = app;
  const body = h("div", { class: "slots", role: "status" }, h("p", { class: "hint" }, i18n.text("slots.loading")));
  return openDialog({
    label: "slots-title",
    name: "slot-dialog",
    content: ({ close }) => {
      fill(app, body, close);
      return [
        h("header", { class: "dialog-head" },
          h("h2", { id: "slots-title" }, i18n.text("slots.title")),
          h("button", { type: "button", class: "round", "aria-label": i18n.text("close"), onclick: () => close(null) }, icon("close"))),
        body,
      ];
    },
  });
}

async function fill(app, body, close) {
  const { hub, i18n, basket } = app;
  const say = (key) => body.replaceChildren(h("p", { class: "problem" }, i18n.text(key, { call: call(app) })));
  let slots;
  try {
    ({ slots } = await hub.command("order.slots", { lines: basket.wire }));
  } catch {
    say("slots.failed");
    return;
  }
  const days = daysOf(app, slots);
  if (days.length === 0) {
    say("slots.none");
    return;
  }
  body.removeAttribute("role");
  body.replaceChildren(...days.map((day) => section(app, day, close)));
  body.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "center" });
}

function section(app, { day, hours }, close) {
  const { hub, i18n, basket } = app;
  const zone = hub.store.hotel.time_zone;
  const chosen = Date.parse(basket.due ?? "");
  const button = ({ at, free }) =>
    h("button", { type: "button", class: "slot", disabled: !free, "aria-pressed": String(Date.parse(at) === chosen), onclick: () => close(at) },
      i18n.time(Date.parse(at), zone),
      free ? "" : h("span", { class: "visually-hidden" }, ` ${i18n.text("slot.full")}`));
  let title = i18n.date(Date.parse(hours[0][0].at), zone);
  if (day === dayOf(hub.now(), zone)) title = i18n.text("today");
  if (day === dayOf(hub.now() + DAY_MS, zone)) title = i18n.text("tomorrow");
  return h("section", { class: "slot-day" },
    h("h3", {}, title),
    hours.map((slots) => h("div", { class: "slot-hour" }, slots.map(button))));
}
