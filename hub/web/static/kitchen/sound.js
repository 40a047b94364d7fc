/** Chimes made on the spot. A browser is silent until somebody has touched the page: `ready` says whether it may sound. */

const MUTED = "hub.kitchen.muted";
const CHIMES = {
  arrived: [[880, 0], [1174.7, 0.14], [1568, 0.28]],
  changed: [[987.8, 0], [740, 0.16], [987.8, 0.32]],
  cancelled: [[740, 0], [554.4, 0.2], [740, 0.4], [554.4, 0.6]],
  ready: [[1318.5, 0], [1318.5, 0.18]],
  unaccepted: [[659.3, 0], [880, 0.16], [659.3, 0.32], [880, 0.48], [1318.5, 0.64]],
  late: [[440, 0], [349.2, 0.25]],
};
const LENGTH = 0.55;
const LOUDNESS = 0.5;

export class Sound extends EventTarget {
  #context = null;
  #storage;
  #wanted;
  #muted;

  /** @param wanted returns what this screen is to be heard for, `{[event]: boolean, volume}` in percent */
  constructor(storage, wanted) {
    super();
    this.#storage = storage;
    this.#wanted = wanted;
    this.#muted = storage.getItem(MUTED) === "yes";
  }

  get ready() {
    return this.#context?.state === "running";
  }

  get muted() {
    return this.#muted;
  }

  /** Must be called from a touch or a key. */
  async enable() {
    this.#context ??= new AudioContext();
    this.#context.onstatechange = () => this.dispatchEvent(new Event("change"));
    await this.#context.resume();
    this.dispatchEvent(new Event("change"));
  }

  toggle() {
    this.#muted = !this.#muted;
    this.#storage.setItem(MUTED, this.#muted ? "yes" : "no");
    this.dispatchEvent(new Event("change"));
  }

  play(name) {
    if (this.ready && !this.muted && this.#wanted()[name]) this.#sound(name);
  }

  /** Hear it now, whatever is set: the touch that asks for it lets the browser sound. */
  async try(name) {
    if (!this.ready) await this.enable();
    this.#sound(name);
  }

  #sound(name) {
    const { dataset } = document.documentElement;
    dataset.chimes = String(Number(dataset.chimes ?? 0) + 1);
    dataset.chime = name;
    const start = this.#context.currentTime + 0.02;
    const loudness = (LOUDNESS * this.#wanted().volume) / 100;
    for (const [frequency, delay] of CHIMES[name]) this.#tone(frequency, start + delay, loudness);
  }

  #tone(frequency, at, loudness) {
    const oscillator = new OscillatorNode(this.#context, { type: "sine", frequency });
    const volume = new GainNode(this.#context, { gain: 0 });
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(loudness, at + 0.012);
    volume.gain.exponentialRampToValueAtTime(0.001, at + LENGTH);
    oscillator.connect(volume).connect(this.#context.destination);
    oscillator.start(at);
    oscillator.stop(at + LENGTH);
  }
}
