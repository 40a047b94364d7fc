import { h } from "../dom.js";
import { LANGUAGES, Translator } from "../i18n.js";
import { qrPicture } from "../qr.js";
import { button } from "./form.js";
import { showProblem } from "./problems.js";
import { drawQr } from "./qr.js";
import { elapsed } from "./service/chain.js";
import { PHONE_CODE } from "./strings/phone-code.js";
import { i18n, say, text } from "./words.js";

const TICK_MS = 1_000;
// A slip of paper speaks to whoever lives in the room.
const VOICES = LANGUAGES.map((language) => new Translator({ catalogues: [PHONE_CODE], storage: { getItem: () => language }, key: "" }));

/**
 * The code that lets a guest's own phone into a stay, in a dialog, to be scanned or printed. It is good once and for
 * minutes, and forgotten when it is over or the dialog closes.
 */
export class PhoneCode {
  #app;
  #dialog = null;
  #asked = 0; // which question an answer belongs to
  #room = "";
  #stay = "";
  #code = null;
  #timer = null;
  #place = h("div", { class: "phone-code-place", role: "status" });
  #left = h("p", { class: "phone-code-left" });
  #problem = h("p", { class: "alert", role: "alert", hidden: true });
  #slip = h("div", { class: "slip" });
  #again = button("quiet", "phonecode.again", () => this.#ask());
  #print = button("primary", "phonecode.print", () => print(), { symbol: "print" });

  constructor(app) {
    this.#app = app;
  }

  async show(room, { id }) {
    this.#room = room;
    this.#stay = id;
    const dialog = h("dialog", { class: "phone-code", "aria-labelledby": "phone-code-title" },
      h("h2", { id: "phone-code-title", tabindex: "-1", autofocus: true }, text("span", "phonecode.title", { room })), text("p.hint", "phonecode.hint"),
      this.#place, this.#left, this.#problem,
      h("div", { class: "ask-answers" }, button("quiet", "close", () => this.close()), this.#again, this.#print),
      this.#slip);
    dialog.addEventListener("close", () => this.#dialog === dialog && this.#forget());
    document.body.append(dialog);
    dialog.showModal();
    this.#dialog = dialog;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    await this.#ask();
  }

  close() {
    this.#dialog?.close();
  }

  #forget() {
    clearInterval(this.#timer);
    this.#asked += 1;
    this.#dialog.remove();
    this.#dialog = null;
    this.#take(null);
  }

  async #ask() {
    this.#asked += 1;
    const asked = this.#asked;
    this.#take(null);
    showProblem(this.#problem, null);
    this.#again.hidden = true;
    this.#place.replaceChildren(h("span", { class: "spinner" }), text("p", "phonecode.wait"));
    try {
      const code = await this.#app.session.call("POST", `/api/v1/stays/${this.#stay}/phone-code`, {});
      if (asked === this.#asked) this.#take(code);
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      if (asked !== this.#asked) return;
      this.#place.replaceChildren();
      showProblem(this.#problem, problem, { stay_ended: "phonecode.stay_over" });
    }
    this.#again.hidden = false;
  }

  #take(code) {
    this.#code = code;
    this.#left.hidden = code === null;
    this.#print.hidden = code === null;
    this.#place.replaceChildren(...(code === null ? [] : [drawQr(code.qr, "phonecode.picture")]));
    this.#slip.replaceChildren(...(code === null ? [] : this.#printed(code)));
    this.#tick();
  }

  #tick() {
    if (this.#code === null) return;
    const left = Date.parse(this.#code.expires_at) - this.#app.orders.now();
    if (left > 0) {
      say(this.#left, "phonecode.until", { time: this.#until(i18n), left: elapsed(left) });
      return;
    }
    this.#take(null);
    this.#place.replaceChildren(text("p", "phonecode.over"));
  }

  #until(translator) {
    return translator.time(Date.parse(this.#code.expires_at), this.#app.orders.store.hotel?.time_zone);
  }

  #printed({ qr }) {
    return [
      h("p", { class: "slip-hotel" }, this.#app.hotel.name),
      h("p", { class: "slip-room" }, VOICES.map((voice, n) => [n === 0 ? null : " ", h("span", { lang: voice.language }, voice.text("slip.room", { room: this.#room }))]).flat()),
      qrPicture(qr),
      ...VOICES.map((voice) => h("p", { class: "slip-words", lang: voice.language },
        h("strong", {}, voice.text("slip.title")), voice.text("slip.how", { time: this.#until(voice) }))),
    ];
  }
}
