const ORDER = ["received", "cooking", "ready", "delivering", "delivered"];

/**
 * The way of an order as the guest reads it: `[{name, at, state}]`, state "done", "now" or "next".
 * A later step implies the earlier ones, also when nobody recorded their time.
 */
export function stepsOf(order) {
  if (order.status === "cancelled") {
    return [
      { name: "sent", at: order.placed_at, state: "done" },
      { name: "cancelled", at: order.cancelled_at, state: "now" },
    ];
  }
  const reached = ORDER.indexOf(order.status);
  const steps = [
    { name: "sent", at: order.placed_at, passed: true },
    { name: "shown", at: order.shown_at, passed: order.shown_at !== null || reached > 0 },
    { name: "accepted", at: order.accepted_at, passed: order.accepted_at !== null || reached > 0 },
    { name: "cooking", at: null, passed: reached >= 1 },
    { name: "ready", at: reached >= 2 ? order.ready_at : null, passed: reached >= 2 },
    { name: "delivering", at: null, passed: reached >= 3 },
    { name: "delivered", at: reached >= 4 ? order.finished_at : null, passed: reached >= 4 },
  ];
  const current = steps.findLastIndex((step) => step.passed);
  return steps.map(({ name, at }, n) => ({
    name,
    at,
    state: n < current || reached === 4 ? "done" : n === current ? "now" : "next",
  }));
}

/** The one word for the order: the step it has reached. */
export const currentStep = (order) => stepsOf(order).findLast((step) => step.state !== "next").name;

/** The room may cancel while nobody has begun. */
export const mayCancel = (order) =>
  order.status === "received" && order.items.every((item) => ["pending", "cancelled"].includes(item.status));

/** Nobody in the kitchen has taken note of it for so long that the hotel was told. */
export const isUnanswered = (order) => order.status === "received" && order.accepted_at === null && Boolean(order.alerts?.page);
