// Pictures on canvas: the nodes of a pool, and what ran on them.

import { clock, inkOn, ofTask, runKey } from "./format.js";
import { band, ticks, upTo } from "./layout.js";

// picture: { layout, nodes, schema, snapshot, lanes, dedicated, selected, hovered, lit, theme }
export function drawGrid(context, width, height, picture) {
  const { layout, nodes, schema, snapshot, theme } = picture;
  const { size, gap, columns } = layout;
  context.clearRect(-4, -4, width + 4, height + 4);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `600 ${Math.max(9, Math.round(size * 0.46))}px ${theme.font}`;
  nodes.forEach((node, index) => {
    const x = (index % columns) * (size + gap);
    const y = Math.floor(index / columns) * (size + gap);
    const name = schema.states.node[snapshot.state[node]];
    const { letter, colour } = schema.nodes[name];
    const [fill, ink] = [theme.colours[colour], theme.inks[colour]];
    const plain = colour === "idle" || colour === "away"; // close to the colour of paper
    context.globalAlpha = picture.lit === null || picture.lit === name ? 1 : 0.18;
    context.fillStyle = fill;
    if (size >= 9) {
      context.beginPath();
      context.roundRect(x, y, size, size, Math.min(6, size / 5));
      context.fill();
      if (plain) outline(context, theme.line, x, y, size);
      if (!picture.dedicated[node]) stripes(context, x, y, size, ink);
    } else {
      context.fillStyle = colour === "idle" ? theme.colours.faint : fill;
      context.fillRect(x, y, size, size);
    }
    const lanes = picture.lanes;
    const full = snapshot.used[node] / lanes;
    const slim = lanes > 1 && size >= 12;
    if (size >= 14) {
      context.fillStyle = ink;
      context.fillText(letter, x + size / 2, y + size / 2 + (slim ? -size * 0.08 : 0.5));
    }
    const taking = schema.groups.node.taking.includes(name);
    if (slim && (full > 0 || taking)) pips(context, x, y, size, snapshot.used[node], lanes, ink);
    context.globalAlpha = 1;
    if (node === picture.selected || node === picture.hovered) {
      context.lineWidth = node === picture.selected ? 2.5 : 1.5;
      context.strokeStyle = node === picture.selected ? theme.accent : theme.ink;
      context.beginPath();
      const out = Math.max(Math.min(gap / 2, 1.5), (9 - size) / 2); // to be seen around small ones
      context.roundRect(x - out, y - out, size + 2 * out, size + 2 * out, Math.min(7, size / 4));
      context.stroke();
    }
  });
}

// A fine line within the edge of a cell.
function outline(context, colour, x, y, size) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  context.roundRect(x + 0.5, y + 0.5, size - 1, size - 1, Math.min(6, size / 5));
  context.stroke();
}

// Spot nodes have a cut corner.
function stripes(context, x, y, size, ink) {
  context.save();
  context.globalAlpha *= 0.55;
  context.fillStyle = ink;
  context.beginPath();
  const edge = Math.max(4, size * 0.3);
  context.moveTo(x + size - edge, y);
  context.lineTo(x + size, y);
  context.lineTo(x + size, y + edge);
  context.fill();
  context.restore();
}

// Slots in use: one mark each, or a bar if there are many.
function pips(context, x, y, size, used, lanes, ink) {
  const inner = size - 6;
  const thick = Math.max(2, Math.round(size * 0.1));
  const top = y + size - thick - 3;
  context.fillStyle = ink;
  if (lanes * 3 > inner) {
    context.globalAlpha *= 0.3;
    context.fillRect(x + 3, top, inner, thick);
    context.globalAlpha /= 0.3;
    context.fillRect(x + 3, top, (inner * Math.min(used, lanes)) / lanes, thick);
    return;
  }
  const each = inner / lanes;
  const alpha = context.globalAlpha;
  for (let slot = 0; slot < lanes; slot++) {
    context.globalAlpha = alpha * (slot < used ? 0.95 : 0.25);
    context.fillRect(x + 3 + slot * each, top, Math.max(1, each - 1), thick);
  }
  context.globalAlpha = alpha;
}

export const AXIS = 20;

