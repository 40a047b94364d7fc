import { h } from "../dom.js";
import { confirm } from "./confirm.js";
import { Field, Form, button } from "./form.js";
import { PhoneCode } from "./phone-code.js";
import { showProblem } from "./problems.js";
import { moment, say, text } from "./words.js";

const STAYS = "/api/v1/stays";

/** One room: who is in it, and checking in or out. It is built anew only when the room or its guest is another. */
export class RoomPanel {
  #app;
  #side;
  #shown = null;
  #row = null;
  #tablet = h("dd");
  #wipe = h("div", { class: "wipe", role: "status", hidden: true });
  #warning = h("div", { class: "warning", hidden: true });
  #anyway = h("input", { type: "checkbox", id: "override-wipe" });
  #problem = h("p", { class: "alert", role: "alert", hidden: true });
  #form = null;
  #code;
  #wiping = []; // the tablets that were asked to forget a guest when this panel checked the room out

  constructor(app, side) {
    this.#app = app;
    this.#side = side;
    this.#code = new PhoneCode(app);
    this.#warning.append(text("p", "wipe.pending"),
      h("label", { for: "override-wipe", class: "check" }, this.#anyway, text("span", "wipe.override")));
    this.#anyway.addEventListener("change", () => this.#refresh());
  }

  show(room, row) {
    this.#row = row;
    this.#anyway.checked = false;
    this.#wiping = [];
    showProblem(this.#problem, null);
    this.#build(room);
  }

  /** Whether it tells who is in the room. */
  get names() {
    return this.#row.stay !== null;
  }

  /** The lists are fresh. What is being typed stays as long as the room is in the same hands. */
  update(row) {
    const before = this.#row;
    this.#row = row;
    if (before.stay?.id !== row.stay?.id) this.#build(row.room);
    else this.#refresh();
  }

  #build(room) {
    const { stay } = this.#row;
    this.#code.close(); // it was for another guest, or for another room
    this.#shown = room;
    if (room === "") {
      this.#form = this.#checkIn(true);
      this.#side.show("rooms.other", {}, this.#form.element);
      this.#form.focus();
    } else {
      this.#form = stay === null && this.#app.session.may("stay.manage") ? this.#checkIn(false) : null;
      this.#side.show("room", { room }, this.#facts(), this.#wipe, this.#problem, stay === null ? this.#form?.element : this.#leave());
    }
    this.#refresh();
  }

  #facts() {
    const { stay } = this.#row;
    const fact = (label, ...value) => [text("dt", label), h("dd", {}, ...value)];
    return h("dl", { class: "facts" },
      ...(stay === null
        ? [text("dt", "guest"), text("dd", "rooms.empty")]
        : [...fact("guest", stay.guest_name || text("span", "rooms.nameless")),
          ...(stay.guest_phone ? fact("phone", stay.guest_phone) : []),
          ...fact("since", text("span", "verbatim", { text: () => moment(stay.started_at) }))]),
      text("dt", "tablet"), this.#tablet);
  }

  #refresh() {
    const { tablet, state } = this.#row;
    const seen = tablet?.last_seen_at;
    if (seen && !tablet.online) say(this.#tablet, "tablet.seen", { state: () => text("i", `tablet.${state}`).textContent, time: () => moment(seen) });
    else say(this.#tablet, `tablet.${state}`);
    const wiping = state === "wiping";
    this.#showWipe();
    this.#warning.hidden = !wiping || (this.#wiping.length > 0 && tablet.online); // give it a moment
    if (this.#form !== null) {
      this.#form.enabled = !wiping || this.#anyway.checked;
      if (this.#shown !== "") this.#form.action(this.#warning.hidden ? "checkin.do" : "checkin.anyway", { room: this.#row.room });
    }
  }

  /** What has become of the wipe that a check-out in this panel has asked for. */
  #showWipe() {
    const tablets = this.#app.live.devices.filter(({ id }) => this.#wiping.includes(id));
    const open = tablets.filter((each) => each.wipe_requested_at !== null);
    const state = tablets.length === 0 ? "none" : open.length === 0 ? "done" : open.some(({ online }) => online) ? "waiting" : "offline";
    this.#wipe.hidden = state === "none";
    if (this.#wipe.dataset.state === state) return;
    this.#wipe.dataset.state = state;
    if (state === "done") this.#wipe.replaceChildren(text("p", "wipe.done", { room: this.#row.room }));
    else if (state !== "none") this.#wipe.replaceChildren(h("span", { class: "spinner" }), text("p", `wipe.${state}`));
  }

  #checkIn(anyRoom) {
    const room = new Field({ name: "room_number", label: "room.number", autocomplete: "off", maxlength: "20" });
    const guest = new Field({ name: "guest_name", label: "guest", autocomplete: "off", maxlength: "100" });
    const phone = new Field({ name: "guest_phone", label: "phone", type: "tel", autocomplete: "off", maxlength: "30", optional: true });
    room.element.hidden = !anyRoom;
    const form = new Form({
      fields: [room, guest, phone],
      parts: [text("h3", "checkin.title"), room.element, guest.element, phone.element, anyRoom ? null : this.#warning].filter(Boolean),
      action: anyRoom ? "checkin.other" : "checkin.do",
      values: { room: this.#row.room },
      run: async (values) => {
        const number = anyRoom ? values.room_number.trim() : this.#row.room;
        const wanted = { room_number: number, guest_name: values.guest_name.trim() };
        if (values.guest_phone.trim() !== "") wanted.guest_phone = values.guest_phone.trim();
        if (!anyRoom && this.#row.state === "wiping") wanted.override_wipe = this.#anyway.checked;
        try {
          await this.#app.session.once("POST", STAYS, wanted);
        } catch (problem) {
          if (problem.status === 409) await this.#app.live.refresh();
          throw problem;
        }
        form.clear();
        this.#app.announce("checkin.done", { room: number });
        await this.#app.live.refresh();
        this.#app.openRoom(number);
      },
      context: { room_occupied: "checkin.occupied", wipe_pending: "checkin.wipe" },
    });
    return form;
  }

  #leave() {
    if (!this.#app.session.may("stay.manage")) return null;
    const { room, stay } = this.#row;
    return h("div", { class: "actions" },
      button("quiet", "phonecode.open", () => this.#code.show(room, stay), { symbol: "mobile" }),
      button("danger-quiet", "checkout", () => this.#checkOut(), { symbol: "door" }));
  }

  async #checkOut() {
    const { room, stay } = this.#row;
    showProblem(this.#problem, null);
    try {
      const [open] = await Promise.all([this.#openOrders(), this.#app.live.refresh()]);
      const now = this.#app.live.rooms.find((each) => each.room === room);
      if (now?.stay?.id !== stay.id) return; // somebody else was quicker; the list shows it
      const orders = open.filter((each) => each.stay_id === stay.id);
      const values = { room, guest: stay.guest_name || "" };
      const agreed = await confirm({
        title: stay.guest_name ? "checkout.ask" : "checkout.ask.nameless",
        explain: now.tablet === null || now.state === "pending" ? "checkout.text.bare" : "checkout.text",
        yes: "checkout.yes",
        values,
        more: orders.length === 0 ? text("p.ask-none", "checkout.no_orders") : this.#orders(orders),
      });
      if (!agreed) return;
      const { wiping } = await this.#app.session.once("POST", `${STAYS}/${stay.id}/check-out`, {});
      this.#wiping = wiping;
      this.#app.announce("checkout.done", { room });
      await this.#app.live.refresh();
      this.#app.live.hurry();
      this.#side.focus();
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      showProblem(this.#problem, problem, { orders_open: "checkout.orders_open", stay_ended: "checkout.over" });
    }
  }

  #orders(orders) {
    return h("div", { class: "ask-orders" }, text("p", "checkout.orders", { count: orders.length }),
      h("ul", {}, orders.map(({ order_number: number, status }) =>
        h("li", {}, h("strong", {}, `#${number}`), " ", text("span", `order.${status}`)))));
  }

  async #openOrders() {
    if (!this.#app.session.may("order.read")) return [];
    const all = [];
    for (let after = null; ; ) {
      const page = await this.#app.session.call("GET", `/api/v1/orders?status=active${after === null ? "" : `&after=${encodeURIComponent(after)}`}`);
      all.push(...page.orders);
      after = page.next ?? null;
      if (after === null) return all;
    }
  }
}
