/** The geometry of the ticket grid, without a document: how many cells, what goes where, what fits. */

const CELL_WIDTH = 296;
const USUAL_HEIGHT = 430;
const LEAST_HEIGHT = 300;
const GAP = 12;

/** Columns and rows of cells in an area of the given size, in pixels. */
export function shape(width, height) {
  const columns = Math.max(1, Math.floor((width + GAP) / (CELL_WIDTH + GAP)));
  const most = Math.max(1, Math.floor((height + GAP) / (LEAST_HEIGHT + GAP)));
  const rows = Math.min(most, Math.max(2, Math.round(height / USUAL_HEIGHT)));
  return {
    columns,
    rows,
    cells: columns * rows,
    cellWidth: (width - GAP * (columns - 1)) / columns,
    cellHeight: (height - GAP * (rows - 1)) / rows,
  };
}

/**
 * Cut a ticket into parts that fit a cell: `heights` are the rows' heights, `first` and `later` what the first and
 * the later cells have room for. Returns `[from, to)` pairs; a row is never cut and never dropped. The first part may be
 * empty: a long request of the guest can fill it.
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
export const isSorted = (cells, keys) => {
  const shown = cells.filter((key) => key !== null);
  const wanted = keys.filter((key) => shown.includes(key));
  return shown.every((key, n) => key === wanted[n]);
};

const WIDE = /[⺀-鿿＀-｠　-ヿ]/;

/** Lines a text takes at a font size in a width, a little on the safe side. */
export function linesOf(text, fontSize, width) {
  let lines = 1;
  let used = 0;
  for (const character of text) {
    const advance = (WIDE.test(character) ? 1 : 0.58) * fontSize;
    if (character === "\n" || used + advance > width) {
      lines += 1;
      used = 0;
    }
    if (character !== "\n") used += advance;
  }
  return lines;
}
