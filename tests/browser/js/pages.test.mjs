import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { COMMON, LANGUAGES, Translator } from "../../../hub/web/static/i18n.js";
import { KITCHEN } from "../../../hub/web/static/kitchen/strings.js";
import { STAFF } from "../../../hub/web/static/staff/strings.js";
import { TABLET } from "../../../hub/web/static/tablet/strings.js";
import { Storage } from "./support.mjs";

const STATIC = new URL("../../../hub/web/static/", import.meta.url);
const sources = (folder) =>
  readdirSync(new URL(folder, STATIC), { recursive: folder !== "" })
    .filter((name) => name.endsWith(".js") && name !== "strings.js" && name !== "i18n.js" && !name.startsWith("strings/"))
    .map((name) => readFileSync(new URL(folder + name, STATIC), "utf8")).join("\n");

for (const [name, catalogue, folder] of [["common", COMMON, null], ["tablet", TABLET, "tablet/"], ["kitchen", KITCHEN, "kitchen/"], ["staff", STAFF, "staff/"]]) {
  test(`${name}: every text exists in both languages, with the same placeholders, unmixed`, () => {
    assert.deepEqual(Object.keys(catalogue.ja), Object.keys(catalogue.en));
    const holes = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const key of Object.keys(catalogue.ja)) {
      assert.deepEqual(holes(catalogue.ja[key]), holes(catalogue.en[key]), key);
      assert.notEqual(catalogue.ja[key].trim(), "", key);
      assert.doesNotMatch(catalogue.en[key], /[぀-ヿ一-鿿]/, key);
    }
  });
  test(`${name}: no text is left over`, () => {
    const folders = folder === null ? ["", "tablet/", "kitchen/", "staff/"] : ["", folder];
    const code = folders.map(sources).join("\n");
    const families = [...code.matchAll(/`([\w.]+\.)\$\{/g)].map(([, family]) => family);
    const tails = [...code.matchAll(/\$\{\w+\}(\.\w+)`/g)].map(([, tail]) => tail);
    const codes = ["price_changed", "out_of_stock", "item_unavailable", "age_not_attested", "stay_ended", "not_found", "still_wanted", "slot_full"]; // problem.code
    const unused = Object.keys(catalogue.ja).filter((key) => !( code.includes(`"${key}"`) || codes.includes(key) || families.some((family) => key.startsWith(family)) ||
        tails.some((tail) => key.endsWith(tail)) || /^(loading|unpaired|ended|replaced|stopped)$/.test(key)));
    assert.deepEqual(unused, []);
  });
}

test("a missing text is an error, not an empty place", () => {
  const i18n = new Translator({ catalogues: [COMMON], storage: new Storage(), key: "k" });
  assert.throws(() => i18n.text("nothing"));
  const holey = new Translator({ catalogues: [{ ja: { a: "{x}" }, en: { a: "{x}" } }], storage: new Storage(), key: "k" });
  assert.throws(() => holey.text("a", { x: null }));
  assert.throws(() => holey.text("a"));
  assert.equal(holey.text("a", { x: 0 }), "0");
  assert.deepEqual(LANGUAGES, ["ja", "en"]);
  assert.equal(i18n.yen(3850), "3,850円");
  i18n.language = "en";
  assert.equal(i18n.yen(3850), "¥3,850");
  assert.equal(i18n.time(Date.parse("2026-11-21T15:03:10Z"), "Asia/Tokyo", { seconds: true }), "00:03:10");
});

test("a way to write a time is made once, however many times are written", (t) => {
  let made = 0;
  const { DateTimeFormat } = Intl;
  t.after(() => (Intl.DateTimeFormat = DateTimeFormat));
  Intl.DateTimeFormat = class extends DateTimeFormat {
    constructor(...given) {
      super(...given);
      made += 1;
    }
  };
  const i18n = new Translator({ catalogues: [COMMON], storage: new Storage(), key: "k" });
  const at = Date.parse("2026-11-21T15:03:10Z");
  const all = () => [i18n.time(at, "Asia/Seoul"), i18n.time(at, "Asia/Seoul", { seconds: true }), i18n.time(at, "UTC"), i18n.date(at, "UTC")];
  const first = all();
  assert.deepEqual(first.slice(0, 3), ["00:03", "00:03:10", "15:03"]);
  for (let n = 0; n < 50; n += 1) assert.deepEqual(all(), first);
  assert.equal(made, 4);
  i18n.language = "en";
  assert.notEqual(i18n.date(at, "UTC"), first[3], "another language is another way");
});
