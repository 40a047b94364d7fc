import assert from "node:assert/strict";
import { test } from "node:test";

import { call } from "../../../hub/web/static/tablet/phone.js";
import { TABLET } from "../../../hub/web/static/tablet/strings.js";
import { Translator } from "../../../hub/web/static/i18n.js";
import { Storage } from "./support.mjs";

test("a hotel without a phone number never shows an empty one", () => {
  const i18n = new Translator({ catalogues: [TABLET], storage: new Storage(), key: "k" });
  const app = (phone) => ({ i18n, hub: { store: { hotel: { phone } } } });
  assert.equal(call(app("9")), "内線 9 へお電話ください");
  for (const none of [null, undefined, ""]) assert.equal(call(app(none)), "フロントまでお電話ください");
});
