import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { DevicePanel } from "./device-panel.js";
import { fold } from "./filter.js";
import { button } from "./form.js";
import { PairPanel } from "./pair-panel.js";
import { tabletState } from "./rooms.js";
import { RowList } from "./row-list.js";
import { SidePanel } from "./side-panel.js";
import { i18n, moment, say } from "./words.js";

const PAIR = "pair";

/** The place of a device in words: its room, or the stations of a kitchen screen. */
export function sayPlace(element, { device_type: kind, room_number: room, stations }) {
  if (kind === "tablet") return room ? say(element, "room", { room }) : say(element, "device.roomless");
  if (stations.length === 0) return say(element, "stations.all");
  return say(element, "verbatim", { text: () => stations.map(stationName).join(i18n.text("comma")) });
}

/** A station that the hub knows of itself has a name in both languages; a hotel's own is shown as it is. */
export const stationName = (station) => (i18n.has(`station.${station}`) ? i18n.text(`station.${station}`) : station);

/** The fleet: what is where, in which state, and a place for new devices. */
export class DevicesView extends HTMLElement {
  #app;
  #list;
  #side;
  #device;
  #pair;
  #open = null;

  attach(app) {
    this.#app = app;
    this.#side = new SidePanel({ closed: () => this.#closed() });
    this.#device = new DevicePanel(app, this.#side);
    this.#pair = new PairPanel(app, this.#side);
    const { session } = app;
    this.#list = new RowList({
      name: "devices",
      choices: [
        ["devices.all", ({ status }) => status !== "retired"],
        ["devices.tablets", ({ device_type: kind, status }) => kind === "tablet" && status !== "retired"],
        ["devices.kitchens", ({ device_type: kind, status }) => kind !== "tablet" && status !== "retired"],
        ["devices.away", ({ status, online }) => status !== "retired" && (status !== "active" || !online)],
        ["devices.retired", ({ status }) => status === "retired"],
      ],
      key: ({ id }) => id,
      create: ({ device_type: kind }) => [icon(kind === "tablet" ? "tablet" : "screen", "icon row-icon"),
        h("span", { class: "row-text" }, h("span", { class: "row-main" }), h("span", { class: "row-more" })), h("span", { class: "pill" })],
      update: (row, device) => {
        const [, textPart, pill] = row.children;
        const [main, more] = textPart.children;
        setText(main, device.device_name);
        sayPlace(more, device);
        const state = tabletState(device);
        pill.dataset.state = state;
        if (state === "offline" && device.last_seen_at) say(pill, "device.offline.since", { time: () => moment(device.last_seen_at) });
        else say(pill, `tablet.${state}`);
      },
      choose: (id) => this.#show(id),
      tools: [session.may("device.pair") ? button("primary", "pair", () => this.pair(), { symbol: "plus" }) : null],
    });
    this.append(h("h1", { class: "visually-hidden", tabindex: "-1" }, say(h("span"), "devices.title")),
      h("div", { class: "split" }, this.#list.element,
        h("div", { class: "panel-place" }, this.#side.element,
          h("p", { class: "panel-hint" }, icon("tablet", "icon huge"), say(h("span"), "devices.choose")))));
  }

  /** Open the place for a new device, with the code from its QR code when there is one. */
  pair(code = "") {
    this.#open = PAIR;
    this.#list.chosen = null;
    this.#pair.show(code);
  }

  render() {
    const { live } = this.#app;
    this.#list.rows = live.devices.map((device) => ({ ...device, folded: fold(`${device.device_name} ${device.room_number ?? ""} ${device.stations.join(" ")}`) }));
    if (!this.#side.open || !live.loaded) return;
    if (this.#open === PAIR) this.#pair.update();
    else this.#device.update(live.devices.find(({ id }) => id === this.#open));
  }

  #show(id) {
    this.#open = id;
    this.#list.chosen = id;
    this.#device.show(this.#app.live.devices.find((each) => each.id === id));
    this.#side.focus();
  }

  #closed() {
    this.#pair.forget();
    if (this.#open !== PAIR) this.#list.chosen = this.#open;
    this.#open = null;
    this.#list.focus();
  }
}

customElements.define("devices-view", DevicesView);
