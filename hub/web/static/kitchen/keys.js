const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * A bump bar sends these keys. They rest while somebody types or a panel is open. Selecting a ticket puts the focus on
 * its bump button, so that Enter needs no rule of its own.
 */
export function listenToKeys(kitchen) {
  const { board } = kitchen;
  addEventListener("keydown", (event) => {
    const { target, key, repeat } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("dialog, input, textarea")) return;
    if (repeat && !(key in MOVES)) {
      event.preventDefault(); // a key held down bumps once
      return;
    }
    if (/^[0-9]$/.test(key)) {
      board.select(board.at((Number(key) + 9) % 10)?.key ?? null, { focus: true });
    } else if (key in MOVES) {
      board.move(...MOVES[key]);
    } else if (key === "PageDown" || key === "PageUp") {
      board.turn(key === "PageDown" ? 1 : -1);
    } else if (key.toLowerCase() === "u") {
      kitchen.undo();
    } else if (key.toLowerCase() === "r") {
      kitchen.recallList();
    } else {
      return;
    }
    event.preventDefault();
  });
}
