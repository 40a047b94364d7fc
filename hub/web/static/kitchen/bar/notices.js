import { h, reconcile, setText } from "../../dom.js";
import { icon } from "../../icons.js";
import { isCalling } from "../flow.js";

const MOST = 2;
const ICONS = { unseen: "screen", unaccepted: "bell", paused: "pause", due: "clock" };

/** The undo of the last bump, and beside it at most two things that wait for somebody, the gravest first. */
export class Notices {
  #undo = h("div", { class: "undo", hidden: true });
  #pills = h("div", { class: "pills", role: "group" });
  element = h("div", { class: "notices" }, this.#undo, this.#pills);
  #offer = null;

  render(kitchen) {
    this.#renderUndo(kitchen);
    const { i18n } = kitchen;
    this.#pills.setAttribute("aria-label", i18n.text("notices"));
    reconcile(this.#pills, pillsOf(kitchen).slice(0, MOST), {
      key: ({ name }) => name,
      create: ({ name }) => h("button", { type: "button", class: `notice-pill ${name}`, onclick: () => this.#act(kitchen, name) }, icon(ICONS[name]), h("span")),
      update: (element, { text }) => setText(element.lastElementChild, text),
    });
    this.#pills.hidden = this.#pills.childElementCount === 0;
  }

  #act(kitchen, name) {
    pillsOf(kitchen).find((pill) => pill.name === name)?.act();
  }

  /** Built once for each offer and language: its line of time must run on. */
  #renderUndo(kitchen) {
    const { i18n, undo } = kitchen;
    const state = undo.offer && `${undo.offer.opId}.${i18n.language}`;
    this.#undo.hidden = state === null;
    if (state === this.#offer) return;
    this.#offer = state;
    if (state === null) return;
    const { order, item, to, until } = undo.offer;
    const step = i18n.text(item ? `state.${to}` : `bump.${to}`);
    const values = { room: order.room_number, number: order.order_number, step, item: item && i18n.of(item, "name") };
    const line = h("span", { class: "undo-time" });
    line.style.setProperty("--left", `${Math.max(0, until - performance.now())}ms`);
    this.#undo.replaceChildren(
      h("span", { class: "undo-text" }, i18n.text(item ? "undo.item" : "undo.text", values)),
      h("button", { type: "button", class: "undo-button", onclick: () => undo.take() }, icon("recall"), i18n.text("undo")),
      line,
    );
  }
}

/** `{name, text, act}`, the gravest first. */
function pillsOf(kitchen) {
  const { hub, i18n, lens } = kitchen;
  const now = hub.now();
  const zone = hub.store.hotel?.time_zone;
  const orders = kitchen.orders.all();
  const rooms = (some) => some.map((order) => order.room_number).slice(0, 3).join(" ");
  const find = (some) => () => kitchen.find(some[0]);
  const pills = [];
  const unseen = orders.filter((order) => order.status === "received" && order.shown_at === null && order.alerts.unseen);
  if (unseen.length > 0) pills.push({ name: "unseen", text: i18n.text("unseen", { count: unseen.length, rooms: rooms(unseen) }), act: find(unseen) });
  const calling = orders.filter((order) => isCalling(order) && lens.items(order).length > 0);
  if (calling.length > 0) pills.push({ name: "unaccepted", text: i18n.text("unaccepted", { count: calling.length, rooms: rooms(calling) }), act: find(calling) });
  const pause = kitchen.pause;
  if (pause !== null) {
    const time = pause.until && i18n.time(Date.parse(pause.until), zone);
    pills.push({ name: "paused", text: time ? i18n.text("paused.until", { time }) : i18n.text("paused"), act: () => kitchen.open("pause") });
  }
  const upcoming = orders.filter((order) => lens.expects(order, now)).sort((a, b) => Date.parse(a.fire_at) - Date.parse(b.fire_at));
  if (upcoming.length > 0 && !kitchen.railOpen) {
    const time = i18n.time(Date.parse(upcoming[0].fire_at), zone);
    pills.push({ name: "due", text: i18n.text("due", { count: upcoming.length, time }), act: () => kitchen.toggleRail() });
  }
  return pills;
}
