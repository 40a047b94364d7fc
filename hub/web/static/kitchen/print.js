import { h } from "../dom.js";
import { isLive } from "./flow.js";
import { begins } from "./lens.js";

const WIDTH_MM = 80;
const MM = 96 / 25.4;

/** One ticket on a roll of 80 mm, by way of the browser: black on white, what matters first. */
export class Printer {
  #paper = h("section", { class: "print" });
  #sheet = new CSSStyleSheet();

  constructor() {
    document.body.append(this.#paper);
    document.adoptedStyleSheets.push(this.#sheet);
  }

  print(kitchen, order) {
    this.#paper.replaceChildren(...lines(kitchen, order));
    this.#paper.lang = kitchen.i18n.language;
    this.#sheet.replaceSync(`@page { size: ${WIDTH_MM}mm ${this.#height()}mm; margin: 0; }`);
    window.print();
  }

  /** Of the paper, in mm: a roll is cut where the ticket ends. */
  #height() {
    this.#paper.classList.add("measured");
    const { height } = this.#paper.getBoundingClientRect();
    this.#paper.classList.remove("measured");
    return Math.ceil(height / MM) + 2;
  }
}

function lines(kitchen, order) {
  const { i18n, hub, names, lens } = kitchen;
  const zone = hub.store.hotel?.time_zone;
  const time = (moment) => i18n.time(moment, zone);
  const items = lens.items(order);
  const conflicts = [...new Set(items.filter(isLive).flatMap((item) => item.conflicts))];
  const marks = [order.status === "cancelled" && "cancelled", order.rush && "rush", order.recall_count > 0 && "recalled"].filter(Boolean);
  return [
    h("header", {}, h("strong", {}, order.room_number), h("span", {}, `#${order.order_number}`)),
    h("p", { class: "print-times" }, i18n.text("print.times", { placed: time(Date.parse(order.placed_at)), now: time(hub.now()) })),
    order.fire_at && h("p", {}, i18n.text("fires", { time: time(begins(order)) })),
    marks.length > 0 && h("p", { class: "print-marks" }, marks.map((mark) => i18n.text(`flag.${mark}`)).join("　")),
    order.declared_allergens.length > 0 && h("p", { class: "print-allergy" }, `${i18n.text("allergy.declared")}: ${names.allergens(order.declared_allergens)}`,
      conflicts.length > 0 && h("strong", {}, i18n.text("conflict", { words: names.allergens(conflicts) }))),
    order.special_requests && h("p", { class: "print-words" }, order.special_requests),
    h("ul", {}, items.map((item) => h("li", { class: item.status },
      h("span", {}, String(item.quantity)),
      h("div", {}, h("strong", {}, i18n.of(item, "name")),
        item.options.length > 0 && h("p", {}, item.options.map((option) => i18n.of(option, "name")).join(" · ")),
        item.conflicts.length > 0 && isLive(item) && h("p", { class: "print-allergy" }, i18n.text("conflict", { words: names.allergens(item.conflicts) })),
        item.note && h("p", { class: "print-words" }, item.note),
        h("small", {}, names.station(item.station)))))),
  ].filter(Boolean);
}
