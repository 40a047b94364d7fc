/** Who works at this screen: known from the hub, chosen by name and PIN. "change" says that it is somebody else. */
export class Cooks extends EventTarget {
  list = [];
  current = null;

  #hub;
  #changes = 0; // comings and goings, counted when asked for and when answered

  constructor(hub) {
    super();
    this.#hub = hub;
  }

  /**
   * Ask the hub; a screen that was away may have another cook by now. An answer that somebody's coming or going may
   * have overtaken is not taken: it would bring back who has left.
   */
  async refresh() {
    try {
      for (let before = null; before !== this.#changes; ) {
        before = this.#changes;
        const known = await this.#hub.command("cook.list", {});
        if (before === this.#changes) this.#know(known);
      }
    } catch {
      return; // the next time that the line is live
    }
  }

  /** Resolves with false when the PIN is wrong or locked. */
  enter(id, pin) {
    return this.#change("cook.switch", { staff_id: id, pin });
  }

  /** Resolves with false when the session is over. */
  leave() {
    return this.#change("cook.leave", {});
  }

  async #change(kind, payload) {
    this.#changes += 1;
    try {
      this.#know(await this.#hub.command(kind, payload));
      return true;
    } catch {
      return false;
    } finally {
      this.#changes += 1;
    }
  }

  #know({ cooks = this.list, current }) {
    this.list = cooks;
    this.current = current;
    this.dispatchEvent(new Event("change"));
  }
}
