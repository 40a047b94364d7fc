import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { DevicePanel } from "./device-panel.js";
import { fold } from "./filter.js";
import { button } from "./form.js";
import { PairPanel } from "./pair-panel.js";
import { tabletState } from "./rooms.js";
import { RowList } from "./row-list.js";
import { SidePanel } from "./side-panel.js";
import { sayPlace, stationName } from "./stations.js";
import { moment, say } from "./words.js";

const PAIR = "pair";
const SYMBOLS = { tablet: "tablet", kitchen_screen: "screen", phone: "mobile" };

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
        ["devices.kitchens", ({ device_type: kind, status }) => kind === "kitchen_screen" && status !== "retired"],
        ["devices.phones", ({ device_type: kind, status }) => kind === "phone" && status !== "retired"],
        ["devices.away", ({ device_type: kind, status, online }) => status !== "retired" && (status !== "active" || (!online && kind !== "phone"))],
        ["devices.retired", ({ status }) => status === "retired"],
      ],
      key: ({ id }) => id,
      create: ({ device_type: kind }) => [icon(SYMBOLS[kind], "icon row-icon"),
        h("span", { class: "row-text" }, h("span", { class: "row-main" }), h("span", { class: "row-more" })), h("span", { class: "pill" })],
      update: (row, device) => {
        const [, textPart, pill] = row.children;
        const [main, more] = textPart.children;
        setText(main, device.device_name);
        sayPlace(more, device, app.orders.store.hotel);
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
    const { live, orders } = this.#app;
    const words = ({ device_name: name, room_number: room, stations }) => [name, room ?? "", ...stations.map((key) => stationName(orders.store.hotel, key))].join(" ");
    this.#list.rows = live.devices.map((device) => ({ ...device, folded: fold(words(device)) }));
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
