import { perFrame, setText } from "./dom.js";
import { openHub } from "./hub.js";
import { COMMON, Translator } from "./i18n.js";
import { onKitchenScreen } from "./core/visibility.js";
import { Actions } from "./kitchen/actions.js";
import { ageOf } from "./kitchen/age.js";
import { Alarms } from "./kitchen/alarms.js";
import "./kitchen/bar/top-bar.js";
import "./kitchen/board/board.js";
import { Cooks } from "./kitchen/cooks.js";
import { listenToKeys } from "./kitchen/keys.js";
import { Marks } from "./kitchen/marks.js";
import { Names } from "./kitchen/names.js";
import { Notice } from "./kitchen/notice.js";
import { Orders } from "./kitchen/orders.js";
import { Outbox } from "./kitchen/outbox.js";
import { PANELS } from "./kitchen/panels/index.js";
import { askSoldOut, confirmId, confirmUnfinished } from "./kitchen/panels/dialogs.js";
import { Printer } from "./kitchen/print.js";
import "./kitchen/rail/side-rail.js";
import "./kitchen/runner/runner-board.js";
import { Seen } from "./kitchen/seen.js";
import { ScreenSettings } from "./kitchen/settings.js";
import { Sound } from "./kitchen/sound.js";
import { KITCHEN } from "./kitchen/strings.js";
import { Toast } from "./kitchen/toast.js";
import { Undo } from "./kitchen/undo.js";
import "./pairing-view.js";

const TICK_MS = 1000;

const find = (selector) => document.querySelector(selector);

