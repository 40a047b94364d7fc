import { linkedPage } from "./page-frame.js";

/** Pages of the hotel that the guest of this room may see now, in their order. */
export function pagesOf({ hub }) {
  const now = hub.now();
  const floor = hub.principal?.floor ?? null;
  return hub.store
    .all("page")
    .filter(({ floors }) => floors === null || floors.includes(floor))
    .filter(({ expires_at: ends }) => ends === null || Date.parse(ends) > now)
    .sort((a, b) => a.display_order - b.display_order || a.id.localeCompare(b.id));
}

/**
 * A link in a frame moves the screen to `#page=...`. That step is taken back, and then the page opened as any other one
 * is, so that the back key still leads to the menu. Heard before the history of the screen hears it.
 */
export function followLinks(open, { target = globalThis, history = globalThis.history, location = globalThis.location } = {}) {
  let wanted = null;
  target.addEventListener("popstate", (event) => {
    const slug = linkedPage(location.hash);
    if (slug === null && wanted === null) return;
    event.stopImmediatePropagation();
    const asked = wanted;
    wanted = slug;
    if (slug !== null) history.back();
    else open(asked);
  }, { capture: true });
}
