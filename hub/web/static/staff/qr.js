import { qrPicture } from "../qr.js";
import { say } from "./words.js";

/** A QR code with a text for those who do not see it. */
export function drawQr(rows, label) {
  const svg = qrPicture(rows);
  say(svg, label, {}, "aria-label");
  return svg;
}
