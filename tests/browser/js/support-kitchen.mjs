/** Documents and stand-ins for the tests of the kitchen's modules. */

import { order } from "./support.mjs";

let lines = 0;

export const item = (changes = {}) => ({
  line: ++lines,
  menu_item_id: "soup",
  name_ja: "スープ",
  name_en: "Soup",
  quantity: 1,
  status: "pending",
  note: null,
  options: [],
  station: "kitchen",
  allergens: [],
  conflicts: [],
  preparation_minutes: 10,
  age_restricted: false,
  ...changes,
});

export const ticket = (changes = {}) =>
  order({
    fire_at: null,
    rush: false,
    channel: "tablet",
    alerts: {},
    trip_id: null,
    special_requests: null,
    declared_allergens: [],
    allergy_acked_at: null,
    allergy_acked_stations: [],
    items: [item({ line: 1 })],
    ...changes,
  });

/** A hub of which the test decides what it answers: `answers` are functions by command, called with the arguments. */
export class FakeHub extends EventTarget {
  sent = [];
  answers = {};
  applied = [];
  withdrawn = [];
  unsent = new Set();
  listeners = [];
  store = {
    apply: (kind, data) => this.applied.push([kind, data]),
    subscribe: (listener) => this.listeners.push(listener),
  };

  command(name, args, { opId } = {}) {
    this.sent.push([name, args, opId]);
    return new Promise((resolve, reject) => (this.answers[opId] = { resolve, reject }));
  }

  withdraw(opId) {
    if (!this.unsent.has(opId)) return false;
    this.answers[opId].reject({ code: "withdrawn" });
    return true;
  }
}
