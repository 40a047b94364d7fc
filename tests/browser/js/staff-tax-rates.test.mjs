import assert from "node:assert/strict";
import { test } from "node:test";

import { classesOf, earliest, inForce, percentOf, pointsOf, toCome } from "../../../hub/web/static/staff/tax-rates-model.js";

const rate = (tax_class, fulfilment, rate_bp, valid_from) => ({ id: `${tax_class}-${valid_from}`, tax_class, fulfilment, rate_bp, valid_from });
const RATES = {
  business_date: "2026-11-30",
  rates: [
    rate("alcohol", "room_service", 1000, "2019-10-01"),
    rate("food", "fridge", 800, "2019-10-01"),
    rate("food", "room_service", 800, "2014-04-01"),
    rate("food", "room_service", 1000, "2019-10-01"),
    rate("food", "room_service", 1200, "2027-04-01"),
    rate("service", "room_service", 1000, "2026-12-01"),
    rate("toys", "takeaway", 1050, "2026-11-30"),
  ],
};

test("of each kind the newest that has begun is in force, food first", () => {
  const shown = inForce(RATES).map(([taxClass, rates]) => [taxClass, ...rates.map((each) => `${each.fulfilment} ${percentOf(each)}`)]);
  assert.deepEqual(shown, [["food", "room_service 10", "fridge 8"], ["alcohol", "room_service 10"], ["toys", "takeaway 10.5"]]);
  assert.deepEqual(classesOf(RATES.rates), ["food", "alcohol", "service", "toys"]);
});

test("what is to come stands by its day", () => {
  assert.deepEqual(toCome(RATES).map(({ id }) => id), ["service-2026-12-01", "food-2027-04-01"]);
});

test("a new one begins tomorrow at the earliest, and today where none holds", () => {
  assert.equal(earliest(RATES, "food", "room_service"), "2026-12-01");
  assert.equal(earliest(RATES, "toys", "takeaway"), "2026-12-01", "one that begins today holds");
  assert.equal(earliest(RATES, "service", "room_service"), "2026-11-30", "one that is to come does not");
  assert.equal(earliest(RATES, "toys", "fridge"), "2026-11-30");
  assert.equal(earliest({ ...RATES, business_date: "2027-12-31" }, "food", "fridge"), "2028-01-01");
});

test("percent become whole basis points", () => {
  assert.deepEqual(["8", "10.5", "0.29", "0", "100"].map(pointsOf), [800, 1050, 29, 0, 10000]);
});
