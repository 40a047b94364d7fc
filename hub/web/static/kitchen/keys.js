import { actionOf, keyOf } from "./keymap.js";

const MOVES = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };
const NATIVE = new Set(["Enter", " "]);
const WITHOUT_TICKETS = new Set(["undo", "recall", "search", "sold_out", "help"]);

/**
 * Keys rest while somebody types, while anything lies over the tickets, and when the screen's settings say so. Runners
 * have no tickets: what acts on one rests there.
 */
export function listenToKeys(kitchen) {
  const acts = {
    bump: () => kitchen.board.bumpSelected(),
    undo: () => kitchen.undo.take(),
    recall: () => kitchen.open("recall"),
    details: () => kitchen.board.openSelected(),
    next_page: () => kitchen.board.turn(1),
    previous_page: () => kitchen.board.turn(-1),
    all_day: () => kitchen.toggleRail(),
    search: () => kitchen.open("search"),
    sold_out: () => kitchen.open("soldOut"),
    print: () => kitchen.board.selectedOrder && kitchen.print(kitchen.board.selectedOrder),
    help: () => kitchen.open("help"),
  };
  addEventListener("keydown", (event) => {
    const { settings, board } = kitchen;
    if (!settings.values.shortcuts || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (kitchen.covered || event.target.closest("dialog, input, textarea, select")) return;
    const action = actionOf(settings.keys, keyOf(event));
    if (action === null || (kitchen.lens.view === "runner" && !WITHOUT_TICKETS.has(action))) return;
    const left = leftToButton(event, action, board.selected);
    if (!left || event.repeat) event.preventDefault();
    if (left) return;
    if (action in MOVES) board.move(...MOVES[action]);
    else if (event.repeat) return; // a key held down bumps once
    else if (action.startsWith("select_")) board.selectAt(Number(action.slice(7)) - 1);
    else acts[action]();
  });
}

/** Enter on a button that has the focus presses that button, once; the selected ticket's own is what a bump presses anyhow. */
function leftToButton({ key, target }, action, selected) {
  if (action !== "bump" || !NATIVE.has(key)) return false;
  const button = target.closest("button");
  if (button === null) return false;
  return !button.matches(".bump") || button.closest("kitchen-ticket")?.dataset.key !== selected;
}
