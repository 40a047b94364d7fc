import { h, reconcile, setText } from "../../dom.js";
import { Panel } from "./panel.js";

/** Every dish with its switch. A dish keeps its place while the panel is open: a second tap must not hit another. */
export function soldOutPanel(kitchen) {
  const { hub, i18n, actions, outbox } = kitchen;
  const label = i18n.text("sold.search");
  const search = h("input", { type: "search", placeholder: label, "aria-label": label });
  const list = h("ul", { class: "sold-list" });
  const places = new Map();
  const place = ({ id }) => places.get(id) ?? places.set(id, places.size).size - 1;
  const flip = (id) => {
    const dish = hub.store.get("menu_item", id);
    if (dish.sold_out) actions.soldOut(dish, false);
    else kitchen.askSoldOut(dish);
  };
  const panel = new Panel(kitchen, "sold", i18n.text("sold.title"), (body) => {
    if (!body.hasChildNodes()) body.append(search, list);
    const wanted = search.value.trim().toLowerCase();
    const matches = (item) => `${item.name_ja} ${item.name_en}`.toLowerCase().includes(wanted);
    const dishes = hub.store.all("menu_item");
    dishes.sort((a, b) => Number(b.sold_out) - Number(a.sold_out) || a.display_order - b.display_order).forEach(place);
    reconcile(list, dishes.filter(matches).sort((a, b) => place(a) - place(b)), {
      key: (item) => item.id,
      create: ({ id }) => h("li", {},
        h("span", { class: "sold-name" }, h("span"), h("small")),
        h("button", { type: "button", class: "panel-button", onclick: () => flip(id) })),
      update: (row, item) => {
        row.classList.toggle("is-sold", item.sold_out);
        const [name, until] = row.firstElementChild.children;
        setText(name, i18n.of(item, "name"));
        setText(until, soldUntil(item, kitchen));
        const button = row.lastElementChild;
        setText(button, i18n.text(item.sold_out ? "sold.off" : "sold.on"));
        button.disabled = outbox.of(item.id).length > 0;
      },
    });
  });
  search.addEventListener("input", () => panel.render());
  return panel;
}

function soldUntil({ sold_out, sold_out_until: until }, { hub, i18n }) {
  if (!sold_out) return "";
  return until ? i18n.text("sold.until", { time: i18n.time(Date.parse(until), hub.store.hotel.time_zone) }) : i18n.text("sold.open");
}
