/** What the view of the tax rates shows of a hotel's, and what it sends of a new one. Pure; a day is "2026-11-22". */

export const SERVICE = "service"; // the class of the service charge, which is for serving alone
export const SERVED = "room_service";
export const FULFILMENTS = [SERVED, "fridge", "takeaway"];
export const CLASSES = ["food", "alcohol", SERVICE];

const isOf = (taxClass, fulfilment) => (rate) => rate.tax_class === taxClass && rate.fulfilment === fulfilment;

/** Those that every hotel has, then its own. */
export const classesOf = (rates) => [...new Set([...CLASSES, ...rates.map(({ tax_class: taxClass }) => taxClass)])];

/** The rates that hold, by class: `[[class, [rate]]]`. `rates` are as the hub lists them, oldest first. */
export function inForce({ business_date: today, rates }) {
  const begun = rates.filter(({ valid_from: day }) => day <= today);
  const of = (taxClass) => FULFILMENTS.map((fulfilment) => begun.findLast(isOf(taxClass, fulfilment))).filter(Boolean);
  return classesOf(rates).map((taxClass) => [taxClass, of(taxClass)]).filter(([, found]) => found.length > 0);
}

/** The rates that have not begun, the next one first. */
export const toCome = ({ business_date: today, rates }) =>
  rates.filter(({ valid_from: day }) => day > today).toSorted((one, other) => one.valid_from.localeCompare(other.valid_from));

/** The first day on which a new rate may begin: tomorrow, or today where none holds. */
export function earliest({ business_date: today, rates }, taxClass, fulfilment) {
  const holds = rates.filter(isOf(taxClass, fulfilment)).some(({ valid_from: day }) => day <= today);
  return holds ? dayAfter(today) : today;
}

function dayAfter(day) {
  const next = new Date(`${day}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + 1);
  return next.toISOString().slice(0, 10);
}

export const percentOf = ({ rate_bp: points }) => points / 100;
export const pointsOf = (percent) => Math.round(Number(percent) * 100);
