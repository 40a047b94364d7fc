import { h, setText } from "../dom.js";
import { icon } from "../icons.js";
import { button } from "./form.js";
import { RoomPanel } from "./room-panel.js";
import { needsLook } from "./rooms.js";
import { RowList } from "./row-list.js";
import { SidePanel } from "./side-panel.js";
import { moment, say } from "./words.js";

/** The front desk: every room with its guest and its tablet. */
export class RoomsView extends HTMLElement {
  #app;
  #list;
  #panel;
  #side;
  #room = null;

  attach(app) {
    this.#app = app;
    this.#side = new SidePanel({ closed: () => this.#closed() });
    this.#panel = new RoomPanel(app, this.#side);
    this.#list = new RowList({
      name: "rooms",
      choices: [
        ["rooms.all", () => true],
        ["rooms.occupied", ({ stay }) => stay !== null],
        ["rooms.vacant", ({ stay }) => stay === null],
        ["rooms.look", needsLook],
      ],
      key: ({ room }) => room,
      create: () => [h("span", { class: "row-name" }), h("span", { class: "row-text" }, h("span", { class: "row-main" }), h("span", { class: "row-more" })), h("span", { class: "pill" })],
      update: (row, { room, stay, state }) => {
        const [name, textPart, pill] = row.children;
        const [main, more] = textPart.children;
        setText(name, room);
        if (stay === null) say(main, "rooms.empty");
        else if (stay.guest_name) say(main, "verbatim", { text: stay.guest_name });
        else say(main, "rooms.nameless");
        row.classList.toggle("vacant", stay === null);
        if (stay === null) say(more, "verbatim", { text: "" });
        else say(more, "rooms.since", { time: () => moment(stay.started_at) });
        pill.dataset.state = state;
        say(pill, `tablet.${state}`);
      },
      choose: (room) => this.open(room),
      tools: [app.session.may("stay.manage") ? button("quiet", "rooms.other", () => this.open(""), { symbol: "plus" }) : null],
    });
    this.append(h("h1", { class: "visually-hidden", tabindex: "-1" }, say(h("span"), "rooms.title")),
      h("div", { class: "split" }, this.#list.element,
        h("div", { class: "panel-place" }, this.#side.element,
          h("p", { class: "panel-hint" }, icon("door", "icon huge"), say(h("span"), "rooms.choose")))));
  }

  /** Open a room beside the list; "" is one that has no tablet. */
  open(room) {
    this.#room = room;
    this.#list.chosen = room;
    this.#panel.show(room, this.#row(room));
    this.#side.focus();
  }

  render() {
    this.#list.rows = this.#app.live.rooms;
    if (this.#room === null || !this.#side.open) return;
    if (this.#app.live.loaded) this.#panel.update(this.#row(this.#room));
    else if (this.#panel.names) this.#side.close();
  }

  #row(room) {
    return this.#app.live.rooms.find((each) => each.room === room) ?? { room, tablet: null, stay: null, state: "none" };
  }

  #closed() {
    this.#list.chosen = this.#room;
    this.#room = null;
    this.#list.focus();
  }
}

customElements.define("rooms-view", RoomsView);