// picture: { log, kinds, outcomes, win, rows, rowOf, lanesOf, time, now, begin, selected, hovered,
//            jobs, theme, gutter }
export function drawTimeline(context, width, height, picture) {
  const { win, theme, gutter } = picture;
  const scale = (width - gutter) / (win.to - win.from);
  const x = (time) => gutter + (time - win.from) * scale;
  context.clearRect(0, 0, width, height);
  drawAxis(context, width, height, picture, x);
  context.save();
  context.beginPath();
  context.rect(gutter, 0, width - gutter, height - AXIS);
  context.clip();
  for (const layer of ["waits", "node tasks", "tasks", "failures"]) drawRuns(context, picture, x, height - AXIS, layer);
  if (picture.time !== Infinity) {
    context.fillStyle = theme.accent;
    context.fillRect(x(picture.time) - 1, 0, 2, height - AXIS);
  }
  context.restore();
  drawNames(context, height - AXIS, picture);
  const { rows } = picture;
  if (rows.room > 0) { // more nodes than fit: draw a scroll bar
    const body = height - AXIS;
    const share = body / (body + rows.room);
    context.fillStyle = theme.line;
    context.fillRect(width - 5, (body * rows.offset) / (body + rows.room), 4, Math.max(12, body * share));
  }
}

function drawAxis(context, width, height, picture, x) {
  const { win, theme, gutter } = picture;
  const { step, times } = ticks(win.from, win.to, width - gutter, 96);
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const time of times) {
    const left = Math.round(x(time)) + 0.5;
    context.fillStyle = theme.grid;
    context.fillRect(left, 0, 1, height - AXIS + 4);
    const text = clock(time, { date: step >= 86400, millis: step < 1 });
    if (left + 60 < width) {
      context.fillStyle = theme.muted;
      context.fillText(step >= 86400 ? text.slice(5, 16) : text, left + 4, height - AXIS / 2 + 2);
    }
  }
  context.fillStyle = theme.line;
  context.fillRect(gutter, height - AXIS, width - gutter, 1);
}

