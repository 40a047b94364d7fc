import { isLive } from "./flow.js";
import { variantOf } from "./marks.js";

/**
 * How much of every dish is still to be made, over all tickets of a screen: `{id, name_ja, name_en, quantity, cooking,
 * variants}`, in the order of `place`. `variants` are the ways in which it was ordered, `{key, options, quantity}`; none
 * when there is only the plain one.
 */
export function allDay(orders, lens, place) {
  const dishes = new Map();
  for (const order of orders) {
    for (const item of lens.items(order)) {
      if (!isLive(item) || item.status === "ready" || item.fulfilment === "fridge") continue;
      const { menu_item_id: id, name_ja, name_en } = item;
      const dish = dishes.get(id) ?? { id, name_ja, name_en, quantity: 0, cooking: 0, variants: new Map() };
      dishes.set(id, dish);
      dish.quantity += item.quantity;
      if (item.status === "cooking") dish.cooking += item.quantity;
      const key = variantOf(item);
      const variant = dish.variants.get(key) ?? { key, options: item.options, quantity: 0 };
      dish.variants.set(key, variant);
      variant.quantity += item.quantity;
    }
  }
  return [...dishes.values()]
    .map((dish) => ({ ...dish, variants: [...dish.variants.values()] }))
    .map((dish) => (dish.variants.every(({ key }) => key === "") ? { ...dish, variants: [] } : dish))
    .sort((a, b) => place(a.id) - place(b.id) || a.id.localeCompare(b.id));
}
