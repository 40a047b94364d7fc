/** Orders as runners carry them, without a document. */

/** The floor of a room as its number tells it: all but the last two digits; "" for a room without such a number. */
export function floorOf(room) {
  const digits = room.match(/\d{3,}/)?.[0];
  return digits === undefined ? "" : String(Number(digits.slice(0, -2)));
}

/** `{floor, orders}`, the lowest floor first, those without one last; inside a floor by room. */
export function byFloor(orders) {
  const floors = new Map();
  for (const order of orders) {
    const floor = floorOf(order.room_number);
    floors.set(floor, [...(floors.get(floor) ?? []), order]);
  }
  const place = ({ floor }) => (floor === "" ? Infinity : Number(floor));
  return [...floors.entries()]
    .map(([floor, some]) => ({ floor, orders: some.sort((a, b) => a.room_number.localeCompare(b.room_number, "en", { numeric: true })) }))
    .sort((a, b) => place(a) - place(b));
}

/** `{id, orders}` of what is on its way, orders that left together under one id; who left first comes first. */
export function tripsOf(orders) {
  const trips = new Map();
  for (const order of orders) {
    const id = order.trip_id ?? order.id;
    trips.set(id, [...(trips.get(id) ?? []), order]);
  }
  return [...trips.entries()].map(([id, some]) => ({ id, orders: byFloor(some).flatMap((each) => each.orders) }));
}
