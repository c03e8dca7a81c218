// Words and numbers; which words and colours states and runs have is in the schema.

// Whether a kind of run is that of a task, on its node or, of several nodes, on another one.
export function ofTask(kind) {
  return kind === "task" || kind === "subtask";
}

// The key in the schema's `runs` of a run; without outcome it is under way.
export function runKey(kind, outcome) {
  if (ofTask(kind)) return outcome || "running";
  return outcome === "" || outcome === "success" ? kind : outcome;
}

// Whether black or white is easier to read on a colour.
export function inkOn(colour) {
  const parts = [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16) / 255);
  const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) ** 2 > 1.05 * 0.0556 ? "#111111" : "#ffffff";
}

const UNITS = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];

// 95 -> "1 m 35 s"; the two greatest units.
export function duration(seconds) {
  if (!(seconds >= 0)) return "";
  if (seconds < 10) return `${seconds.toFixed(seconds < 0.9995 ? 2 : 1)} s`;
  let left = Math.round(seconds);
  const parts = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count || parts.length) parts.push(count ? `${count} ${unit}` : "");
    if (parts.length === 2) break;
  }
  return parts.filter(Boolean).join(" ") || "0 s";
}

// A time of the lab's clock (seconds since 1970, UTC).
export function clock(seconds, { date = false, millis = false } = {}) {
  if (!Number.isFinite(seconds)) return "";
  const text = new Date(seconds * 1000).toISOString();
  const time = text.slice(11, millis ? 23 : 19);
  return date ? `${text.slice(0, 10)} ${time}` : time;
}

export function plural(count, word) {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}

// tvm-0123456789_12-20260105t090000z -> "node 12"
export function nodeName(id) {
  const found = /_(\d+)-\d{8}t\d{6}z$/.exec(id);
  return found ? `node ${found[1]}` : id;
}
