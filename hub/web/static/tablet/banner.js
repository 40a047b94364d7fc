import { h } from "../dom.js";
import { icon } from "../icons.js";
import { pauseNow, pauseText } from "./pause.js";
import { call } from "./phone.js";

/** The line below the bar for what concerns the whole menu: no way to the hub, or a kitchen that takes no orders. */
export class Banner {
  #app;
  #element;

  constructor(element, app) {
    this.#element = element;
    this.#app = app;
  }

  /** `open`: there is a menu to show. */
  show(open, { offline }) {
    const { i18n } = this.#app;
    const pause = open && !offline ? pauseNow(this.#app) : null;
    let name = "";
    if (open && offline) name = "offline";
    else if (pause !== null) name = "paused";
    const state = name === "" ? "" : `${name} ${i18n.language} ${pause === null ? "" : pauseText(this.#app, pause)}`;
    this.#element.hidden = name === "";
    if (this.#element.dataset.state === state) return;
    this.#element.dataset.state = state;
    this.#element.dataset.name = name;
    this.#element.replaceChildren(...(name === "offline" ? this.#offline() : []), ...(name === "paused" ? this.#paused(pause) : []));
  }

  #offline() {
    const { i18n, hub } = this.#app;
    return [
      icon("offline"),
      h("p", {}, h("strong", {}, i18n.text("offline")), " ", i18n.text("offline.call", { call: call(this.#app) })),
      h("button", { type: "button", onclick: () => hub.retry() }, i18n.text("offline.retry")),
    ];
  }

  #paused(pause) {
    const { i18n } = this.#app;
    const hint = i18n.text("paused.hint", { call: call(this.#app) });
    return [icon("pause"), h("p", {}, h("strong", {}, pauseText(this.#app, pause)), " ", hint)];
  }
}
