import { h } from "../dom.js";
import { confirm } from "./confirm.js";
import { button, Field, Form } from "./form.js";
import { showProblem } from "./problems.js";
import { tabletState } from "./rooms.js";
import { sayPlace, StationChoice } from "./stations.js";
import { moment, say, text } from "./words.js";

// What may be done with a device in each state. What cannot be taken back by a press is asked for once more.
const ACTIONS = {
  pending: ["retire"],
  active: ["suspend", "lost", "retire"],
  suspended: ["resume", "lost", "retire"],
  lost: ["retire"],
  retired: [],
};

/** One device: where it is, how it does, and what can be done with it. */
export class DevicePanel {
  #app;
  #side;
  #device = null;
  #facts = h("dl", { class: "facts" });
  #actions = h("div", { class: "actions column" });
  #edit = h("div", { class: "device-edit" });
  #stations = null;
  #problem = h("p", { class: "alert", role: "alert", hidden: true });

  constructor(app, side) {
    this.#app = app;
    this.#side = side;
  }

  show(device) {
    this.#device = null;
    showProblem(this.#problem, null);
    this.#side.show("verbatim", { text: device.device_name }, this.#facts, this.#edit, this.#problem, this.#actions);
    this.update(device);
  }

  update(device) {
    if (device === undefined) return this.#side.close();
    const before = this.#device;
    this.#device = device;
    const state = tabletState(device);
    const fact = (label, value) => [text("dt", label), value];
    this.#facts.replaceChildren(
      ...fact("device.kind", text("dd", `kind.${device.device_type}`)),
      ...fact("device.place", sayPlace(h("dd"), device, this.#app.orders.store.hotel)),
      ...fact("device.state", h("dd", {}, say(h("span", { class: "pill", data: { state } }), `tablet.${state}`))),
      ...fact("device.seen", device.last_seen_at ? text("dd", "verbatim", { text: () => moment(device.last_seen_at) }) : text("dd", "device.never")));
    if (before?.status !== device.status) this.#offer();
    else this.#stations?.update(device.stations);
    return undefined;
  }

  #offer() {
    const allowed = this.#app.session.may("device.manage") ? ACTIONS[this.#device.status] : [];
    this.#actions.replaceChildren(...allowed.map((action) => h("div", { class: "action" },
      button(action === "retire" || action === "lost" ? "danger-quiet" : "quiet", `device.${action}`, () => this.#do(action)),
      text("p.hint", `device.${action}.hint`))));
    this.#stations = null;
    this.#edit.replaceChildren(...(allowed.length > 0 ? [this.#form()] : []));
  }

  /** What can be changed of a device that is in use: its name, and the stations of a kitchen screen. */
  #form() {
    const { id, device_type: kind, device_name: before, stations: given } = this.#device;
    const kitchen = kind === "kitchen_screen";
    const name = new Field({ name: "device_name", label: "device.name", autocomplete: "off", maxlength: "200" });
    name.value = before;
    this.#stations = kitchen ? new StationChoice(this.#app, given) : null;
    const form = new Form({
      fields: [name],
      parts: [name.element, this.#stations?.element].filter(Boolean),
      action: "device.save",
      run: async (values) => {
        const wanted = { device_name: values.device_name.trim(), ...(this.#stations?.changed ? { stations: this.#stations.chosen } : {}) };
        await this.#app.session.call("PATCH", `/api/v1/devices/${id}`, wanted);
        this.#app.announce("device.saved", { name: wanted.device_name });
        await this.#app.live.refresh();
        const after = this.#app.live.devices.find((each) => each.id === id);
        if (after === undefined || !form.element.isConnected) return;
        this.show(after);
        this.#offer();
        this.#side.focus();
      },
    });
    return h("details", {}, text("summary", kitchen ? "device.edit.kitchen" : "device.edit"), form.element);
  }

  async #do(action) {
    const { id, device_name: name } = this.#device;
    showProblem(this.#problem, null);
    const agreed = action === "resume" || (await confirm({
      title: `device.${action}.ask`, explain: `device.${action}.hint`, yes: `device.${action}`, values: { name },
    }));
    if (!agreed) return;
    try {
      await this.#app.session.once("POST", `/api/v1/devices/${id}/${action}`, {});
      this.#app.announce(`device.${action}.done`, { name });
    } catch (problem) {
      if (problem.name !== "Problem") throw problem;
      showProblem(this.#problem, problem);
    }
    await this.#app.live.refresh();
    this.#side.focus();
  }
}
