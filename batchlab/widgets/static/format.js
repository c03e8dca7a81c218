// Text and numbers; the labels and colours of states and runs are in the schema.

// Whether a kind of run is a task's, on its own node or (a subtask) on another one.
export function ofTask(kind) {
  return kind === "task" || kind === "subtask";
}

// The key of a run in the schema's `runs`; without an outcome it is still running.
export function runKey(kind, outcome) {
  if (ofTask(kind)) return outcome || "running";
  return outcome === "" || outcome === "success" ? kind : outcome;
}

// How a task ended, in a word for people; its state while it has not.
export function outcomeOf(result, state = "") {
  return { success: "succeeded", failure: "failed" }[result] || result || state;
}

// Whether black or white is easier to read on a colour.
export function inkOn(colour) {
  const parts = [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16) / 255);
  const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) ** 2 > 1.05 * 0.0556 ? "#111111" : "#ffffff";
}

// A duration for people, by the rule of `span_text` in `batchlab/words.py`.
export function duration(seconds) {
  if (!(seconds >= 0)) return "";
  if (seconds < 9.95) {
    const tenths = Math.floor(seconds * 10 + 0.5);
    return tenths ? `${(tenths / 10).toFixed(1)} s` : "0 s";
  }
  const whole = Math.floor(seconds + 0.5);
  const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(whole / unit));
  const two = (number) => String(number).padStart(2, "0");
  const units = (count, unit, rest, smaller) => `${count} ${unit}` + (Number(rest) ? ` ${rest} ${smaller}` : "");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return units(minutes, "min", two(whole % 60), "s");
  if (whole < 48 * 3600) return units(hours, "h", two(minutes % 60), "min");
  return units(days, "d", hours % 24, "h");
}

// A time on the lab's clock (seconds since 1970, UTC).
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
