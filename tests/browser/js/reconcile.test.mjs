import assert from "node:assert/strict";
import { test } from "node:test";

import { reconcile } from "../../../hub/web/static/dom.js";
import { Element, install } from "./support-dom.mjs";

const body = install();

/** A list that shows letters; says which of those that stayed were moved. What is in one of them may have the focus. */
function list(letters, focused = null) {
  const parent = new Element("ul");
  const show = (wanted) => {
    const before = new Map(parent.children.map((element) => [element.dataset.key, element.moved]));
    const updated = [];
    reconcile(parent, [...wanted], { key: (each) => each, create: () => new Element("li"), update: (element, each) => updated.push(each) });
    assert.equal(parent.children.map((element) => element.dataset.key).join(""), wanted);
    assert.equal(updated.join(""), wanted);
    return parent.children.filter(({ dataset, moved }) => before.has(dataset.key) && before.get(dataset.key) !== moved).map(({ dataset }) => dataset.key).join("");
  };
  show(letters);
  for (const element of parent.children) element.append(new Element("button"));
  document.activeElement = parent.children.find(({ dataset }) => dataset.key === focused)?.firstElementChild ?? body;
  return show;
}

test("what goes, and what comes, moves nothing that stays", () => {
  assert.equal(list("ABCDE")("BCDE"), "");
  assert.equal(list("ABCDE")("ACE"), "");
  assert.equal(list("ABC")("XAYBCZ"), "");
  assert.equal(list("ABCDE")("XBCYE"), "");
  assert.equal(list("ABCDE")("XYZ"), "");
  assert.equal(list("ABC")(""), "");
});

test("of two that change places with others, that one is moved which does", () => {
  assert.equal(list("ABCD")("DABC"), "D");
  assert.equal(list("ABCD")("BCDA"), "A");
  assert.equal(list("ABCDE")("AECD"), "E");
  assert.equal(list("ABCD")("ACBD"), "B");
});

test("what has the focus is not taken out of the way of another", () => {
  assert.equal(list("AB", "A")("BA"), "B");
  assert.equal(list("AB", "B")("BA"), "A");
  assert.equal(list("ABCD", "A")("BCDA"), "BCD");
  assert.equal(list("ABCD", "C")("BCDA"), "A");
});

test("every order becomes every other", () => {
  const orders = (rest) => (rest.length === 0 ? [""] : [...rest].flatMap((each) => ["", ...orders(rest.replace(each, ""))].map((tail) => each + tail)));
  const all = [...new Set(orders("ABCD"))];
  for (const from of all) for (const to of all) for (const focused of [null, ...from]) list(from, focused)(to);
});
