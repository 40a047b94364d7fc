import assert from "node:assert/strict";
import { test } from "node:test";

import { DEFAULT_KEYS } from "../../../hub/web/static/kitchen/keymap.js";
import { listenToKeys } from "../../../hub/web/static/kitchen/keys.js";

const PAGE = { closest: () => null };

/** A button as an event's target: a ticket's bump, when it is told of which; any other, or a runner's, without. */
const button = ({ bump = false, ticket = null } = {}) => {
  const element = {
    matches: (selector) => selector === ".bump" && bump,
    closest: (selector) => {
      if (selector === "button") return element;
      return selector === "kitchen-ticket" && ticket !== null ? { dataset: { key: ticket } } : null;
    },
  };
  return element;
};

/** Says what a key does: what is called, and whether the browser's own way is held up. */
function make({ view = "kitchen", covered = false, selected = "a.0" } = {}) {
  const done = [];
  const note = (name) => (...args) => done.push([name, ...args].join(" "));
  const board = { selected, selectedOrder: {}, bumpSelected: note("bump"), openSelected: note("details"), turn: note("turn"), move: note("move"), selectAt: note("select") };
  let hear;
  globalThis.addEventListener = (_, listener) => (hear = listener);
  listenToKeys({ board, covered, lens: { view }, settings: { values: { shortcuts: true }, keys: DEFAULT_KEYS }, open: note("open"), print: note("print"), toggleRail: note("rail"), undo: { take: note("undo") } });
  delete globalThis.addEventListener;
  return (key, target = PAGE, more = {}) => {
    let prevented = false;
    hear({ key, target, preventDefault: () => (prevented = true), ...more });
    return [done.splice(0).join(), prevented];
  };
}

const NOTHING = ["", false];

test("keys rest while anything lies over the tickets, wherever the focus is", () => {
  const press = make({ covered: true });
  for (const key of ["4", "Enter", "u", "r", "PageDown", "ArrowLeft"]) assert.deepEqual(press(key), NOTHING, key);
  assert.deepEqual(make()("4"), ["select 3", true]);
});

test("Enter bumps what is selected; on the button of anything else it presses that button", () => {
  const press = make({ selected: "a.0" });
  assert.deepEqual(press("Enter"), ["bump", true]);
  assert.deepEqual(press("Enter", button({ bump: true, ticket: "a.0" })), ["bump", true]);
  assert.deepEqual(press("Enter", button({ bump: true, ticket: "b.0" })), NOTHING);
  assert.deepEqual(press("Enter", button()), NOTHING);
});

test("a key that is held down does nothing again, neither here nor at the button", () => {
  const press = make();
  for (const target of [PAGE, button({ bump: true, ticket: "a.0" }), button({ bump: true, ticket: "b.0" }), button()]) {
    assert.deepEqual(press("Enter", target, { repeat: true }), ["", true]);
  }
});

test("in the runners' view no key acts on tickets, which nobody sees there", () => {
  const press = make({ view: "runner" });
  assert.deepEqual(press("Enter", button({ bump: true })), NOTHING);
  for (const key of ["Enter", "1", "d", "p", "a", "PageUp", "ArrowDown"]) assert.deepEqual(press(key), NOTHING, key);
  assert.deepEqual(press("r"), ["open recall", true]);
  assert.deepEqual(press("u"), ["undo", true]);
});
