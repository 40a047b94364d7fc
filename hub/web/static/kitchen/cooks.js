/** Who works at this screen: known from the hub, chosen by name and PIN. "change" says that it is somebody else. */
export class Cooks extends EventTarget {
  list = [];
  current = null;

  #hub;

  constructor(hub) {
    super();
    this.#hub = hub;
  }

  /** Ask the hub; a screen that was away may have another cook by now. */
  async refresh() {
    try {
      this.#know(await this.#hub.command("cook.list", {}));
    } catch {
      return; // the next time that the line is live
    }
  }

  /** Resolves with false when the PIN is wrong or locked. */
  async enter(id, pin) {
    try {
      this.#know(await this.#hub.command("cook.switch", { staff_id: id, pin }));
      return true;
    } catch {
      return false;
    }
  }

  async leave() {
    try {
      this.#know(await this.#hub.command("cook.leave", {}));
    } catch {
      return; // the session is over
    }
  }

  #know({ cooks = this.list, current }) {
    this.list = cooks;
    this.current = current;
    this.dispatchEvent(new Event("change"));
  }
}
