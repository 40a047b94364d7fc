const KEYS = new Set(["p", "s", "o", "u"]);

/**
 * A tablet in a room has no menus, prints nothing, saves nothing and opens no file that was dropped on it. A guest's
 * `own` phone may do what it always does.
 */
export function closeEscapes(own, target = globalThis) {
  for (const way of ["contextmenu", "dragstart", "dragover", "drop"]) {
    target.addEventListener(way, (event) => own() || event.preventDefault());
  }
  target.addEventListener("keydown", (event) => {
    if (!own() && (event.ctrlKey || event.metaKey) && KEYS.has(event.key.toLowerCase())) event.preventDefault();
  }, { capture: true });
}
