import { h, reconcile, setText } from "../../dom.js";
import { newOpId } from "../../core/commands.js";
import { icon } from "../../icons.js";
import { Away } from "./away.js";
import { createReady, updateReady } from "./ready-card.js";
import { createStop, updateStop } from "./stop-card.js";
import { byFloor, tripsOf } from "./trips.js";

const DOUBLE_TAP_MS = 450;

/** For those who carry: what is ready, by floor, to be taken along together; and what is on its way. */
export class RunnerBoard extends HTMLElement {
  #kitchen;
  #chosen = new Set();
  #checked = new Set();
  #away = new Away();
  #leaveTimer = null;
  #restTimer = null;
  #readyTitle = h("h2");
  #floors = h("div", { class: "floors" });
  #none = h("p", { class: "runner-none" });
  #tripsTitle = h("h2");
  #trips = h("div", { class: "trips" });
  #go = h("button", { type: "button", class: "runner-go", "data-step": true, onclick: () => this.#leave() }, icon("tray"), h("span"));
  #clear = h("button", { type: "button", class: "panel-button", "data-step": true, onclick: () => this.#choose(null) });
  #bar = h("div", { class: "runner-bar" }, this.#go, this.#clear);

  attach(kitchen) {
    this.#kitchen = kitchen;
    this.append(
      h("section", { class: "runner-ready" }, this.#readyTitle, this.#none, this.#floors),
      h("section", { class: "runner-trips" }, this.#tripsTitle, this.#trips),
      this.#bar,
    );
    this.addEventListener("click", (event) => this.#tapped(event), { capture: true });
  }

  render() {
    if (this.hidden) return;
    const { hub, i18n, lens, orders } = this.#kitchen;
    const now = hub.now();
    const shown = hub.store.all("order").filter((order) => lens.shows(order, now)).map((order) => orders.get(order.id));
    const ready = shown.filter((order) => order.status !== "delivering" && order.status !== "delivered");
    const carried = new Map(shown.filter((order) => !ready.includes(order)).map((order) => [order.id, order]));
    const away = this.#away.update(hub.store.all("order").map(({ id }) => id), carried, performance.now());
    for (const id of this.#checked) if (!carried.has(id)) this.#checked.delete(id); // who opens the door next is another
    this.#renderAgain();
    for (const id of this.#chosen) if (!ready.some((order) => order.id === id && order.status === "ready")) this.#chosen.delete(id);
    setText(this.#readyTitle, i18n.text("runner.ready"));
    setText(this.#tripsTitle, i18n.text("runner.away"));
    this.#renderReady(ready);
    this.#renderTrips(away);
    this.#bar.hidden = this.#chosen.size === 0;
    setText(this.#go.lastElementChild, i18n.text("runner.go", { count: this.#chosen.size }));
    setText(this.#clear, i18n.text("runner.clear"));
  }

  tick() {
    this.render();
  }

  /** Show an order that somebody looks for; false when it is not here. */
  show(id) {
    const card = this.querySelector(`[data-order="${id}"]`);
    card?.scrollIntoView({ block: "center" });
    card?.focus();
    return card !== null;
  }

  #renderReady(ready) {
    const { hub, i18n } = this.#kitchen;
    setText(this.#none, hub.live ? i18n.text("runner.none", { time: i18n.time(hub.lastFrameAt, hub.store.hotel?.time_zone) }) : i18n.text("waiting"));
    this.#none.hidden = ready.length > 0 || (!hub.live && hub.store.hotel !== null);
    reconcile(this.#floors, byFloor(ready), {
      key: ({ floor }) => `f${floor}`,
      create: () => h("section", { class: "floor" }, h("h3"), h("ul", { class: "floor-cards" })),
      update: (element, { floor, orders }) => {
        const [title, list] = element.children;
        setText(title, floor === "" ? i18n.text("runner.elsewhere") : i18n.text("runner.floor", { floor }));
        reconcile(list, orders, {
          key: ({ id }) => id,
          create: ({ id }) => createReady(this.#kitchen, id, () => this.#choose(id)),
          update: (card, order) => updateReady(card, order, this.#kitchen, this.#chosen.has(order.id)),
        });
      },
    });
  }

  #renderTrips(away) {
    const trips = tripsOf(away);
    this.#trips.parentElement.classList.toggle("none", trips.length === 0);
    reconcile(this.#trips, trips, {
      key: ({ id }) => id,
      create: () => h("article", { class: "trip" }, h("h3"), h("ul")),
      update: (element, { orders }) => {
        const [title, list] = element.children;
        title.hidden = orders.length === 1;
        setText(title, orders.map((order) => order.room_number).join(" → "));
        reconcile(list, orders, {
          key: ({ id }) => id,
          create: ({ id }) => createStop(this.#kitchen, id, this.#checked),
          update: (stop, order) => {
            updateStop(stop, order, this.#kitchen, this.#checked);
            stop.inert = !this.#away.has(order.id);
          },
        });
      },
    });
  }

  /** When the next one that has left its trip goes. */
  #renderAgain() {
    const wait = this.#away.nextIn(performance.now());
    clearTimeout(this.#leaveTimer);
    if (wait !== null) this.#leaveTimer = setTimeout(this.#kitchen.render, wait);
  }

  /** The second half of a double tap presses nothing that has come under the finger: what moved up, the bar, what it hid. */
  #tapped(event) {
    const { resting } = this.dataset;
    if (resting === "all" || (resting === "bar" && this.#bar.contains(event.target))) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.target.closest("[data-step]") !== null) {
      this.#rest("all");
    }
  }

  #rest(what) {
    this.dataset.resting = what;
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => delete this.dataset.resting, DOUBLE_TAP_MS);
  }

  /** Take an order along, or not; null puts all back. */
  #choose(id) {
    if (this.#chosen.size === 0) this.#rest("bar");
    if (id === null) this.#chosen.clear();
    else if (!this.#chosen.delete(id)) this.#chosen.add(id);
    this.render();
  }

  #leave() {
    const { orders, actions } = this.#kitchen;
    const chosen = [...this.#chosen].map((id) => orders.get(id)).filter(Boolean);
    this.#chosen.clear();
    actions.send(chosen, newOpId());
    this.render();
  }
}

customElements.define("runner-board", RunnerBoard);