/** The kitchen screen: documents in, tickets out, and the few things a cook can do. */
class Kitchen {
  hub = openHub("kitchen");
  i18n = new Translator({ catalogues: [COMMON, KITCHEN], storage: localStorage, key: "hub.kitchen.language" });
  settings = new ScreenSettings(this.hub, localStorage);
  outbox = new Outbox(this.hub, localStorage);
  orders = new Orders(this.hub.store, this.outbox);
  names = new Names(this.hub.store, this.i18n);
  sound = new Sound(localStorage, () => this.settings.values.sounds);
  actions = new Actions(this.outbox, () => this.lens, {
    idChecked: (order) => confirmId(this, order),
    unfinished: (order, items) => confirmUnfinished(this, order, items),
  });
  undo = new Undo(this.actions, () => this.hub.store.hotel.undo_seconds);
  cooks = new Cooks(this.hub);
  marks = new Marks();
  board = find("ticket-board");
  render = perFrame(() => this.#render());

  #bar = find("top-bar");
  #rail = find("side-rail");
  #runner = find("runner-board");
  #gate = find("#sound-gate");
  #pairing = find("pairing-view");
  #announcer = find("#announcer");
  #notice = new Notice(find("#notice"));
  #toast = new Toast(find("#toast"));
  #seen = new Seen(this.hub);
  #printer = new Printer();
  #alarms = new Alarms((name, order) => this.#ring(name, order));
  #panel = null;
  #everLive = false;
  #drawn = [];

  constructor() {
    for (const part of [this.board, this.#bar, this.#rail, this.#runner]) part.attach(this);
    this.#pairing.attach(this, "kitchen_screen");
    this.hub.addEventListener("phase", () => this.#phaseChanged());
    this.hub.store.subscribe((changes) => this.#documentsChanged(changes));
    for (const source of [this.cooks, this.sound, this.outbox, this.actions, this.undo]) source.addEventListener("change", this.render);
    this.i18n.addEventListener("change", () => this.#languageChanged());
    this.settings.addEventListener("change", () => this.#settingsChanged());
    for (const source of [this.outbox, this.settings]) {
      source.addEventListener("refused", ({ detail }) => this.#toast.say(this.i18n, `error.${detail.code}`));
    }
    this.#gate.addEventListener("click", () => this.sound.enable());
    listenToKeys(this);
    setInterval(() => this.#tick(), TICK_MS);
    this.#settingsChanged();
  }

  get lens() {
    return this.settings.lens;
  }

  get railOpen() {
    return this.settings.values.rail && this.lens.view !== "runner";
  }

  /** Does something lie over the tickets: a panel, a question, a notice, the pairing? */
  get covered() {
    return this.#notice.open || !this.#pairing.hidden || document.querySelector("dialog[open]") !== null;
  }

  /** The hotel's pause, as long as it lasts. */
  get pause() {
    const pause = this.hub.store.hotel?.pause ?? null;
    return pause?.until && Date.parse(pause.until) <= this.hub.now() ? null : pause;
  }

  /** `{minutes, level}` of an order now, as this screen counts. */
  age(order) {
    const deliveryMinutes = this.hub.store.hotel?.delivery_minutes ?? 0;
    return ageOf(order, this.hub.now(), { lens: this.lens, thresholds: this.settings.values.thresholds, deliveryMinutes });
  }

  /** Has the tablet of an order's room fallen silent, so that nobody there reads what the hub says? */
  tabletSilent(order) {
    return this.hub.store.all("silent_tablet").some(({ room_number: room }) => room === order.room_number);
  }

  /** Open a panel by its name, unless there is one already. */
  open(name, ...what) {
    if (this.#panel === null && this.hub.store.hotel !== null) this.#panel = PANELS[name](this, ...what);
  }

  panelClosed(panel) {
    if (this.#panel === panel) this.#panel = null;
  }

  /** Go to an order's ticket, or show what it is when it is none on this screen. */
  find(order) {
    const place = this.lens.view === "runner" ? this.#runner : this.board;
    if (!place.show(order.id)) this.open("details", order);
  }

  askSoldOut(dish) {
    return askSoldOut(this, dish);
  }

  print(order) {
    this.#printer.print(this, order);
  }

  toggleRail() {
    this.marks.clear();
    this.settings.change({ rail: !this.settings.values.rail });
  }

  toggleSound() {
    if (this.sound.ready || this.sound.muted) this.sound.toggle();
    if (!this.sound.muted) this.sound.enable();
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
    this.#alarms.changed(changes, { known: this.#everLive, lens: this.lens, now: this.hub.now() });
    this.render();
  }

  #ring(name, order) {
    this.sound.play(name);
    setText(this.#announcer, this.i18n.text(`announce.${name}`, { room: order.room_number, number: order.order_number }));
  }

  #languageChanged() {
    if (this.settings.values.language !== this.i18n.language) this.settings.change({ language: this.i18n.language });
    setText(this.#announcer, ""); // said in the other language
    this.board.measure(); // names take other room now, tickets are cut elsewhere
    this.#bar.render();
    this.#bar.fitAnew();
    this.render();
  }

  #settingsChanged() {
    const { text_size, columns, view, language } = this.settings.values;
    if (language !== null) this.i18n.language = language;
    document.documentElement.style.setProperty("--text-size", text_size / 100);
    this.board.hidden = view === "runner";
    this.#runner.hidden = view !== "runner";
    this.#rail.hidden = !this.railOpen;
    const drawn = [text_size, columns, this.lens];
    if (drawn.some((each, n) => each !== this.#drawn[n])) {
      this.#drawn = drawn;
      this.board.measure(); // which sorts the tickets anew
    }
    this.render();
  }

  #tick() {
    const { hub, lens } = this;
    const now = hub.now();
    const { recall_minutes: minutes = 30, alert_seconds: alert } = hub.store.hotel ?? {};
    hub.store.prune("order", (order) => onKitchenScreen(order, now, minutes));
    if (hub.store.hotel !== null) {
      const isLate = (order) => this.age(order).level === "late";
      const heard = this.#alarms.tick(this.orders.all(), { lens, now, isLate, everySeconds: alert.every });
      if (heard.has("arrived")) {
        this.board.highlight(heard.get("arrived").id);
        this.render();
      }
    }
    this.#bar.tick();
    this.board.tick();
    if (!hub.live || this.board.painted.length === 0 || this.railOpen || lens.view === "runner") this.render();
  }

  #render() {
    const { i18n, hub, board, sound } = this;
    document.documentElement.lang = i18n.language;
    document.title = i18n.text(`title.${this.lens.view}`);
    setText(this.#gate, i18n.text("sound.gate"));
    this.#gate.hidden = sound.ready || sound.muted;
    board.render();
    this.#rail.render();
    this.#runner.render();
    this.#bar.render();
    this.#pairing.show(hub.phase === "unpaired");
    this.#notice.render(this);
    this.#panel?.render();
    if (!this.#notice.open && this.#pairing.hidden) this.#seen.painted(board.painted);
    document.documentElement.dataset.phase = hub.phase;
  }
}

new Kitchen();
