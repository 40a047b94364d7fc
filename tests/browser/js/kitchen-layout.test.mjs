import assert from "node:assert/strict";
import { test } from "node:test";

import { Lens } from "../../../hub/web/static/kitchen/lens.js";
import { Element, install } from "./support-dom.mjs";
import { item, ticket } from "./support-kitchen.mjs";

const ROW = 100;

install();
// rows have their height, and a ticket room for five of them
Element.prototype.getBoundingClientRect = function () {
  return { height: this.tag === "li" ? ROW : 0 };
};
const { Layout } = await import("../../../hub/web/static/kitchen/board/layout.js");

function make() {
  const i18n = { text: (key) => key, of: (document, name) => document[`${name}_en`], otherOf: () => "", other: "ja" };
  const layout = new Layout({ i18n, lens: new Lens(), names: { allergens: (codes) => codes.join(), station: (key) => key } });
  new Element("main").append(layout.element);
  layout.element.querySelector(".ticket-items").clientHeight = 5 * ROW;
  layout.reset({ cellWidth: 300, cellHeight: 600 }, 1);
  return layout;
}

test("a long ticket goes on in the next cell, however many rows this screen has measured before", () => {
  const layout = make();
  const eight = (id) => ticket({ id, items: Array.from({ length: 8 }, (_, n) => item({ line: n + 1, note: `${id} ${n}` })) });
  const orders = (from, count) => Array.from({ length: count }, (_, n) => eight(`o${from + n}`));
  for (const batch of [orders(0, 500), orders(500, 1), orders(501, 500)]) {
    for (const part of layout.partsOf(batch)) assert.equal(part.items.length, [5, 3][part.part], part.key);
  }
});
