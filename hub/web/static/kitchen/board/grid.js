/** The geometry of the ticket grid, without a document: how many cells, what goes where, what fits. */

const CELL_WIDTH = 296;
const NARROWEST = 256;
const USUAL_HEIGHT = 430;
const LEAST_HEIGHT = 296;
const GAP = 12;
const MOST_COLUMNS = 8;

/**
 * Columns and rows of cells in an area of the given size, in pixels. `scale` is the size of text against the usual one;
 * `columns` what somebody wants, followed as far as a column stays wide enough to be read; `whole` the width without
 * what stands beside the tickets, which makes columns narrower before it takes one.
 */
export function shape(width, height, { scale = 1, columns: wanted = null, whole = width } = {}) {
  const gap = GAP * scale;
  const fitting = (least, room) => Math.max(1, Math.floor((room + gap) / (least * scale + gap)));
  const readable = fitting(NARROWEST, width);
  const columns = wanted === null ? Math.min(fitting(CELL_WIDTH, whole), readable) : Math.min(wanted, readable, MOST_COLUMNS);
  const most = Math.max(1, Math.floor((height + gap) / (LEAST_HEIGHT * scale + gap)));
  const rows = Math.min(most, Math.max(2, Math.round(height / (USUAL_HEIGHT * scale))));
  return {
    columns,
    rows,
    cells: columns * rows,
    cellWidth: (width - gap * (columns - 1)) / columns,
    cellHeight: (height - gap * (rows - 1)) / rows,
  };
}

/**
 * Cut a ticket into parts that fit a cell: `heights` are the rows' heights, `first` and `later` what the first and
 * the later cells have room for. Returns `[from, to)` pairs; a row is never cut and never dropped. The first part may be
 * empty: what stands above the rows can fill it.
 */
export function cut(heights, first, later) {
  const parts = [];
  let from = 0;
  let used = 0;
  heights.forEach((height, n) => {
    const room = parts.length === 0 ? first : later;
    const empty = n === from && (parts.length > 0 || first >= later);
    if (!empty && used + height > room) {
      parts.push([from, n]);
      from = n;
      used = 0;
    }
    used += height;
  });
  parts.push([from, heights.length]);
  return parts;
}

/**
 * Where every ticket part goes. `before` is the last arrangement (keys, null for a free cell), `keys` what must be
 * shown, oldest first. A part on the page that is being looked at keeps its cell; free cells there are filled with
 * later parts; the pages nobody looks at are packed oldest first. Returns an array of keys and nulls.
 */
export function arrange({ before, keys, perPage, page }) {
  const wanted = new Set(keys);
  const from = page * perPage;
  const fixed = new Map();
  for (let cell = from; cell < from + perPage; cell++) {
    const key = before[cell];
    if (key != null && wanted.has(key)) fixed.set(cell, key);
  }
  const held = new Set(fixed.values());
  const rest = keys.filter((key) => !held.has(key));
  const cells = [];
  const last = Math.max(-1, ...fixed.keys());
  for (let cell = 0; cell <= last || rest.length > 0; cell++) {
    cells.push(fixed.get(cell) ?? rest.shift() ?? null);
  }
  return cells;
}

/** Are the keys in the order in which they should be read? */
export function isSorted(cells, keys) {
  const places = new Map(keys.map((key, n) => [key, n]));
  const shown = cells.filter((key) => key !== null).map((key) => places.get(key));
  return shown.every((place, n) => n === 0 || place > shown[n - 1]);
}
