// Words, numbers and colours. Okabe and Ito's palette, which colour-blind people can tell apart;
// a letter says the same again.

export const NODE_LOOK = {
  creating: ["c", "#bbbbbb", "creating"],
  starting: ["s", "#f0e442", "starting"],
  waitingforstarttask: ["w", "#56b4e9", "start task runs"],
  idle: ["i", "", "idle"],
  running: ["r", "#009e73", "running"],
  starttaskfailed: ["f", "#d55e00", "start task failed"],
  preempted: ["p", "#000000", "preempted"],
  leavingpool: ["l", "#cc79a7", "leaving"],
  unusable: ["u", "#e69f00", "unusable"],
  offline: ["o", "#0072b2", "offline"],
  rebooting: ["b", "#f0e442", "rebooting"],
  reimaging: ["m", "#f0e442", "reimaging"],
  unknown: ["?", "#666666", "contact lost"],
  deleted: ["", "#bbbbbb", "gone"],
};

export const RUN_LOOK = {
  starttask: ["#d9c400", "start task"],
  jobpreparation: ["#56b4e9", "preparation"],
  running: ["#6fcfb2", "running"],
  success: ["#009e73", "succeeded"],
  failure: ["#d55e00", "failed"],
  retry: ["#e69f00", "failed, retried"],
  requeued: ["#999999", "sent back"],
  lost: ["#555555", "node lost"],
  ended: ["#999999", "ended"],
  jobrelease: ["#cc79a7", "release"],
  waiting: ["#56b4e9", "waits for preparation"],
};

// Whether a kind of run is that of a task, on its node or, of several nodes, on another one.
export function ofTask(kind) {
  return kind === "task" || kind === "subtask";
}

// How a run looks: by its kind if it is a hook, else by how it ended.
export function runLook(kind, outcome) {
  if (ofTask(kind)) return RUN_LOOK[outcome || "running"];
  return RUN_LOOK[kind];
}

// Whether black or white is easier to read on a colour.
export function inkOn(colour) {
  const value = parseInt(colour.slice(1), 16);
  const [r, g, b] = [value >> 16, (value >> 8) & 255, value & 255];
  return 0.299 * r + 0.587 * g + 0.114 * b > 130 ? "#111111" : "#ffffff";
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
