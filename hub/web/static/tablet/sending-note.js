import { h } from "../dom.js";
import { icon } from "../icons.js";
import { call } from "./phone.js";

/** What is happening to an order on its way to the hub, and what the guest can do while it has not arrived. */
export class SendingNote extends HTMLElement {
  #app;

  attach(app) {
    this.#app = app;
    this.className = "sending";
    this.setAttribute("role", "status");
  }

  show(sending) {
    const { i18n, hub, placing } = this.#app;
    this.hidden = !sending;
    const state = [sending, hub.live, placing.slow, placing.unsent, i18n.language].join();
    if (this.dataset.state === state) return;
    this.dataset.state = state;
    if (!sending) {
      this.replaceChildren();
      return;
    }
    let key = placing.unsent ? "failed" : "unconfirmed";
    if (hub.live) key = "sending";
    const hint = hub.live && placing.slow ? "sending.slow" : `${key}.hint`;
    const retry = () => hub.retry();
    const withdraw = () => placing.withdraw();
    this.replaceChildren(
      h("p", { class: "sending-title" }, hub.live ? h("span", { class: "spinner" }) : icon("offline"), i18n.text(key)),
      h("p", { class: "hint" }, i18n.text(hint, { call: call(this.#app) })),
      hub.live ? "" : h("button", { type: "button", class: "primary", onclick: retry }, i18n.text("failed.retry")),
      hub.live || !placing.unsent ? "" : h("button", { type: "button", class: "quiet", onclick: withdraw }, i18n.text("failed.withdraw")),
    );
  }
}

customElements.define("sending-note", SendingNote);
