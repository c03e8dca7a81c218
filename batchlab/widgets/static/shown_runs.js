// Which runs a view shows: the nodes with a row for them, their times and kinds.

import { ofTask } from "./format.js";

// wanted: { job, label, pool, node }, each a number, or -1 for all (label: a text, or null); a job has
// its rows wherever it ran. `last` is infinite while one of them is running.
export function rowsOf(log, wanted) {
  const { runs, nodes } = log.tables;
  const { job, label, pool, node } = wanted;
  const there = new Uint8Array(log.rows.nodes);
  const outcomes = log.schema.outcomes.length;
  const seen = new Uint8Array(log.schema.kinds.length * (outcomes + 1));
  let [first, last] = [Infinity, -Infinity];
  const see = (i) => {
    const over = log.endAt[i] === log.endAt[i];
    seen[runs.kind[i] * (outcomes + 1) + (over ? log.outcome[i] : outcomes)] = 1;
    there[runs.node[i]] = 1;
    first = Math.min(first, runs.start[i]);
    last = Math.max(last, over ? log.endAt[i] : Infinity);
  };
  const own = (i) => (job === -1 || runs.job[i] === job)
    && (label === null || log.names.labels[i] === label)
    && (node === -1 || runs.node[i] === node)
    && (pool === -1 || job >= 0 || nodes.pool[runs.node[i]] === pool);
  for (let i = 0; i < log.rows.runs; i++) if (own(i)) see(i);
  const order = [];
  for (let i = 0; i < there.length; i++) if (there[i]) order.push(i);
  return { order: inOrder(log, order), first, last, seen };
}

// Nodes by pool, and then by the numbers in their ids, which they may not have come up in.
export function inOrder(log, nodes) {
  const { pool } = log.tables.nodes;
  const keys = nodes.map((node) => pool[node] * 1e7 + Number(/_(\d+)-/.exec(log.names.nodes[node])?.[1] ?? node));
  if (keys.every((key, i) => !i || keys[i - 1] <= key)) return nodes;
  return nodes.map((node, i) => [keys[i], node]).sort(([a], [b]) => a - b).map(([, node]) => node);
}

// The legend entries for what was seen.
export function namesSeen({ kinds, outcomes }, seen) {
  const found = new Set();
  const ways = outcomes.length + 1;
  seen.forEach((was, i) => {
    if (!was) return;
    const kind = kinds[Math.floor(i / ways)];
    const outcome = outcomes[i % ways] || "";
    if (kind === "waiting") return;
    if (ofTask(kind)) found.add(outcome || "running");
    else found.add(kind).add(outcome === "success" ? kind : outcome || kind);
  });
  return found;
}
