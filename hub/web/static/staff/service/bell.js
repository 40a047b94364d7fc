const TONES = [[659.3, 0], [523.3, 0.22], [659.3, 0.44], [523.3, 0.66]];
const LENGTH = 0.5;
const LOUDNESS = 0.4;

/** The sound of an alarm. A browser is silent until somebody has touched the page: `ready` says whether it may sound. */
export class Bell extends EventTarget {
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

  ring() {
    if (!this.ready) return;
    const { dataset } = document.documentElement;
    dataset.rings = String(Number(dataset.rings ?? 0) + 1);
    const start = this.#context.currentTime + 0.02;
    for (const [frequency, delay] of TONES) this.#tone(frequency, start + delay);
  }

  #tone(frequency, at) {
    const oscillator = new OscillatorNode(this.#context, { type: "triangle", frequency });
    const volume = new GainNode(this.#context, { gain: 0 });
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.015);
    volume.gain.exponentialRampToValueAtTime(0.001, at + LENGTH);
    oscillator.connect(volume).connect(this.#context.destination);
    oscillator.start(at);
    oscillator.stop(at + LENGTH);
  }
}
