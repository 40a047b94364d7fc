import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { qrPicture } from "../qr.js";
import { call } from "./phone.js";

const TICK_MS = 1000;

/**
 * The code that lets a guest's own phone into the stay. A code is good once and for five minutes, so that a new one is
 * shown when it runs out, and when a phone has come with it, as soon as somebody asks.
 */
export class PhonePanel extends HTMLElement {
  #app;
  #invitation = null;
  #asking = false;
  #failed = false;
  #known = new Set();
  #joined = false;
  #timer = null;
  #back = h("button", { type: "button", class: "quiet back" }, icon("back"), h("span"));
  #title = h("h1", { tabindex: "-1" });
  #steps = h("ol", { class: "phone-steps" }, h("li"), h("li"), h("li"));
  #care = h("p", { class: "hint" });
  #count = h("p", { class: "phone-count" });
  #picture = h("div", { class: "phone-picture" });
  #done = h("div", { class: "phone-done" }, icon("check", "icon large"), h("p", { class: "phone-joined" }), h("p", { class: "hint" }));
  #left = h("p", { class: "phone-left" });
  #state = h("p", { class: "phone-state", role: "status" });
  #again = h("button", { type: "button", class: "primary" });

  attach(app) {
    this.#app = app;
    this.#back.addEventListener("click", () => app.go("menu"));
    this.#again.addEventListener("click", () => this.#invite());
    this.append(
      h("div", { class: "phone-text" }, this.#back, this.#title, this.#steps, this.#care, this.#count),
      h("div", { class: "phone-side" }, this.#picture, this.#done, this.#left, this.#state, this.#again),
    );
  }

  opened() {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#invite();
  }

  /** Nobody looks any more: the code is not kept. */
  closed() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#forget();
  }

  wiped() {
    this.closed();
    this.#known.clear();
  }

  changed(changes) {
    const come = changes.filter(({ kind, id, after }) => kind === "phone" && after !== null && !this.#known.has(id));
    this.#learn();
    if (come.length === 0 || this.#invitation === null) return;
    this.#forget();
    this.#joined = true;
    this.#app.say(this.#app.i18n.text("phone.joined"));
  }

  #learn() {
    this.#known = new Set(this.#app.hub.store.all("phone").map(({ id }) => id));
  }

  #forget() {
    this.#invitation = null;
    this.#joined = false;
    this.#picture.replaceChildren();
  }

  get #leftMs() {
    return this.#invitation === null ? 0 : Date.parse(this.#invitation.expires_at) - this.#app.hub.now();
  }

  #tick() {
    if (this.#invitation !== null && this.#leftMs <= 0) this.#invite();
    this.#app.render();
  }

  async #invite() {
    if (this.#asking) return;
    this.#forget();
    this.#learn();
    this.#asking = true;
    this.#failed = false;
    this.#app.render();
    let invitation = null;
    try {
      invitation = await this.#app.hub.command("phone.invite", {});
    } catch {
      this.#failed = true;
    }
    this.#asking = false;
    if (this.#timer !== null && invitation !== null) {
      this.#invitation = invitation;
      this.#picture.replaceChildren(qrPicture(invitation.qr));
    }
    this.#app.render();
  }

  render() {
    const { i18n, hub } = this.#app;
    setText(this.#back.lastElementChild, i18n.text("review.back"));
    setText(this.#title, i18n.text("phone.title"));
    for (const [at, key] of ["phone.scan", "phone.open", "phone.both"].entries()) setText(this.#steps.children[at], i18n.text(key));
    setText(this.#care, i18n.text("phone.care"));
    const count = hub.store.all("phone").length;
    this.#count.hidden = count === 0;
    setText(this.#count, i18n.text("phone.count", { count }));
    const shown = this.#invitation !== null;
    this.#picture.hidden = this.#joined;
    this.#picture.firstElementChild?.setAttribute("aria-label", i18n.text("phone.picture"));
    this.#done.hidden = !this.#joined;
    setText(this.#done.children[1], i18n.text("phone.joined"));
    setText(this.#done.children[2], i18n.text("phone.joined.hint"));
    this.#left.hidden = !shown;
    if (shown) setText(this.#left, i18n.text("phone.left", { time: clock(this.#leftMs) }));
    setText(this.#state, this.#stateText);
    this.#state.hidden = shown || this.#joined;
    this.#again.hidden = !this.#joined && !this.#failed;
    setText(this.#again, i18n.text(this.#failed ? "phone.again" : "phone.another"));
  }

  get #stateText() {
    const { i18n, hub } = this.#app;
    if (this.#failed) return i18n.text("phone.failed", { call: call(this.#app) });
    return i18n.text(hub.live ? "phone.wait" : "phone.offline");
  }
}

/** 4:05 */
function clock(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

customElements.define("phone-panel", PhonePanel);
