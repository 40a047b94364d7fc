// Not a module: it must also see that the modules never came. The page says `watchdog.beat()` after each look at
// itself; when that has not happened for half a minute of being visible, the page is loaded anew, as soon as there is
// a hub to load it from: a browser's own page of an error does not come back by itself.
(() => {
  const LIMIT_MS = 30_000;
  const LOOK_MS = 5_000;
  let asking = false; // one answer is enough: a second reload would break the first one off
  let quiet = 0; // looks without a beat; not minutes, for a device that sleeps does not look
  globalThis.watchdog = {
    beat() {
      quiet = 0;
    },
  };
  setInterval(async () => {
    quiet = document.visibilityState === "visible" ? quiet + 1 : 0;
    if (asking || quiet * LOOK_MS < LIMIT_MS) return;
    asking = true;
    const answer = await fetch(location.pathname, { method: "HEAD", cache: "no-store" }).catch(() => null);
    asking = false;
    if (!answer?.ok) return;
    quiet = 0;
    location.reload();
  }, LOOK_MS);
})();
