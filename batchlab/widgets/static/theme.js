// The theme of a page, for drawing on a canvas.

import { inkOn } from "./format.js";

// `roles` are those of `batchlab.colours`, where states are drawn; for each its colour, and the ink
// that can be read on it.
export function readTheme(element, roles = []) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  const colours = Object.fromEntries(roles.map((role) => [role, read(`--bl-${role}`)]));
  const inks = Object.fromEntries(roles.map((role) => [role, inkOn(colours[role])]));
  return {
    colours, inks, ink: read("--bl-ink"), muted: read("--bl-muted"), line: read("--bl-line"), grid: read("--bl-grid"),
    accent: read("--bl-accent"), font: style.fontFamily,
    dark: isDark(style.color),
  };
}

function isDark(ink) {
  const found = /(\d+(?:\.\d+)?)[ ,]+(\d+(?:\.\d+)?)[ ,]+(\d+(?:\.\d+)?)/.exec(ink);
  return found ? Number(found[1]) + Number(found[2]) + Number(found[3]) > 380 : false;
}
