import { h } from "../dom.js";
import { icon } from "../icons.js";
import { isClosed, mayPairAgain } from "../hub.js";

/** The whole page, when this screen's session is over: why, and what can be done. */
export class Notice {
  #place;
  #shown = null;

  constructor(place) {
    this.#place = place;
  }

  get open() {
    return !this.#place.hidden;
  }

  render({ hub, i18n }) {
    let name = null;
    if (hub.phase === "ended") name = hub.reason === "replaced" ? "replaced" : "ended";
    if (hub.phase === "ended" && isClosed(hub)) name = `closed.${hub.reason}`;
    this.#place.hidden = name === null;
    const state = `${name}.${i18n.language}`;
    if (name === null || this.#shown === state) return;
    this.#shown = state;
    this.#place.replaceChildren(
      icon("door", "icon huge"),
      h("h1", {}, i18n.text(name)),
      h("p", {}, i18n.text(`${name}.hint`)),
      h("button", { type: "button", class: "panel-button go", onclick: () => hub.retry() }, i18n.text(name === "replaced" ? "here" : "retry")),
      mayPairAgain(hub) ? h("button", { type: "button", class: "panel-button", onclick: () => hub.pairAgain() }, i18n.text("pair.again")) : "",
    );
  }
}
