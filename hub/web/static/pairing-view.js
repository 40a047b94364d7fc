import { Pairing } from "./core/pairing.js";
import { h, setText } from "./dom.js";
import { qrPicture } from "./qr.js";

const TICK_MS = 1000;
const CODE = "_".repeat(4);

/** The whole page of a screen that has no place yet: its code in large type, the same as a picture, the time left. */
export class PairingView extends HTMLElement {
  #i18n;
  #pairing;
  #title = h("h1");
  #hint = h("p", { class: "pair-hint" });
  #how = h("p", { class: "pair-how" });
  #code = h("p", { class: "pair-code" });
  #left = h("p", { class: "pair-left", role: "timer" });
  #picture = h("div", { class: "pair-picture" });
  #shown = null;

  attach({ hub, i18n }, type) {
    this.#i18n = i18n;
    this.#pairing = new Pairing({ type, client: navigator.userAgent.slice(0, 200), ...hub.pairing });
    this.#pairing.addEventListener("change", () => this.#render());
    this.append(
      h("div", { class: "pair" },
        h("div", { class: "pair-text" }, this.#title, this.#hint, this.#code, this.#left, this.#how),
        this.#picture),
    );
    setInterval(() => this.hidden || this.#render(), TICK_MS);
  }

  /** Visible while this screen waits; only then does it ask for a code. */
  show(visible) {
    this.hidden = !visible;
    if (!visible) {
      this.#pairing.stop();
      return;
    }
    this.#pairing.start();
    this.#render();
  }

  #render() {
    const i18n = this.#i18n;
    const { state } = this.#pairing;
    setText(this.#title, i18n.text("unpaired"));
    setText(this.#hint, i18n.text("unpaired.hint"));
    setText(this.#how, i18n.text("pair.how", { address: `${location.host}/staff` }));
    setText(this.#code, state === null ? `${CODE}-${CODE}` : state.code);
    this.#code.classList.toggle("none", state === null);
    setText(this.#left, state === null ? i18n.text("pair.wait") : i18n.text("pair.left", { time: clock(state.leftMs()) }));
    if (this.#shown !== state?.qr) {
      this.#shown = state?.qr;
      this.#picture.replaceChildren(...(state === null ? [] : [qrPicture(state.qr)]));
    }
    this.#picture.firstElementChild?.setAttribute("aria-label", i18n.text("pair.picture"));
  }
}

/** 9:05 */
function clock(ms) {
  const seconds = Math.ceil(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

customElements.define("pairing-view", PairingView);
