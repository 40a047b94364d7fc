import { h, reconcile, setText } from "../../dom.js";

const STATES = ["received", "cooking", "ready", "delivering"];
const SEEN_BY = { kitchen: STATES, expo: STATES, runner: ["ready", "delivering"] };

/** How many orders stand where, for the eye that passes by. */
export class Counts {
  element = h("dl", { class: "counts" });

  render(kitchen) {
    const { hub, i18n, lens } = kitchen;
    const now = hub.now();
    const shown = kitchen.orders.all().filter((order) => lens.shows(order, now));
    const states = lens.partial ? ["received", "cooking"] : SEEN_BY[lens.view];
    const counts = states.map((status) => [status, shown.filter((order) => order.status === status).length]);
    const late = (order) => states.includes(order.status) && kitchen.age(order).level === "late";
    counts.push(["late", shown.filter(late).length]);
    reconcile(this.element, counts, {
      key: ([name]) => name,
      create: ([name]) => h("div", { class: `count ${name}` }, h("dd"), h("dt")),
      update: (element, [name, number]) => {
        setText(element.firstElementChild, String(number));
        setText(element.lastElementChild, i18n.text(`count.${name}`));
        element.classList.toggle("none", number === 0);
      },
    });
  }
}
