import { h, reconcile, setText } from "../../dom.js";
import { icon } from "../../icons.js";
import { tabletState } from "../rooms.js";
import { sayPlace } from "../stations.js";
import { moment, say, text } from "../words.js";

/** Who is there to show an order: every kitchen screen, and the tablets that are silent. */
export class ScreensList {
  element = h("section", { class: "screens" });

  #app;
  #warning = text("p.alert", "screens.none");
  #list = h("ul", { class: "screens-list" });
  #empty = text("p.hint", "screens.tablets.fine");
  #tablets = h("ul", { class: "screens-list" });

  constructor(app) {
    this.#app = app;
    this.element.append(text("h2", "screens.title"), this.#warning, this.#list, text("h3", "screens.tablets"), this.#tablets, this.#empty,
      text("p.hint", "service.choose"));
  }

  /** @param silent tablets of rooms that wait for an order, which do not answer */
  update(devices, silent) {
    const known = this.#app.session.may("device.read") && this.#app.live.loaded;
    const used = devices.filter(({ status }) => status === "active");
    const kitchens = used.filter(({ device_type: kind }) => kind === "kitchen_screen");
    this.#warning.hidden = !known || kitchens.some(({ online }) => online);
    this.#fill(this.#list, kitchens);
    const waiting = new Set(silent.map(({ id }) => id));
    const away = used
      .filter((device) => device.device_type === "tablet" && (waiting.has(device.id) || (!device.online && this.#isLivedIn(device.room_number))))
      .map((device) => ({ ...device, online: false }));
    this.#fill(this.#tablets, away);
    this.#empty.hidden = !known || away.length > 0;
  }

  #isLivedIn(room) {
    const row = this.#app.live.rooms.find((each) => each.room === room);
    return row !== undefined && row.stay !== null;
  }

  #fill(list, devices) {
    reconcile(list, devices, {
      key: ({ id }) => id,
      create: ({ device_type: kind }) => h("li", {}, icon(kind === "tablet" ? "tablet" : "screen", "icon row-icon"),
        h("span", { class: "row-text" }, h("span", { class: "row-main" }), h("span", { class: "row-more" })), h("span", { class: "pill" })),
      update: (item, device) => {
        const [, words, pill] = item.children;
        setText(words.firstElementChild, device.device_name);
        sayPlace(words.lastElementChild, device, this.#app.orders.store.hotel);
        const state = tabletState(device);
        pill.dataset.state = state;
        if (state === "offline" && device.last_seen_at) say(pill, "device.offline.since", { time: () => moment(device.last_seen_at) });
        else say(pill, `tablet.${state}`);
      },
    });
  }
}
