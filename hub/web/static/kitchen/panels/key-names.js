const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "Space", PageDown: "Page ↓", PageUp: "Page ↑", Escape: "Esc" };

/** What is printed on a key. */
export const keyName = (key) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
