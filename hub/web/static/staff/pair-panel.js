import { h } from "../dom.js";
import { icon } from "../icons.js";
import { browserOf } from "./browsers.js";
import { formatCode, isWhole, keepForm } from "./code.js";
import { button, Field, Form } from "./form.js";
import { showProblem } from "./problems.js";
import { StationChoice } from "./stations.js";
import { moment, say, text } from "./words.js";

const PAIRING = "/api/v1/devices/pairing";

/** A new device: its code, what waits behind it, where it goes, and one button. */
export class PairPanel {
  #app;
  #side;
  #code = new Field({ name: "code", label: "pair.code", hint: "pair.code.hint", class: "code-input", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", inputmode: "text", maxlength: "20", placeholder: "BCDF-GHJK" });
  #found = h("div", { class: "found", role: "status" });
  #problem = h("p", { class: "alert", role: "alert", hidden: true });
  #place = h("div");
  #asked = "";
  #waiting = null;
  #replace = null;
  #stations = null;
  #approved = null; // the device that was approved here, until it has come online

  constructor(app, side) {
    this.#app = app;
    this.#side = side;
    keepForm(this.#code.input, () => this.#typed());
    this.#code.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) this.#look(true);
    });
  }

  show(code) {
    this.forget();
    this.#side.show("pair.title", {}, this.#code.element, this.#problem, this.#found, this.#place);
    this.#code.input.value = formatCode(code);
    this.#typed();
    this.#code.input.focus();
  }

  /** The lists are fresh: is the room taken, has the new device come? */
  update() {
    this.#replace?.();
    this.#stations?.update();
    const device = this.#approved && this.#app.live.devices.find(({ id }) => id === this.#approved.id);
    if (device?.online) this.#arrived(device);
  }

  forget() {
    this.#asked = "";
    this.#waiting = null;
    this.#approved = null;
    this.#replace = null;
    this.#stations = null;
    this.#code.value = "";
    this.#code.element.hidden = false;
    this.#found.replaceChildren();
    this.#place.replaceChildren();
    showProblem(this.#problem, null);
  }

  #typed() {
    if (formatCode(this.#code.value) === this.#asked) return;
    this.#asked = "";
    this.#waiting = null;
    this.#found.replaceChildren();
    this.#place.replaceChildren();
    showProblem(this.#problem, null);
    this.#look(false);
  }

  async #look(again) {
    const code = formatCode(this.#code.value);
    if (!isWhole(code) || (this.#asked === code && !again) || this.#waiting !== null) return;
    this.#asked = code;
    showProblem(this.#problem, null);
    this.#found.replaceChildren(h("span", { class: "spinner" }), text("p", "pair.looking"));
    try {
      const waiting = await this.#app.session.call("GET", `${PAIRING}/${code}`);
      if (this.#asked !== code) return;
      this.#waiting = waiting;
      this.#ask(code, waiting);
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      if (this.#asked !== code) return;
      this.#found.replaceChildren();
      this.#asked = "";
      showProblem(this.#problem, problem, { not_found: "pair.not_found", invalid_input: "pair.not_found" });
    }
  }

  #ask(code, { device_type: kind, client, requested_at: since, expires_at: until }) {
    this.#found.replaceChildren(
      icon(kind === "tablet" ? "tablet" : "screen", "icon found-icon"),
      h("div", {}, text("strong", `pair.found.${kind}`),
        text("p.hint", "pair.since", { since: () => moment(since), until: () => moment(until) }),
        client ? text("p.hint", "pair.client", { client: browserOf(client) }) : null));
    const form = kind === "tablet" ? this.#tablet(code) : this.#kitchen(code);
    this.#place.replaceChildren(form.element);
    form.focus();
  }

  #tablet(code) {
    const rooms = h("datalist", { id: "rooms-known" }, this.#app.live.rooms.map(({ room }) => h("option", { value: room })));
    const room = new Field({ name: "room_number", label: "room.number", autocomplete: "off", maxlength: "20", list: "rooms-known" });
    const name = this.#name();
    const replace = h("input", { type: "checkbox", id: "replace" });
    const taken = h("div", { class: "warning", hidden: true }, h("p"), h("label", { for: "replace", class: "check" }, replace, text("span", "pair.replace")));
    const holder = () => this.#app.live.devices.find(({ device_type: kind, room_number: number, status }) => kind === "tablet" && status === "active" && number === room.value.trim());
    const form = new Form({
      fields: [room, name],
      parts: [room.element, rooms, taken, name.element],
      action: "pair.approve",
      run: (values) => this.#approve(code, { room_number: values.room_number.trim(), ...this.#named(values), ...(holder() ? { replace: replace.checked } : {}) }),
      context: { not_found: "pair.not_found", conflict: "pair.conflict" },
    });
    this.#replace = () => {
      const tablet = holder();
      taken.hidden = tablet === undefined;
      if (tablet) say(taken.firstElementChild, "pair.taken", { room: tablet.room_number, name: tablet.device_name });
      else replace.checked = false;
      form.enabled = tablet === undefined || replace.checked;
    };
    room.input.addEventListener("input", this.#replace);
    replace.addEventListener("change", this.#replace);
    return form;
  }

  #kitchen(code) {
    const stations = new StationChoice(this.#app);
    this.#stations = stations;
    const name = this.#name();
    return new Form({
      fields: [name],
      parts: [stations.element, name.element],
      action: "pair.approve",
      run: (values) => this.#approve(code, { stations: stations.chosen, ...this.#named(values) }),
      context: { not_found: "pair.not_found", conflict: "pair.conflict" },
    });
  }

  #name() {
    return new Field({ name: "device_name", label: "device.name", hint: "device.name.hint", autocomplete: "off", maxlength: "200", optional: true });
  }

  #named({ device_name: name }) {
    return name.trim() === "" ? {} : { device_name: name.trim() };
  }

  async #approve(code, wanted) {
    const { device } = await this.#app.session.once("POST", `${PAIRING}/${code}/approve`, wanted);
    this.#approved = device;
    this.#replace = null;
    this.#code.element.hidden = true;
    this.#place.replaceChildren();
    this.#found.replaceChildren(h("span", { class: "spinner" }),
      h("div", {}, text("strong", "pair.approved", { name: device.device_name }), text("p.hint", "pair.approved.hint")));
    this.#place.replaceChildren(this.#more());
    this.#side.focus();
    this.#app.live.hurry();
  }

  #arrived(device) {
    this.#approved = null;
    this.#found.replaceChildren(icon("check", "icon found-icon done"), h("div", {}, text("strong", "pair.arrived", { name: device.device_name })));
  }

  #more() {
    return h("div", { class: "actions" }, button("primary", "pair.more", () => this.show("")), button("quiet", "close", () => this.#side.close()));
  }
}
