import { h } from "../dom.js";
import { i18n, say, text } from "./words.js";

/** What the hotel calls a station, in the language of the page; one that it does not know as it is. */
export function stationName(hotel, key) {
  const station = hotel?.stations.find((each) => each.key === key);
  return station === undefined ? key : i18n.of(station, "name");
}

/** The place of a device in words: the stations of a kitchen screen, the room of any other. */
export function sayPlace(element, { device_type: kind, room_number: room, stations }, hotel) {
  if (kind !== "kitchen_screen") return room ? say(element, "room", { room }) : say(element, "device.roomless");
  if (stations.length === 0) return say(element, "stations.all");
  return say(element, "verbatim", { text: () => stations.map((key) => stationName(hotel, key)).join(i18n.text("comma")) });
}

/** Which stations a kitchen screen shows: the hotel's own, and those that it has from before. */
export class StationChoice {
  element;

  #app;
  #given = [];
  #boxes = h("div");
  #hint = text("p.hint", "pair.stations.hint");
  #shown = null;

  /** @param given the stations that the screen has now */
  constructor(app, given = []) {
    this.#app = app;
    this.element = h("fieldset", {}, text("legend", "pair.stations"), this.#boxes, this.#hint);
    this.update(given);
  }

  get chosen() {
    return this.#inputs.filter(({ checked }) => checked).map(({ value }) => value);
  }

  /** Whether other stations are chosen than the screen has. */
  get changed() {
    const { chosen } = this;
    return chosen.length !== this.#given.length || chosen.some((key) => !this.#given.includes(key));
  }

  /** The hotel may be known only now, or have other stations; so may the screen. What somebody has chosen here stays so. */
  update(given = this.#given) {
    const { hotel } = this.#app.orders.store;
    const chosen = this.changed ? this.chosen : given;
    this.#given = given;
    const keys = [...new Set([...(hotel?.stations ?? []).map(({ key }) => key), ...this.#given])];
    const shown = JSON.stringify([hotel?.stations, keys]);
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#boxes.replaceChildren(...keys.map((key) => h("label", { class: "check" },
        h("input", { type: "checkbox", name: "stations", value: key }),
        text("span", "verbatim", { text: () => stationName(hotel, key) }))));
      say(this.#hint, keys.length === 0 ? "stations.none" : "pair.stations.hint");
    }
    for (const box of this.#inputs) box.checked = chosen.includes(box.value);
  }

  get #inputs() {
    return [...this.#boxes.querySelectorAll("input")];
  }
}
