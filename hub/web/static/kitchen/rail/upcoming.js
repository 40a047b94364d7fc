import { h, reconcile, setText } from "../../dom.js";
import { begins } from "../lens.js";

/** Orders for later: when the kitchen begins, for whom, what, and a way to begin now. */
export class Upcoming {
  #kitchen;
  #title = h("h2");
  #list = h("ul", { class: "upcoming-list" });
  #element = h("section", { class: "rail-part upcoming" }, h("header", {}, this.#title), this.#list);

  attach(kitchen) {
    this.#kitchen = kitchen;
    return this.#element;
  }

  render() {
    const { hub, i18n, lens, orders, actions } = this.#kitchen;
    const now = hub.now();
    const zone = hub.store.hotel?.time_zone;
    const expected = orders.all().filter((order) => lens.expects(order, now)).sort((a, b) => begins(a) - begins(b));
    this.#element.hidden = expected.length === 0;
    setText(this.#title, i18n.text("upcoming"));
    reconcile(this.#list, expected, {
      key: ({ id }) => id,
      create: ({ id }) => h("li", { data: { order: id } },
        h("button", { type: "button", class: "upcoming-what", onclick: () => this.#kitchen.open("details", orders.get(id)) },
          h("span", { class: "upcoming-time" }), h("span", { class: "ticket-room" }), h("span", { class: "clamp upcoming-items" })),
        h("button", { type: "button", class: "panel-button", onclick: () => actions.fire(orders.get(id)) })),
      update: (row, order) => {
        const [what, fire] = row.children;
        const [time, room, items] = what.children;
        setText(time, i18n.text("fires", { time: i18n.time(begins(order), zone) }));
        setText(room, order.room_number);
        setText(items, lens.items(order).map((item) => `${item.quantity}\u00a0×\u00a0${i18n.of(item, "name")}`).join(" · "));
        setText(fire, i18n.text("fire.now"));
        fire.disabled = orders.waiting(order.id).size > 0;
      },
    });
  }
}
