import { h, setText } from "../../dom.js";

const RED_AFTER_MS = 3000;
const STALE_MS = 60_000;

/** The truth about the line to the hub: connected since when, or lost, and how old what you see is. */
export class Link {
  #text = h("span", { class: "link-text" });
  /** What a screen reader says: that the line is lost or back, not the clock. */
  #said = h("span", { class: "visually-hidden", role: "status" });
  element = h("div", { class: "link" }, h("span", { class: "link-dot" }), this.#text, this.#said);
  #started = performance.now();

  /** "live", "connecting", or "lost" when it is down for so long, or so surely, that the bar must be red. */
  state(hub) {
    if (hub.live) return "live";
    return this.#red(hub) ? "lost" : "connecting";
  }

  #red(hub) {
    if (hub.lastFrameAt === null) return performance.now() - this.#started >= RED_AFTER_MS;
    return hub.reason === "silence" || hub.now() - hub.lastFrameAt >= RED_AFTER_MS;
  }

  render({ hub, i18n, outbox }) {
    const zone = hub.store.hotel?.time_zone;
    const state = this.state(hub);
    let text = i18n.text("connecting");
    if (state === "live") {
      text = i18n.text("connected", { time: i18n.time(hub.now(), zone) });
      setText(this.#said, i18n.text("link.live"));
    }
    if (state === "lost") {
      const parts = [i18n.text(hub.lastFrameAt === null ? "unreached" : "lost")];
      setText(this.#said, parts[0]);
      if (hub.lastFrameAt !== null) {
        parts.push(i18n.text("last.update", { time: i18n.time(hub.lastFrameAt, zone, { seconds: true }) }));
        if (hub.now() - hub.lastFrameAt >= STALE_MS) parts.push(i18n.text("stale"));
      }
      if (outbox.size > 0) parts.push(i18n.text("waiting.count", { count: outbox.size }));
      text = parts.join(" — ");
    }
    setText(this.#text, text);
    return state;
  }
}
