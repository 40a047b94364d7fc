import { cooksPanel } from "./cooks.js";
import { detailsPanel } from "./details.js";
import { helpPanel } from "./help.js";
import { pausePanel } from "./pause.js";
import { recallPanel } from "./recall.js";
import { searchPanel } from "./search.js";
import { settingsPanel } from "./settings.js";
import { soldOutPanel } from "./sold-out.js";

/** The panels by name; each opens itself and returns its `Panel`. */
export const PANELS = {
  cooks: cooksPanel,
  details: detailsPanel,
  help: helpPanel,
  pause: pausePanel,
  recall: recallPanel,
  search: searchPanel,
  settings: settingsPanel,
  soldOut: soldOutPanel,
};
