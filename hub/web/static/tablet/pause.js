import { momentText } from "./estimate.js";

/** The pause that holds now, or null: one that has ended by itself is over before the hub has said so. */
export function pauseNow({ hub }) {
  const pause = hub.store.hotel?.pause ?? null;
  return pause?.until && hub.now() >= Date.parse(pause.until) ? null : pause;
}

/** The hotel's own words, or ours, and until when. */
export function pauseText(app, pause) {
  const { i18n } = app;
  const words = i18n.of(pause, "message") || i18n.text("paused");
  return pause.until ? `${words} ${i18n.text("paused.until", { time: momentText(app, pause.until) })}` : words;
}
