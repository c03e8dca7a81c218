// Addresses of displays: what stands behind # in the address of the page, such as #/jobs/frames/tasks/t1.

import { nodeName } from "./format.js";

const SHAPES = [ // parts of an address; names of a target stand for its values
  ["pool", ["pools", { id: "pool" }]],
  ["formula", ["pools", { id: "pool" }, "formula"]],
  ["node", ["pools", { id: "pool" }, "nodes", { id: "node" }]],
  ["job", ["jobs", { id: "job" }]],
  ["tasks", ["jobs", { id: "job" }, "tasks"]],
  ["task", ["jobs", { id: "job" }, "tasks", { id: "task" }]],
];

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// The display at an address; that of the lab if there is none.
export function readAddress(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decoded);
  const asked = new URLSearchParams(query || "");
  const [tab, file] = ["tab", "file"].map((name) => asked.get(name) || "");
  for (const [kind, shape] of SHAPES) {
    if (shape.length !== parts.length || shape.some((one, i) => typeof one === "string" && one !== parts[i])) continue;
    const target = Object.fromEntries(shape.flatMap((one, i) => (one.id ? [[one.id, parts[i]]] : [])));
    return { kind, target, tab, file };
  }
  return { kind: "lab", target: {}, tab: parts.length ? "" : tab, file: "" };
}

export function addressOf(kind, target, tab = "", file = "") {
  const shape = SHAPES.find(([name]) => name === kind)?.[1] || [];
  const path = shape.map((one) => (one.id ? encodeURIComponent(target[one.id]) : one)).join("/");
  const asked = Object.entries({ tab, file }).filter(([, value]) => value);
  return `#/${path}${asked.map(([name, value], i) => `${i ? "&" : "?"}${name}=${encodeURIComponent(value)}`).join("")}`;
}

// What an address names that a lab never had, in words; else nothing, and ids are as they were created.
export function settle(target, names) {
  for (const kind of ["pool", "job", "node"].filter((one) => one in target)) {
    const same = (id) => id.toLowerCase() === target[kind].toLowerCase();
    const found = names[`${kind}s`].find((id) => id === target[kind]) ?? names[`${kind}s`].find(same);
    if (found === undefined) return `There is no ${kind} “${target[kind]}” in this lab.`;
    target[kind] = found;
  }
  return "";
}

// The way to a display: the words and the address of each step, the lab first.
export function stepsTo({ kind, target: { pool, job, node, task } }) {
  const steps = [["Lab", addressOf("lab", {})]];
  if (pool) steps.push([`Pool ${pool}`, addressOf("pool", { pool })]);
  if (job) steps.push([`Job ${job}`, addressOf("job", { job })]);
  if (kind === "node") steps.push([nodeName(node).replace(/^n/, "N"), addressOf(kind, { pool, node })]);
  if (kind === "formula") steps.push(["Autoscale formula", addressOf(kind, { pool })]);
  if (kind === "tasks") steps.push(["Tasks", addressOf(kind, { job })]);
  if (kind === "task") steps.push([`Task ${task}`, addressOf(kind, { job, task })]);
  return steps;
}
