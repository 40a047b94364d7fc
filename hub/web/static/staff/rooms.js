/** The rooms of the hotel, put together from its tablets and its open stays. */

import { fold } from "./filter.js";

const inOrder = new Intl.Collator("en", { numeric: true });

/**
 * What the tablet of a room is up to: "none" | "online" | "offline" | "wiping", or the state of a device that is not
 * in use: "pending" | "suspended" | "lost" | "retired".
 */
export function tabletState(tablet) {
  if (tablet === null) return "none";
  if (tablet.status !== "active") return tablet.status;
  if (tablet.wipe_requested_at) return "wiping";
  return tablet.online ? "online" : "offline";
}

/** Rows `{room, tablet, stay, state, folded}` in the order of a corridor; `tablet` and `stay` may be null. */
export function roomsOf(devices, stays) {
  const rooms = new Map();
  const of = (room) => {
    if (!rooms.has(room)) rooms.set(room, { room, tablet: null, stay: null });
    return rooms.get(room);
  };
  for (const device of devices) {
    if (device.device_type !== "tablet" || !device.room_number || device.status === "retired") continue;
    const row = of(device.room_number);
    if (row.tablet === null || device.status === "active") row.tablet = device;
  }
  for (const stay of stays) of(stay.room_number).stay = stay;
  return [...rooms.values()]
    .map((row) => ({ ...row, state: tabletState(row.tablet), folded: fold(`${row.room} ${row.stay?.guest_name ?? ""}`) }))
    .sort((one, other) => inOrder.compare(one.room, other.room));
}

/** Devices as somebody looks for them: by room, then by name; kitchen screens, which have none, first. */
export const sortDevices = (devices) =>
  devices.toSorted((one, other) =>
    inOrder.compare(one.room_number ?? "", other.room_number ?? "") || inOrder.compare(one.device_name, other.device_name));

/** Rooms that somebody should look at: the tablet is not there for the guest, or still holds the last one's data. */
export const needsLook = ({ stay, state }) =>
  state === "wiping" || state === "lost" || state === "suspended" || (stay !== null && state === "offline");
