const SVG = "http://www.w3.org/2000/svg";
const QUIET = 4;

/** A QR code from its rows of "0" and "1", as a picture; whoever shows it gives it a name. */
export function qrPicture(rows) {
  const size = rows.length + 2 * QUIET;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("role", "img");
  svg.setAttribute("shape-rendering", "crispEdges");
  const path = document.createElementNS(SVG, "path");
  const dark = (row, y) => [...row.matchAll(/1+/g)].map(({ 0: run, index }) => `M${index + QUIET} ${y + QUIET}h${run.length}v1h-${run.length}z`);
  path.setAttribute("d", rows.flatMap(dark).join(""));
  svg.append(path);
  return svg;
}
