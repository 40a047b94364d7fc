import { BAR } from "./strings/bar.js";
import { BOARD } from "./strings/board.js";
import { DETAILS } from "./strings/details.js";
import { PANELS } from "./strings/panels.js";
import { PAUSE } from "./strings/pause.js";
import { RAIL } from "./strings/rail.js";
import { REFUSALS } from "./strings/refusals.js";
import { RUNNER } from "./strings/runner.js";
import { SCREEN } from "./strings/screen.js";
import { SETTINGS } from "./strings/settings.js";

const PARTS = [SCREEN, BAR, BOARD, RAIL, PANELS, DETAILS, PAUSE, SETTINGS, RUNNER, REFUSALS];

const merged = (language) => Object.assign({}, ...PARTS.map((part) => part[language]));

/** Every text of the kitchen screen. */
export const KITCHEN = { ja: merged("ja"), en: merged("en") };
