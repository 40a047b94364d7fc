import assert from "node:assert/strict";
import { test } from "node:test";

import { CommandError } from "../../../hub/web/static/core/commands.js";
import { Basket } from "../../../hub/web/static/tablet/basket.js";
import { Quoting } from "../../../hub/web/static/tablet/quoting.js";
import { Storage, settle } from "./support.mjs";

/** A page with one soup, whose questions `answer` answers: a total, or the code of a refusal. */
function open(t, answer) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const basket = new Basket(new Storage());
  basket.belongsTo("stay");
  basket.add({ menu_item_id: "soup" });
  const asked = { count: 0 };
  const command = async () => {
    asked.count += 1;
    const given = answer(asked.count);
    if (typeof given === "string") throw new CommandError({ code: given, message: "" });
    return { quote: { total_amount: given } };
  };
  const quoting = new Quoting({ basket, hub: { live: true, command } });
  const pass = async (ms) => {
    t.mock.timers.tick(ms);
    await settle();
  };
  t.after(() => quoting.stop());
  return { quoting, asked, pass };
}

test("a dish that opens while the page is open is asked for again, also after a refusal", async (t) => {
  const { quoting, asked, pass } = open(t, (count) => (count === 1 ? "item_unavailable" : 1815));
  quoting.start();
  await pass(200);
  assert.deepEqual([quoting.quote, quoting.error.code], [null, "item_unavailable"]);
  await pass(60_000);
  assert.equal(quoting.error.code, "item_unavailable", "what was said stands until something else is");
  await pass(200);
  assert.deepEqual([asked.count, quoting.quote?.total_amount, quoting.error], [2, 1815, null]);
});

test("who has just said yes waits for the total that is being asked for, not for ever", async (t) => {
  const { quoting, pass } = open(t, (count) => (count === 3 ? "unavailable" : 1815 + count));
  quoting.start();
  await pass(200);
  assert.equal((await quoting.known(10_000)).total_amount, 1816, "at once when it is known");
  quoting.ask();
  const anew = quoting.known(10_000);
  await pass(200);
  assert.equal((await anew).total_amount, 1817);
  quoting.ask();
  const refused = quoting.known(10_000);
  await pass(200);
  assert.equal(await refused, null);
  quoting.ask();
  quoting.stop();
  const never = quoting.known(10_000);
  await pass(10_000);
  assert.equal(await never, null);
});
