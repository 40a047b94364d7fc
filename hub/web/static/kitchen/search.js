/** Finds tickets by room, number, dish or note, in either language and whatever the width of the letters. */

const plain = (text) => text.normalize("NFKC").toLowerCase();

const textsOf = (order) => [
  order.room_number,
  `#${order.order_number}`,
  order.special_requests ?? "",
  ...order.items.flatMap((item) => [item.name_ja, item.name_en, item.note ?? "", ...item.options.flatMap((option) => [option.name_ja, option.name_en])]),
];

/** Orders that hold every word; those whose room or number it is come first. */
export function findOrders(orders, wanted) {
  const words = plain(wanted).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const exact = (order) => words.some((word) => word === plain(order.room_number) || word === `#${order.order_number}`);
  return orders
    .filter((order) => {
      const texts = textsOf(order).map(plain);
      return words.every((word) => texts.some((text) => text.includes(word)));
    })
    .sort((a, b) => Number(exact(b)) - Number(exact(a)) || Date.parse(a.placed_at) - Date.parse(b.placed_at));
}
