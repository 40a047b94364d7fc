const LONG_MS = 550;
const MOVED_PX = 12;

/**
 * Call `act(target)` when a finger rests on what `selector` finds inside `root`, and for the menu key and the right
 * button: whoever cannot hold has another way. `act` opens something, so that no tap follows.
 */
export function onLongPress(root, selector, act) {
  let timer = null;
  let from = null;
  let done = false;
  const stop = () => clearTimeout(timer);
  root.addEventListener("pointerdown", (event) => {
    const target = event.target.closest(selector);
    done = false;
    if (target === null || event.button !== 0) return;
    from = event;
    timer = setTimeout(() => {
      done = true;
      act(target);
    }, LONG_MS);
  });
  root.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (from !== null && Math.hypot(clientX - from.clientX, clientY - from.clientY) > MOVED_PX) stop();
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) root.addEventListener(name, stop);
  root.addEventListener("contextmenu", (event) => {
    const target = event.target.closest(selector);
    if (target === null) return;
    event.preventDefault();
    stop();
    if (!done) act(target);
    done = false;
  });
}