function drawRuns(context, picture, x, height, layer) {
  const tasks = layer === "tasks" || layer === "failures";
  const failed = picture.outcomes.indexOf("failure");
  const { log, win, rows, rowOf, lanesOf, time, now, kinds, outcomes, theme } = picture;
  const { start, node, job, kind, lane, slots, attempt } = log.tables.runs;
  const waiting = kinds.indexOf("waiting");
  const until = Math.min(time, win.to);
  const count = upTo(start, log.rows.runs, until);
  const drawn = new Float32Array(log.rows.nodes).fill(-1e9);
  const colours = lookUp(log.schema, theme);
  const { each, offset } = rows;
  context.font = `10.5px ${theme.font}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (let i = 0; i < count; i++) {
    const waits = kind[i] === waiting;
    if (waits !== (layer === "waits") || rowOf[node[i]] < 0) continue;
    if (!waits && slots[i] > 0 !== tasks) continue;
    if (picture.job >= 0 && job[i] !== picture.job && kind[i] !== 0) continue;
    if (picture.label !== null && log.names.labels[i] !== picture.label) continue;
    const over = log.endAt[i] <= time;
    const bad = over && log.outcome[i] === failed;
    if (tasks && bad !== (layer === "failures")) continue;
    const end = over ? log.endAt[i] : Math.min(time, now);
    if (end < win.from) continue;
    const y = rowOf[node[i]] * each - offset;
    if (y > height || y + each < 0) continue;
    const left = x(start[i]);
    const right = Math.max(x(end), left + (bad ? 3.5 : 1));
    if (right <= drawn[node[i]] && each < 8) continue;
    if (right - left < 2) drawn[node[i]] = right + 0.4;
    const [top, room] = band(lane[i], slots[i], lanesOf(node[i]), each);
    const tall = bad ? Math.max(room, Math.min(each, 4)) : room; // to be seen among thousands
    context.globalAlpha = waits ? 0.45 : 1;
    context.fillStyle = colours[kind[i]][over ? log.outcome[i] : outcomes.length];
    const wide = Math.max(right - left - (right - left > 3 ? 1 : 0), bad ? 3.5 : 1);
    if (waits) context.fillRect(left, y + top + tall - Math.min(3, tall), wide, Math.min(3, tall));
    else if (wide > 6 && tall > 6) rounded(context, left, y + top, wide, tall);
    else context.fillRect(left, y + top, wide, tall);
    context.globalAlpha = 1;
    if (i === picture.selected || i === picture.hovered) {
      context.strokeStyle = i === picture.selected ? theme.accent : theme.ink;
      context.lineWidth = 2;
      context.strokeRect(left, y + top, wide, tall);
    }
    if (tall >= 11 && wide > 16 && !waits) inscribe(context, picture, i, over, left, y + top, wide, tall);
    else if (attempt[i] && wide > 4 && tall >= 4) {
      context.fillStyle = "#111111";
      context.fillRect(left, y + top, 2, tall);
    }
  }
}

// The colour of each kind of run by its outcome; the last is "under way".
function lookUp({ kinds, outcomes, runs }, { colours }) {
  return kinds.map((kind) => [...outcomes, ""].map((outcome) => colours[runs[runKey(kind, outcome)].colour]));
}

function rounded(context, x, y, width, height) {
  context.beginPath();
  context.roundRect(x, y, width, height, Math.min(3, height / 3));
  context.fill();
}

function inscribe(context, picture, run, over, x, y, width, height) {
  const { log, kinds, outcomes } = picture;
  const { kind, attempt } = log.tables.runs;
  const outcome = over ? outcomes[log.outcome[run]] : "";
  const name = kinds[kind[run]];
  const mark = outcome === "failure" ? "✕ " : outcome === "retry" ? "✕↻ " : outcome === "lost" ? "⚡ "
    : attempt[run] ? "↻ " : "";
  const label = log.schema.node_tasks[name] || log.names.labels[run];
  const left = Math.max(x + 4, picture.gutter + 3);
  const text = shortened(context, mark + (name === "subtask" ? "⋯ " : ""), label, x + width - left - 3,
    name in log.schema.node_tasks);
  if (!text) return;
  context.fillStyle = inkOn(context.fillStyle);
  context.fillText(text, left, y + height / 2 + 0.5);
}

// As much of a name as there is room for. Of an id the end is kept: that is where ids differ.
function shortened(context, mark, label, room, word) {
  const wide = (text) => context.measureText(text).width;
  const text = mark + label;
  const whole = wide(text);
  if (whole <= room) return text;
  const fit = Math.floor(((room - wide(`${mark}…`)) * text.length) / whole);
  if (fit < (word ? 4 : 2)) return wide(mark) <= room ? mark.trim() : "";
  const part = word ? `${mark}${label.slice(0, fit)}…` : `${mark}…${label.slice(-fit)}`;
  return wide(part) <= room ? part : "";
}

function drawNames(context, height, picture) {
  const { rows, order, gutter, theme, nameOf } = picture;
  const { each, offset } = rows;
  context.font = `11px ${theme.font}`;
  context.textAlign = "right";
  context.textBaseline = "middle";
  const every = Math.max(1, Math.ceil(13 / each));
  for (let row = 0; row < order.length; row++) {
    const y = row * each - offset;
    if (y + each < 0 || y > height) continue;
    if (each >= 10 && row) {
      context.fillStyle = theme.grid;
      context.fillRect(gutter, y, 1e5, 1);
    }
    if (row % every || y + 6 > height) continue;
    context.fillStyle = theme.muted;
    const middle = every > 1 ? y + 6 : y + each / 2;
    context.fillText(nameOf(order[row]), gutter - 7, middle + 0.5, gutter - 10);
  }
}

// The run at a point of a timeline, the topmost; -1 if none.
export function runAt(picture, width, height, px, py) {
  const { log, win, rows, rowOf, lanesOf, time, now, gutter } = picture;
  if (px < gutter || py > height - AXIS) return -1;
  const { start, node, job, kind, lane, slots } = log.tables.runs;
  const scale = (width - gutter) / (win.to - win.from);
  const at = win.from + (px - gutter) / scale;
  const slack = 2 / scale;
  let found = -1;
  for (let i = upTo(start, log.rows.runs, Math.min(at + slack, time)) - 1; i >= 0; i--) {
    const row = rowOf[node[i]];
    if (row < 0) continue;
    if (picture.job >= 0 && job[i] !== picture.job && kind[i] !== 0) continue;
    if (picture.label !== null && log.names.labels[i] !== picture.label) continue;
    const end = log.endAt[i] <= time ? log.endAt[i] : Math.min(time, now);
    if (end + slack < at) continue;
    const [top, tall] = band(lane[i], slots[i], lanesOf(node[i]), rows.each);
    const y = row * rows.each - rows.offset + top;
    if (py < y || py > y + tall) continue;
    if (slots[i] && picture.kinds[kind[i]] !== "waiting") return i;
    if (found < 0 || picture.kinds[kind[found]] === "waiting") found = i;
  }
  return found;
}
