import { h } from "../dom.js";
import { icon } from "../icons.js";
import { isClosed, mayPairAgain } from "../hub.js";

const NOTICES = {
  loading: { symbol: "tray", action: null },
  ended: { symbol: "featured", action: "retry" },
  replaced: { symbol: "door", action: "here" },
  stopped: { symbol: "stop", action: "retry" },
  closed: { symbol: "stop", action: "retry" },
  over: { symbol: "featured", action: null },
  expired: { symbol: "mobile", action: null },
  disconnected: { symbol: "mobile", action: null },
};

/** The name of the notice that stands instead of the menu, or null. */
export function noticeOf(hub) {
  if (hub.phase === "unpaired") return "unpaired";
  if (hub.phase === "ended") {
    if (hub.reason === "replaced") return "replaced";
    if (isClosed(hub)) return "closed";
    return hub.reason === "stay_ended" || hub.reason === "revoked" ? "ended" : "stopped";
  }
  if (hub.store.hotel === null) return "loading";
  return hub.principal?.stay_id === null ? "ended" : null;
}

/** A whole page for a state in which there is no menu to show: what it is, and what to do. */
export class NoticeView extends HTMLElement {
  #app;
  #state = null;

  attach(app) {
    this.#app = app;
  }

  show(name, { slow = false } = {}) {
    const { i18n, hub } = this.#app;
    const reason = name === "closed" ? `closed.${hub.reason}` : name;
    const state = `${reason}.${slow}.${i18n.language}`;
    if (this.#state === state) return;
    this.#state = state;
    const { symbol, action } = NOTICES[name];
    this.dataset.notice = name;
    this.replaceChildren(
      h("div", { class: "notice" },
        icon(symbol, "icon huge"),
        h("h1", {}, i18n.text(reason)),
        h("p", {}, i18n.text(slow ? "loading.slow" : `${reason}.hint`)),
        name === "loading" ? h("span", { class: "spinner" }) : "",
        action || slow ? h("button", { type: "button", class: "primary", onclick: () => hub.retry() }, i18n.text(action ?? "retry")) : "",
        mayPairAgain(hub) && name === "closed"
          ? h("button", { type: "button", class: "quiet", onclick: () => hub.pairAgain() }, i18n.text("pair.again")) : ""),
    );
  }
}

customElements.define("notice-view", NoticeView);
