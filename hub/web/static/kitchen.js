import { h, perFrame, setText } from "./dom.js";
import { icon } from "./icons.js";
import { isClosed, mayPairAgain, openHub } from "./hub.js";
import { COMMON, Translator } from "./i18n.js";
import { awaitsAcknowledgement, onKitchenScreen } from "./core/visibility.js";
import { Actions } from "./kitchen/actions.js";
import "./kitchen/board.js";
import { Cooks } from "./kitchen/cooks.js";
import { cooksPanel } from "./kitchen/cooks-panel.js";
import { detailsPanel } from "./kitchen/details.js";
import { confirmId } from "./kitchen/dialogs.js";
import { listenToKeys } from "./kitchen/keys.js";
import { recallPanel, soldOutPanel } from "./kitchen/panels.js";
import { Seen } from "./kitchen/seen.js";
import { Sound } from "./kitchen/sound.js";
import { KITCHEN } from "./kitchen/strings.js";
import "./kitchen/top-bar.js";
import "./pairing-view.js";

const TICK_MS = 1000;
const TOAST_MS = 5000;
const NAG_MS = 20_000;

const find = (selector) => document.querySelector(selector);

/** The kitchen screen: documents in, tickets out, and the few things a cook can do. */
class Kitchen {
  hub = openHub("kitchen");
  i18n = new Translator({ catalogues: [COMMON, KITCHEN], storage: localStorage, key: "hub.kitchen.language" });
  sound = new Sound();
  actions = new Actions(this.hub, (order) => confirmId(this, order));
  cooks = new Cooks(this.hub);
  board = find("ticket-board");
  render = perFrame(() => this.#render());

  #seen = new Seen(this.hub);
  #bar = find("top-bar");
  #gate = find("#sound-gate");
  #notice = find("#notice");
  #pairing = find("pairing-view");
  #toast = find("#toast");
  #panel = null;
  #offer = null;
  #offerTimer = null;
  #toastTimer = null;
  #everLive = false;

  constructor() {
    this.board.attach(this);
    this.#bar.attach(this);
    this.#pairing.attach(this, "kitchen_screen");
    this.cooks.addEventListener("change", this.render);
    this.hub.addEventListener("phase", () => this.#phaseChanged());
    this.hub.store.subscribe((changes) => this.#documentsChanged(changes));
    this.i18n.addEventListener("change", () => this.#languageChanged());
    this.sound.addEventListener("change", this.render);
    this.actions.addEventListener("change", this.render);
    this.actions.addEventListener("bumped", ({ detail }) => this.#offerUndo(detail));
    this.actions.addEventListener("failed", ({ detail }) => this.#failed(detail));
    this.#gate.addEventListener("click", () => this.sound.enable());
    listenToKeys(this);
    setInterval(() => this.#tick(), TICK_MS);
    setInterval(() => this.#nag(), NAG_MS);
    this.render();
  }

  undo() {
    if (this.#offer === null) return;
    const { order } = this.#offer;
    this.#withdrawOffer();
    this.actions.undo(order);
  }

  toggleSound() {
    if (this.sound.ready) this.sound.toggle();
    else this.sound.enable();
  }

  recallList() {
    if (this.hub.store.hotel !== null) this.#open(() => recallPanel(this));
  }

  soldOutList() {
    this.#open(() => soldOutPanel(this));
  }

  cookList() {
    if (this.hub.live) this.#open(() => cooksPanel(this));
  }

  details(order) {
    this.#open(() => detailsPanel(this, order));
  }

  panelClosed(panel) {
    if (this.#panel === panel) this.#panel = null;
  }

  #open(create) {
    if (this.#panel === null) this.#panel = create();
  }

  #phaseChanged() {
    if (this.hub.live) {
      this.#everLive = true;
      this.cooks.refresh();
    }
    this.render();
  }

  #documentsChanged(changes) {
    this.board.changed(changes, { alreadyKnown: this.#everLive });
    const chimes = new Set(); // one of each for all that came together
    for (const { kind, before, after } of changes) {
      if (kind !== "order" || after === null) continue;
      const { i18n } = this;
      const values = { room: after.room_number, number: after.order_number };
      if (before === null && after.status === "received" && (this.#everLive || after.shown_at === null)) {
        chimes.add("arrived");
        setText(find("#announcer"), i18n.text("arrived", values));
      }
      if (this.#everLive && awaitsAcknowledgement(after) && !(before && awaitsAcknowledgement(before))) {
        chimes.add("cancelled");
        setText(find("#announcer"), i18n.text("cancelled.announce", values));
      }
    }
    for (const chime of chimes) this.sound.play(chime);
    this.render();
  }

  /** A cancellation shouts until a cook has acknowledged it. */
  #nag() {
    if (this.hub.store.all("order").some(awaitsAcknowledgement)) this.sound.play("cancelled");
  }

  #offerUndo(detail) {
    const seconds = this.hub.store.hotel?.undo_seconds ?? 10;
    clearTimeout(this.#offerTimer);
    this.#offer = { ...detail, until: performance.now() + seconds * 1000 };
    this.#offerTimer = setTimeout(() => this.#withdrawOffer(), seconds * 1000);
    this.#bar.showUndo(this.#offer);
  }

  #withdrawOffer() {
    clearTimeout(this.#offerTimer);
    this.#offer = null;
    this.#bar.showUndo(null);
  }

  #failed({ code }) {
    const key = `error.${code}`;
    this.#toast.hidePopover();
    this.#toast.showPopover(); // above an open panel too
    setText(this.#toast, this.i18n.text(this.i18n.has(key) ? key : "error.other"));
    clearTimeout(this.#toastTimer);
    this.#toastTimer = setTimeout(() => this.#toast.hidePopover(), TOAST_MS);
  }

  #languageChanged() {
    setText(find("#announcer"), ""); // said in the other language
    this.#bar.showUndo(this.#offer);
    this.board.sort(); // names take other room now, tickets are cut elsewhere
  }

  #tick() {
    const { hub } = this;
    const minutes = hub.store.hotel?.recall_minutes ?? 30;
    hub.store.prune("order", (order) => onKitchenScreen(order, hub.now(), minutes));
    this.#bar.render();
    this.board.tick();
    if (!this.hub.live || this.board.painted.length === 0) this.render();
  }

  #render() {
    const { i18n, hub, board, sound } = this;
    document.documentElement.lang = i18n.language;
    document.title = i18n.text("title");
    setText(this.#gate, i18n.text("sound.gate"));
    this.#gate.hidden = sound.ready;
    board.render();
    this.#bar.render();
    this.#showNotice();
    this.#panel?.render();
    if (this.#notice.hidden && this.#pairing.hidden) this.#seen.painted(board.painted);
    document.documentElement.dataset.phase = hub.phase;
  }

  #showNotice() {
    const { hub, i18n } = this;
    let name = null;
    this.#pairing.show(hub.phase === "unpaired");
    if (hub.phase === "ended") name = hub.reason === "replaced" ? "replaced" : "ended";
    if (hub.phase === "ended" && isClosed(hub)) name = `closed.${hub.reason}`;
    this.#notice.hidden = name === null;
    const state = `${name}.${i18n.language}`;
    if (name === null || this.#notice.dataset.state === state) return;
    this.#notice.dataset.state = state;
    this.#notice.replaceChildren(
      icon("door", "icon huge"),
      h("h1", {}, i18n.text(name)),
      h("p", {}, i18n.text(`${name}.hint`)),
      h("button", { type: "button", class: "panel-button go", onclick: () => hub.retry() }, i18n.text(name === "replaced" ? "here" : "retry")),
      mayPairAgain(hub) && h("button", { type: "button", class: "panel-button", onclick: () => hub.pairAgain() }, i18n.text("pair.again")) || "",
    );
  }
}

new Kitchen();
