import { unavailable } from "./availability.js";
import { lineKey, MAX_LINES } from "./basket.js";
import { fits, unitPrice } from "./options.js";

/**
 * What an earlier order would be today: `{lines, gone, changed, unsaid, over}`. `lines` go into the basket; `gone` are
 * items of the order that cannot be had, `changed` are `{item, price}` whose price for one is another now, `unsaid` items
 * whose wish in words gives way to another one that stands in the basket, `over` those for which it has no room.
 */
export function reorder(app, order) {
  const { hub, basket } = app;
  const notes = new Map(basket.lines.map((line) => [lineKey(line), line.note.trim()]));
  const unsaid = [];
  const over = [];
  const lines = [];
  const gone = [];
  const changed = [];
  for (const item of order.items) {
    const dish = hub.store.get("menu_item", item.menu_item_id);
    const options = (item.options ?? []).map(({ key }) => key);
    const why = unavailable(app, dish, hub.now());
    if (why === "gone" || why === "sold_out" || !fits(dish, options)) {
      gone.push(item);
      continue;
    }
    const line = { menu_item_id: dish.id, options, quantity: item.quantity, note: item.note ?? "" };
    const key = lineKey(line);
    if (!notes.has(key) && notes.size >= MAX_LINES) {
      over.push(item);
      continue;
    }
    if (line.note !== "" && notes.get(key) && notes.get(key) !== line.note) unsaid.push(item);
    notes.set(key, notes.get(key) || line.note);
    const price = unitPrice(dish, options);
    if (price !== item.unit_price) changed.push({ item, price });
    lines.push(line);
  }
  return { lines, gone, changed, unsaid, over };
}
