import assert from "node:assert/strict";
import { test } from "node:test";

import { followLinks, pagesOf } from "../../../hub/web/static/tablet/guide.js";
import { OwnPhone } from "../../../hub/web/static/tablet/own-phone.js";
import { linkedPage } from "../../../hub/web/static/tablet/page-frame.js";

const NOW = Date.parse("2026-11-22T12:00:00Z");

function hotel({ floor = null, pages = [] } = {}) {
  return { hub: { now: () => NOW, principal: { floor }, store: { all: () => pages } } };
}

const page = (id, more = {}) => ({ id, slug: id, display_order: 0, floors: null, expires_at: null, ...more });

test("a guest sees the pages of the own floor and of all floors, in their order, while they last", () => {
  const pages = [
    page("z", { display_order: 2 }),
    page("b", { floors: ["3"] }),
    page("a"),
    page("elsewhere", { floors: ["4", "5"] }),
    page("over", { expires_at: "2026-11-22T12:00:00Z" }),
    page("soon-over", { display_order: 1, expires_at: "2026-11-22T12:00:01Z" }),
  ];
  const seen = (floor) => pagesOf(hotel({ floor, pages })).map(({ slug }) => slug);
  assert.deepEqual(seen("3"), ["a", "b", "soon-over", "z"]);
  assert.deepEqual(seen(null), ["a", "soon-over", "z"], "where nobody has said the floor: what is for all");
  assert.deepEqual(pagesOf({ hub: { ...hotel({ pages }).hub, principal: null } }).map(({ slug }) => slug), ["a", "soon-over", "z"]);
});

test("only a page's name is a link", () => {
  assert.equal(linkedPage("#page=open-air-bath"), "open-air-bath");
  for (const other of ["", "#", "#page=", "#claim=x", "#page=a#claim=x", "#page=A", "#page=../x", "#xpage=a"]) {
    assert.equal(linkedPage(other), null, other);
  }
});

test("a link of a page is taken back, and then opened, before the history of the screen hears of it", () => {
  const target = new EventTarget();
  const location = { hash: "" };
  const heard = [];
  const opened = [];
  let backs = 0;
  followLinks((slug) => opened.push(slug), { target, location, history: { back: () => (backs += 1) } });
  // browsers hear the one that captures first, whoever came first; node does not
  target.addEventListener("popstate", () => heard.push(location.hash));
  const step = (hash) => {
    location.hash = hash;
    target.dispatchEvent(new Event("popstate"));
  };
  step("#page=bath");
  assert.deepEqual([backs, opened], [1, []]);
  step("");
  assert.deepEqual(opened, ["bath"]);
  step("");
  assert.deepEqual([backs, opened.length, heard], [1, 1, [""]], "only the next step is the guest's own");
});

class Hub extends EventTarget {
  phase = "starting";
  reason = null;
  principal = null;
  paired = true;
  forgotten = 0;

  get live() {
    return this.phase === "live";
  }

  forget() {
    this.forgotten += 1;
    this.paired = false;
  }

  become(phase, reason = null, kind = null) {
    this.phase = phase;
    this.reason = reason;
    if (kind !== null) this.principal = { kind };
    this.dispatchEvent(new Event("phase"));
  }
}

function phone({ kept = {}, small = false } = {}) {
  const values = new Map(Object.entries(kept));
  const storage = {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: (key) => values.delete(key),
  };
  const hub = new Hub();
  return { hub, values, own: new OwnPhone(hub, { storage, small: () => small }) };
}

test("a phone whose guest has left says so, also when nothing else is left", () => {
  const { hub, own, values } = phone();
  hub.become("live", null, "phone");
  assert.equal(own.notice, null);
  hub.become("ended", "stay_ended");
  assert.equal(own.notice, "loading", "it may have moved; the hub has not said yet");
  hub.paired = false;
  assert.equal(own.notice, "over");
  const later = phone({ kept: Object.fromEntries(values) });
  later.hub.become("unpaired", "unpaired");
  assert.equal(later.own.notice, "over");
});

test("a phone that was shut out gives its credential up, and says how to come back", () => {
  for (const reason of ["device_retired", "device_lost"]) {
    const { hub, own } = phone();
    hub.become("live", null, "phone");
    hub.become("ended", reason);
    assert.deepEqual([own.notice, hub.forgotten], ["disconnected", 1]);
  }
  const { hub, own } = phone();
  hub.become("live", null, "phone");
  hub.become("ended", "device_suspended");
  assert.deepEqual([own.notice, hub.forgotten], [null, 0], "it comes back by itself");
});

test("a code that is not good is told on a phone, and on a tablet that waits for its place it is not", () => {
  for (const [small, kept, notice] of [
    [true, {}, "expired"],
    [false, {}, null],
    [false, { "hub.tablet.phone": "1" }, "expired"],
  ]) {
    const { hub, own } = phone({ small, kept });
    hub.become("unpaired", "unauthorized");
    assert.equal(own.notice, notice);
  }
  const { hub, own } = phone({ small: true });
  hub.become("unpaired", "unpaired");
  assert.equal(own.notice, null, "opened without a code: it waits to be registered");
});

test("a tablet is no phone, whatever it was before", () => {
  const { hub, own, values } = phone({ kept: { "hub.tablet.phone": "1" } });
  hub.become("live", null, "tablet");
  assert.equal(values.size, 0);
  hub.become("ended", "device_retired");
  assert.deepEqual([own.notice, hub.forgotten], [null, 0]);
});
