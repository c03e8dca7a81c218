// What a page looks like, for those who draw on canvas.

export function readTheme(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    ink: read("--bl-ink"), muted: read("--bl-muted"), line: read("--bl-line"), grid: read("--bl-grid"),
    accent: read("--bl-accent"), idle: read("--bl-idle"), faint: read("--bl-faint"), font: style.fontFamily,
    dark: isDark(style.color),
  };
}

function isDark(ink) {
  const found = /(\d+(?:\.\d+)?)[ ,]+(\d+(?:\.\d+)?)[ ,]+(\d+(?:\.\d+)?)/.exec(ink);
  return found ? Number(found[1]) + Number(found[2]) + Number(found[3]) > 380 : false;
}
