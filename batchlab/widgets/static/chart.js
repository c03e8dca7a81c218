// Nodes and tasks of a pool over time: two bands with one time axis.

import { clock } from "./format.js";
import { ticks, upTo } from "./layout.js";

// A colour for light pages, its meaning, and a colour for dark pages if it differs.
export const LINE_LOOK = {
  current: ["#0072b2", "nodes", "#56b4e9"],
  target: ["#d55e00", "target"],
  waiting: ["#e69f00", "waiting tasks"],
  running: ["#009e73", "running tasks"],
};
const GUTTER = 34;

// The values of lines at a moment; null before they start.
export function valuesAt(lines, at) {
  const row = lines ? upTo(lines.at, lines.at.length, at) - 1 : -1;
  if (row < 0) return null;
  return Object.fromEntries(Object.entries(lines).map(([name, values]) => [name, values[row]]));
}

export function colourOf(name, theme) {
  const [light, , dark] = LINE_LOOK[name];
  return (theme.dark && dark) || light;
}

// A round number that is at least the maximum.
export function roundTop(value) {
  if (!(value > 4)) return 4;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((one) => one * unit)
    .find((one) => one >= value && one % 2 < 1e-9) || 10 * unit;
}

// The corners of a step line.
export function corners(times, values, from, to, x, y) {
  const found = [];
  for (let i = 0; i < times.length; i++) {
    const begin = Math.max(from, times[i]);
    const end = i + 1 < times.length ? Math.min(to, times[i + 1]) : to;
    if (end < begin) continue;
    found.push([x(begin), y(values[i])], [x(end), y(values[i])]);
  }
  return found;
}

// Where things are: { from, to, x, time, bands: [{ top, height, most, y }] }
export function chartLayout(width, height, from, to, sets) {
  const inner = Math.max(1, width - GUTTER - 8);
  const span = Math.max(to - from, 1);
  const tall = (height - 18 - 29) / 2;
  const most = (names) => roundTop(Math.max(0, ...sets.flatMap((lines) =>
    names.flatMap((name) => lines[name].reduce((top, value) => Math.max(top, value), 0)))));
  const band = (top, names) => {
    const high = most(names);
    return { top, height: tall, most: high, names, y: (value) => top + tall * (1 - value / high) };
  };
  return {
    from, to: from + span, left: GUTTER, right: GUTTER + inner,
    x: (time) => GUTTER + ((time - from) / span) * inner,
    time: (x) => from + (Math.min(Math.max(x - GUTTER, 0), inner) / inner) * span,
    bands: [band(12, ["current", "target"]), band(12 + tall + 14, ["waiting", "running"])],
  };
}

// picture: { layout, lines, other, theme, cursor, marks }; `other` is the what-if.
export function drawChart(context, width, height, picture) {
  const { layout, theme } = picture;
  context.clearRect(0, 0, width, height);
  context.font = `11px ${theme.font}`;
  frame(context, layout, theme, height);
  for (const at of picture.marks || []) {
    if (at < layout.from || at > layout.to) continue;
    context.fillStyle = theme.muted;
    context.beginPath();
    const x = layout.x(at);
    const top = layout.bands[0].top + layout.bands[0].height;
    context.moveTo(x, top);
    context.lineTo(x - 3.5, top + 6);
    context.lineTo(x + 3.5, top + 6);
    context.fill();
  }
  for (const band of layout.bands) {
    context.save();
    context.beginPath();
    context.rect(layout.left, band.top - 2, layout.right - layout.left, band.height + 4);
    context.clip();
    for (const name of band.names) {
      if (picture.lines) line(context, picture, band, name);
    }
    for (const name of band.names) {
      if (picture.other) dashes(context, picture, band, name);
    }
    context.restore();
  }
  if (picture.cursor !== null && picture.cursor !== undefined) {
    const x = layout.x(picture.cursor);
    context.strokeStyle = theme.ink;
    context.lineWidth = 1;
    context.globalAlpha = 0.6;
    context.beginPath();
    context.moveTo(x, layout.bands[0].top);
    context.lineTo(x, layout.bands[1].top + layout.bands[1].height);
    context.stroke();
    context.globalAlpha = 1;
  }
}

function frame(context, layout, theme, height) {
  context.lineWidth = 1;
  const found = ticks(layout.from, layout.to, layout.right - layout.left, 100);
  context.textBaseline = "alphabetic";
  for (const band of layout.bands) {
    context.textAlign = "right";
    for (const value of [0, band.most / 2, band.most]) {
      const y = Math.round(band.y(value)) + 0.5;
      context.strokeStyle = value ? theme.grid : theme.line;
      context.beginPath();
      context.moveTo(layout.left, y);
      context.lineTo(layout.right, y);
      context.stroke();
      context.fillStyle = theme.muted;
      context.fillText(short(value), layout.left - 5, y + 3.5);
    }
  }
  context.textAlign = "center";
  for (const time of found.times) {
    const x = layout.x(time);
    context.fillStyle = theme.muted;
    const text = found.step >= 86400 ? clock(time, { date: true }).slice(5, 10)
      : clock(time).slice(0, found.step < 60 ? 8 : 5);
    const half = context.measureText(text).width / 2;
    context.fillText(text, Math.min(Math.max(x, half), layout.right + 8 - half), height - 4);
  }
}

function short(value) {
  return value >= 10000 ? `${Math.round(value / 1000)}k` : String(value);
}

function path(context, points) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
}

// What was: areas for current nodes and waiting tasks, lines for the rest.
function line(context, { layout, lines, other, theme }, band, name) {
  const pale = Boolean(other);
  const points = corners(lines.at, lines[name], layout.from, layout.to, layout.x, band.y);
  if (!points.length) return;
  const colour = colourOf(name, theme);
  context.globalAlpha = pale ? 0.55 : 1;
  if (name === "current" || name === "waiting") {
    path(context, [[points[0][0], band.y(0)], ...points, [points[points.length - 1][0], band.y(0)]]);
    context.fillStyle = colour;
    context.globalAlpha = pale ? 0.13 : 0.22;
    context.fill();
    context.globalAlpha = pale ? 0.55 : 1;
  }
  path(context, points);
  context.strokeStyle = colour;
  context.lineWidth = name === "target" ? 1.25 : 1.5;
  context.stroke();
  context.globalAlpha = 1;
}

function dashes(context, { layout, other, theme }, band, name) {
  const points = corners(other.at, other[name], layout.from, layout.to, layout.x, band.y);
  path(context, points);
  context.strokeStyle = colourOf(name, theme);
  context.lineWidth = 2;
  context.setLineDash([6, 3]);
  context.stroke();
  context.setLineDash([]);
}
