/** Chimes made on the spot. A browser is silent until somebody has touched the page: `ready` says whether it may sound. */

const CHIMES = {
  arrived: [[880, 0], [1174.7, 0.14], [1568, 0.28]],
  cancelled: [[740, 0], [554.4, 0.2], [740, 0.4], [554.4, 0.6]],
};
const LENGTH = 0.55;
const LOUDNESS = 0.25;

export class Sound extends EventTarget {
  muted = false;
  #context = null;

  get ready() {
    return this.#context?.state === "running";
  }

  /** Must be called from a touch or a key. */
  async enable() {
    this.#context ??= new AudioContext();
    this.#context.onstatechange = () => this.dispatchEvent(new Event("change"));
    await this.#context.resume();
    this.dispatchEvent(new Event("change"));
  }

  toggle() {
    this.muted = !this.muted;
    this.dispatchEvent(new Event("change"));
  }

  play(name) {
    if (!this.ready || this.muted) return;
    const { dataset } = document.documentElement;
    dataset.chimes = String(Number(dataset.chimes ?? 0) + 1);
    const start = this.#context.currentTime + 0.02;
    for (const [frequency, delay] of CHIMES[name]) this.#tone(frequency, start + delay);
  }

  #tone(frequency, at) {
    const oscillator = new OscillatorNode(this.#context, { type: "sine", frequency });
    const volume = new GainNode(this.#context, { gain: 0 });
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.012);
    volume.gain.exponentialRampToValueAtTime(0.001, at + LENGTH);
    oscillator.connect(volume).connect(this.#context.destination);
    oscillator.start(at);
    oscillator.stop(at + LENGTH);
  }
}
