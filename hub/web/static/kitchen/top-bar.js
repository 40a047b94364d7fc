import { h, reconcile, setText } from "../dom.js";
import { icon, setIcon } from "../icons.js";
import { LANGUAGE_NAMES } from "../i18n.js";
import { ageOf } from "./age.js";

const RED_AFTER_MS = 3000;
const STALE_MS = 60_000;

/**
 * The bar at the top: counts, undo, pages, tools, and the truth about the connection. While the line is down the whole
 * bar is red; it is never higher or lower than before, so that no ticket moves.
 */
export class TopBar extends HTMLElement {
  #kitchen;
  #state = h("div", { class: "link", role: "status" }, h("span", { class: "link-dot" }), h("span", { class: "link-text" }));
  #counts = h("dl", { class: "counts" });
  #undo = h("div", { class: "undo", hidden: true });
  #pages = h("div", { class: "pages" });
  #tools = h("div", { class: "tools" });
  #buttons = {};
  #started = performance.now();

  attach(kitchen) {
    this.#kitchen = kitchen;
    const tool = (name, symbol, onclick) => {
      const button = h("button", { type: "button", class: `tool ${name}`, onclick }, icon(symbol), h("span"));
      this.#buttons[name] = button;
      return button;
    };
    this.#pages.append(
      tool("sort", "sort", () => kitchen.board.sort()),
      tool("previous", "back", () => kitchen.board.turn(-1)),
      h("span", { class: "page-number" }),
      tool("next", "next", () => kitchen.board.turn(1)),
      h("span", { class: "elsewhere" }),
    );
    this.#tools.append(
      tool("cook", "person", () => kitchen.cookList()),
      tool("recall", "recall", () => kitchen.recallList()),
      tool("sold", "stop", () => kitchen.soldOutList()),
      tool("sound", "bell", () => kitchen.toggleSound()),
      tool("language", "globe", () => (kitchen.i18n.language = kitchen.i18n.other)),
    );
    this.append(this.#state, this.#counts, this.#undo, this.#pages, this.#tools);
  }

  /** Is the line down for so long, or so surely, that the bar must be red? */
  get #red() {
    const { hub } = this.#kitchen;
    if (hub.live) return false;
    if (hub.lastFrameAt === null) return performance.now() - this.#started >= RED_AFTER_MS;
    return hub.reason === "silence" || hub.now() - hub.lastFrameAt >= RED_AFTER_MS;
  }

  render() {
    const { hub, i18n, board, sound } = this.#kitchen;
    this.tick();
    const orders = hub.store.all("order");
    const count = (test) => orders.filter(test).length;
    const active = ["received", "cooking", "ready", "delivering"];
    const late = count((order) => active.includes(order.status) && ageOf(order, hub.now()).level === "late");
    const counts = [...active.map((status) => [status, count((order) => order.status === status)]), ["late", late]];
    reconcile(this.#counts, counts, {
      key: ([name]) => name,
      create: ([name]) => h("div", { class: `count ${name}` }, h("dd"), h("dt")),
      update: (element, [name, number]) => {
        setText(element.firstElementChild, String(number));
        setText(element.lastElementChild, i18n.text(`count.${name}`));
        element.classList.toggle("none", number === 0);
      },
    });
    const { cooks } = this.#kitchen;
    this.#label("cook", cooks.current?.name ?? i18n.text("cook"));
    this.#buttons.cook.hidden = cooks.list.length === 0;
    this.#label("recall", i18n.text("recall"));
    this.#label("sold", i18n.text("sold"));
    this.#label("sort", i18n.text("sort"));
    this.#label("previous", i18n.text("page.previous"));
    this.#label("next", i18n.text("page.next"));
    this.#label("sound", i18n.text(sound.ready && !sound.muted ? "sound.on" : "sound.off"));
    this.#buttons.sound.classList.toggle("off", !sound.ready || sound.muted);
    setIcon(this.#buttons.sound.firstElementChild, sound.ready && !sound.muted ? "bell" : "muted");
    this.#label("language", LANGUAGE_NAMES[i18n.other]);
    this.#buttons.language.lastElementChild.lang = i18n.other;
    this.#buttons.language.setAttribute("aria-label", i18n.text("language.switch"));
    this.#buttons.sort.hidden = board.sorted;
    const paged = board.pages > 1;
    this.#buttons.previous.hidden = !paged;
    this.#buttons.next.hidden = !paged;
    this.#buttons.previous.disabled = board.page === 0;
    this.#buttons.next.disabled = board.page === board.pages - 1;
    setText(this.#pages.querySelector(".page-number"), paged ? i18n.text("page", { page: board.page + 1, pages: board.pages }) : "");
    const elsewhere = board.lateElsewhere;
    setText(this.#pages.querySelector(".elsewhere"), elsewhere > 0 ? i18n.text("count.elsewhere", { count: elsewhere }) : "");
    this.#buttons.sold.hidden = hub.store.all("menu_item").length === 0;
  }

  /** The connection, every second. */
  tick() {
    const { hub, i18n } = this.#kitchen;
    const zone = hub.store.hotel?.time_zone;
    const red = this.#red;
    const state = hub.live ? "live" : red ? "lost" : "connecting";
    this.dataset.link = state;
    let text = i18n.text("connecting");
    if (state === "live") text = i18n.text("connected", { time: i18n.time(hub.now(), zone) });
    if (state === "lost" && hub.lastFrameAt === null) {
      text = i18n.text("unreached");
    } else if (state === "lost") {
      const time = i18n.time(hub.lastFrameAt, zone, { seconds: true });
      const parts = [i18n.text("lost"), i18n.text("last.update", { time })];
      if (hub.now() - hub.lastFrameAt >= STALE_MS) parts.push(i18n.text("stale"));
      text = parts.join(" — ");
    }
    setText(this.#state.lastElementChild, text);
  }

  showUndo(offer) {
    const { i18n } = this.#kitchen;
    this.#undo.hidden = offer === null;
    if (offer === null) return;
    const { order, item, to, until } = offer;
    const step = i18n.text(item ? `state.${to}` : `bump.${to}`);
    const values = { room: order.room_number, number: order.order_number, step, item: item && i18n.of(item, "name") };
    const line = h("span", { class: "undo-time" });
    line.style.setProperty("--left", `${Math.max(0, until - performance.now())}ms`);
    this.#undo.replaceChildren(
      h("span", { class: "undo-text" }, i18n.text(item ? "undo.item" : "undo.text", values)),
      h("button", { type: "button", class: "undo-button", onclick: () => this.#kitchen.undo() }, icon("recall"), i18n.text("undo")),
      line,
    );
  }

  #label(name, text) {
    setText(this.#buttons[name].lastElementChild, text);
    this.#buttons[name].setAttribute("aria-label", text);
  }
}

customElements.define("top-bar", TopBar);
