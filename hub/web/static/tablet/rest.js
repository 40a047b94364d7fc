import { h, setText } from "../dom.js";
import { Idle } from "./idle.js";

/** Puts the tablet to rest when nobody is there, and wakes it at the first touch. The basket stays as it is. */
export class Rest {
  #app;
  #idle;
  #view;
  #dialog = null;
  #before = null;

  /** @param fell is called when the screen begins to rest: what was open is closed */
  constructor(app, view, { active, fell }) {
    this.#app = app;
    this.#view = view;
    this.#idle = new Idle({ seconds: () => app.hub.store.hotel?.idle_seconds ?? 90, active });
    this.#idle.addEventListener("change", () => this.#changed(fell));
    this.#idle.addEventListener("count", () => this.#count());
  }

  get resting() {
    return this.#idle.state === "resting";
  }

  wake() {
    this.#idle.touched();
  }

  #changed(fell) {
    const { state } = this.#idle;
    if (state === "warning") this.#warn();
    else this.#dialog?.close();
    if (state === "resting") fell();
    this.#view.hidden = state !== "resting";
    for (const element of document.querySelectorAll("#bar, #banner, #main")) element.inert = state === "resting";
    this.#app.render();
    if (state === "resting") this.#view.focus();
  }

  #warn() {
    const { i18n } = this.#app;
    const left = h("p", { class: "idle-left", role: "timer" });
    const dialog = h("dialog", { class: "ask idle", "aria-labelledby": "idle-title" },
      h("h2", { id: "idle-title" }, i18n.text("idle.title")),
      h("p", {}, i18n.text("idle.text")),
      left,
      h("div", { class: "ask-answers" }, h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, i18n.text("idle.stay"))));
    this.#before = document.activeElement;
    dialog.addEventListener("close", () => {
      dialog.remove();
      this.#dialog = null;
      if (this.#before?.isConnected) this.#before.focus({ preventScroll: true });
    });
    document.body.append(dialog);
    this.#dialog = dialog;
    this.#count();
    dialog.showModal();
  }

  #count() {
    const text = this.#dialog?.querySelector(".idle-left");
    if (text) setText(text, this.#app.i18n.text("idle.left", { seconds: this.#idle.left }));
  }
}
