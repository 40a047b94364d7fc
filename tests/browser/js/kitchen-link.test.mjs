import assert from "node:assert/strict";
import { test } from "node:test";

import { install } from "./support-dom.mjs";

install();
const { Link } = await import("../../../hub/web/static/kitchen/bar/link.js");

test("a screen reader hears when the line is lost and when it is back, and not the clock", () => {
  const link = new Link();
  const i18n = { text: (key, { time = "" } = {}) => `${key} ${time}`.trim(), time: (ms) => String(ms) };
  const hub = { live: true, lastFrameAt: 0, reason: null, store: { hotel: null }, now: () => 0 };
  const parts = link.element.children;
  const spoken = parts.filter((part) => part.getAttribute("role") === "status");
  assert.equal(link.element.getAttribute("role"), null);
  assert.equal(spoken.length, 1);
  const shown = (changes) => {
    link.render({ hub: Object.assign(hub, changes), i18n, outbox: { size: 1 } });
    return [link.element.querySelector(".link-text").textContent, spoken[0].textContent];
  };
  assert.deepEqual(shown({}), ["connected 0", "link.live"]);
  assert.deepEqual(shown({ now: () => 60_000 }), ["connected 60000", "link.live"]);
  assert.deepEqual(shown({ live: false, lastFrameAt: 60_000 }), ["connecting", "link.live"], "a short break is none");
  assert.deepEqual(shown({ reason: "silence" })[1], "lost");
  assert.deepEqual(shown({ now: () => 200_000 })[1], "lost", "and not how old it all is");
  assert.deepEqual(shown({ live: true, reason: null })[1], "link.live");
});
