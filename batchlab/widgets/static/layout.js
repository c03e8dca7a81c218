// Layout: pure functions of sizes and times.

// Cells for n nodes in a box: as large as possible, between 2 and `most` pixels.
export function gridLayout(n, width, height, most = 40) {
  if (n < 1 || width < 1) return { size: most, gap: 3, columns: 1, rows: 0, height: 0 };
  for (let size = most; size > 2; size--) {
    const gap = size >= 16 ? 4 : size >= 9 ? 2 : size >= 3 ? 1 : 0;
    const columns = Math.max(1, Math.floor((width + gap) / (size + gap)));
    const rows = Math.ceil(n / columns);
    if (rows * (size + gap) - gap <= height) return evened(n, width, { size, gap, columns, rows });
  }
  const columns = Math.max(1, Math.floor(width / 2));
  const rows = Math.ceil(n / columns);
  return { size: 2, gap: 0, columns, rows, height: rows * 2 };
}

// Slightly smaller cells where that saves a row, to avoid a nearly empty last row.
function evened(n, width, found) {
  let best = found;
  for (let size = found.size - 1; size >= 16 && size > found.size * 0.8; size--) {
    const columns = Math.floor((width + found.gap) / (size + found.gap));
    const rows = Math.ceil(n / columns);
    if (rows < best.rows) best = { size, gap: found.gap, columns, rows };
  }
  return { ...best, height: best.rows * (best.size + best.gap) - best.gap };
}

// The cell at a point; -1 if none.
export function cellAt(layout, n, x, y) {
  const step = layout.size + layout.gap;
  const column = Math.floor(x / step);
  const row = Math.floor(y / step);
  const index = row * layout.columns + column;
  const inside = x >= 0 && y >= 0 && column < layout.columns && index < n;
  return inside && x - column * step <= layout.size && y - row * step <= layout.size ? index : -1;
}

const TICKS = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
  10800, 21600, 43200, 86400, 172800, 604800,
];

// Round times between two, at most one in every `apart` pixels.
export function ticks(from, to, width, apart = 90) {
  const span = to - from;
  if (!(span > 0) || width < 1) return { step: 1, times: [] };
  const step = TICKS.find((one) => (one / span) * width >= apart) || 604800 * Math.ceil(span / 6e6);
  const times = [];
  for (let time = Math.ceil(from / step) * step; time <= to && times.length < 100; time += step) {
    times.push(time);
  }
  return { step, times };
}

// A time window: zoomed by a factor around a time, within limits and not too small.
export function zoomed(win, factor, about, begin, end) {
  const span = Math.min(Math.max((win.to - win.from) * factor, 0.05), Math.max(end - begin, 1));
  const share = (about - win.from) / (win.to - win.from || 1);
  return held({ from: about - share * span, to: about + (1 - share) * span }, begin, end);
}

export function panned(win, by, begin, end) {
  return held({ from: win.from + by, to: win.to + by }, begin, end);
}

function held(win, begin, end) {
  const span = win.to - win.from;
  const room = Math.max(end - begin, span);
  const from = Math.min(Math.max(win.from, begin), begin + room - span);
  return { from, to: from + span };
}

// Rows of nodes in a timeline: at least `least` pixels each, moved up by `offset`.
export function rowLayout(n, height, offset = 0, least = 3, most = 34) {
  const each = Math.min(most, Math.max(least, n ? height / n : most));
  const room = Math.max(0, each * n - height);
  return { each, room, offset: Math.min(Math.max(0, offset), room) };
}

// The last of the sorted values that is at most `value`, plus one.
export function upTo(values, length, value) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The top and the height of a run within the row of its node.
export function band(lane, slots, lanes, each) {
  const pad = each >= 12 ? 2 : each >= 6 ? 1 : 0;
  const room = each - (pad ? 2 * pad : each >= 3 ? 0.7 : 0);
  if (!slots) return [pad, room];
  const first = Math.min(lane, lanes - 1);
  const last = Math.min(lane + slots, lanes);
  return [pad + (room * first) / lanes, Math.max(1, (room * (last - first)) / lanes)];
}
