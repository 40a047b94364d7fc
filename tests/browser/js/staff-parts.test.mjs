import assert from "node:assert/strict";
import { test } from "node:test";

import { AddressStorage, takeCode } from "../../../hub/web/static/staff/address.js";
import { browserOf } from "../../../hub/web/static/staff/browsers.js";
import { caretAfter, formatCode, isWhole } from "../../../hub/web/static/staff/code.js";
import { fold, matching } from "../../../hub/web/static/staff/filter.js";
import { needsLook, roomsOf, sortDevices } from "../../../hub/web/static/staff/rooms.js";

test("a code is read as people type it", () => {
  for (const text of ["bcdfghjk", "BCDF-GHJK", " bcdf ghjk ", "ｂｃｄｆ－ｇｈｊｋ", "BCDF–GHJK.", "bcdfghjkl"]) assert.equal(formatCode(text), "BCDF-GHJK", text);
  assert.deepEqual(["", "b", "bcdf", "bcdfg", "aeiou 123 y"].map(formatCode), ["", "B", "BCDF", "BCDF-G", ""]);
  assert.deepEqual(["BCDF-GHJ", "BCDF-GHJK"].map(isWhole), [false, true]);
});

test("the caret stays behind the letter that was typed", () => {
  assert.equal(caretAfter("bcdfg", 5), 6, "over the hyphen");
  assert.equal(caretAfter("BXCDF-GHJK", 2), 2, "in the middle");
  assert.equal(caretAfter("b1", 2), 1, "what is left out does not count");
});

test("rows are found in every spelling, by every word", () => {
  const rows = ["501 やまだ ハナコ", "502 Ｓｍｉｔｈ", "1501 Smythe"].map((text) => ({ text, folded: fold(text) }));
  const found = (query) => matching(rows, query).map(({ text }) => text.split(" ")[0]);
  assert.deepEqual(found(""), ["501", "502", "1501"]);
  assert.deepEqual(found("５０１"), ["501", "1501"]);
  assert.deepEqual(found("ヤマダ はなこ"), ["501"]);
  assert.deepEqual(found("smith"), ["502"]);
  assert.deepEqual(found("501 sm"), ["1501"]);
  assert.deepEqual(found("x"), []);
});

test("five hundred rows are filtered in far less than a frame's budget allows to notice", () => {
  const rows = Array.from({ length: 500 }, (_, n) => ({ folded: fold(`${1000 + n} ゲスト ${n}`) }));
  const started = performance.now();
  for (let n = 0; n < 20; n += 1) matching(rows, `14 げすと ${n}`);
  assert.ok((performance.now() - started) / 20 < 50);
});

const tablet = (room, changes = {}) => ({ id: `t${room}`, device_type: "tablet", room_number: room, status: "active", online: true, wipe_requested_at: null, stations: [], ...changes });

test("rooms come from tablets and stays, in the order of a corridor", () => {
  const rooms = roomsOf(
    [tablet("1001"), tablet("501"), tablet("502", { wipe_requested_at: "x" }), tablet("503", { online: false }), tablet("504", { status: "retired" }), { device_type: "kitchen_screen", room_number: null, status: "active" }],
    [{ id: "s1", room_number: "501", guest_name: "山田" }, { id: "s2", room_number: "Annex 2", guest_name: null }, { id: "s3", room_number: "503", guest_name: null }],
  );
  assert.deepEqual(rooms.map(({ room, state, stay }) => [room, state, stay?.id ?? null]), [
    ["501", "online", "s1"], ["502", "wiping", null], ["503", "offline", "s3"], ["1001", "online", null], ["Annex 2", "none", "s2"],
  ]);
  assert.deepEqual(rooms.filter(needsLook).map(({ room }) => room), ["502", "503"]);
});

test("of two tablets of a room the one in use counts", () => {
  const two = [tablet("501", { id: "new" }), tablet("501", { id: "old", status: "lost" })];
  for (const devices of [two, two.toReversed()]) assert.equal(roomsOf(devices, [])[0].tablet.id, "new");
});

test("devices stand by room and name, as a person counts", () => {
  const named = (device_name, room_number) => ({ device_name, room_number });
  const devices = [named("b", "1001"), named("a", "501"), named("Kitchen 10", null), named("Kitchen 2", null)];
  assert.deepEqual(sortDevices(devices).map(({ device_name: name }) => name), ["Kitchen 2", "Kitchen 10", "a", "b"]);
});

test("a browser is named as a person would name it", () => {
  assert.equal(browserOf("Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1 Version/18.1 Safari/604.1"), "Safari, iPad");
  assert.equal(browserOf("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0"), "Edge, Windows");
  assert.equal(browserOf("kiosk"), "kiosk");
});

const address = (hash, search = "") => {
  const location = { hash, search, pathname: "/staff" };
  const history = { at: [], replaceState: (_, __, to) => history.at.push(to) };
  return { location, history };
};

test("a code leaves the address at once", () => {
  for (const name of ["pair", "reset", "verify"]) {
    const { location, history } = address(`#${name}=BCDF-GHJK`, "?hotel=demo");
    assert.deepEqual(takeCode(location, history), { name, code: "BCDF-GHJK" });
    assert.deepEqual(history.at, ["/staff?hotel=demo"]);
  }
  const other = address("#rooms");
  assert.equal(takeCode(other.location, other.history), null);
  assert.deepEqual(other.history.at, []);
});

test("the language is kept in the address, nowhere else", () => {
  const { location, history } = address("#rooms", "?hotel=demo&lang=ja");
  const storage = new AddressStorage(location, history);
  assert.deepEqual([storage.getItem("lang"), storage.getItem("none")], ["ja", null]);
  storage.setItem("lang", "en");
  assert.deepEqual(history.at, ["/staff?hotel=demo&lang=en#rooms"]);
});
