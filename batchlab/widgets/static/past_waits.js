// What waited at a past moment, and why: from the log alone, by the rule of the kernel's reports
// (`history/waiting.py`), which is in the schema. A test compares the two.

// How many tasks of each job waited for others, and the first of them.
function heldAt(log, time) {
  const { at, job } = log.tables.holds;
  const held = [];
  for (let i = 0, n = log.rows.holds; i < n && at[i] <= time; i++) {
    if (log.freedAt[i] <= time) continue;
    const known = (held[job[i]] ??= { tasks: 0, first: log.names.held[i] });
    known.tasks += 1;
  }
  return held;
}

// What waited for each pool, and the state of the pool: for one job, one pool, or all.
//
// For each pool: `nodes` by state, its `slots`, how many of them were `used`, and `waits`: a list of
// {reason, tasks, jobs, example}, where `jobs` says how many of each.
export function waitsAt(log, snapshot, { pool = -1, job = -1 } = {}) {
  const found = new Map();
  const of = (number) => {
    if (!found.has(number)) found.set(number, poolAt(log, snapshot, number));
    return found.get(number);
  };
  const wanted = (number) => pool < 0 || number === pool;
  const own = (number) => job < 0 || number === job;
  if (job < 0) snapshot.pools.forEach((size, number) => size && wanted(number) && of(number));
  const held = heldAt(log, snapshot.at);
  snapshot.jobs.forEach((row, number) => {
    if (!row || !own(number) || !wanted(row.pool)) return;
    const state = log.schema.states.job[row.state];
    const active = (snapshot.counts[number] || [0])[0];
    const one = of(row.pool);
    if (log.schema.groups.job.held.includes(state)) note(one, "disabled", number, active);
    else if (log.schema.groups.job.going.includes(state)) {
      const { tasks, first } = held[number] || { tasks: 0 };
      const blocked = Math.min(active, tasks);
      note(one, "dependencies", number, blocked, first);
      one.queued.push([number, active - blocked]);
    }
  });
  const { runs, nodes } = log.tables;
  takePrepared(log, snapshot, (i) => own(runs.job[i]) && wanted(nodes.pool[runs.node[i]]), of);
  takeNodes(log, snapshot, found);
  takeSlots(log, snapshot, own, found);
  for (const one of found.values()) one.queued.forEach(([number, tasks]) => queue(log, one, number, tasks));
  return [...found.values()].filter((one) => job >= 0 || one.there || one.waits.length);
}

function poolAt(log, snapshot, number) {
  const size = snapshot.pools[number];
  const state = size && log.schema.states.pool[size.state];
  return {
    pool: number, there: Boolean(size) && state !== "deleted", size,
    usable: Boolean(size) && log.schema.groups.pool.usable.includes(state),
    nodes: {}, taking: 0, coming: 0, slots: 0, used: 0, own: 0, queued: [], waits: [],
  };
}

function takeNodes(log, snapshot, found) {
  const { pool } = log.tables.nodes;
  for (let i = 0; i < log.rows.nodes; i++) {
    const one = found.get(pool[i]);
    const state = log.schema.states.node[snapshot.state[i]];
    if (!one || !state || state === "deleted") continue;
    one.nodes[state] = (one.nodes[state] || 0) + 1;
    one.taking += log.schema.groups.node.taking.includes(state);
    one.coming += log.schema.groups.node.coming.includes(state);
  }
  for (const one of found.values()) one.slots = one.taking * (one.size ? one.size.slots : 0);
}

// Tasks that had a slot but waited for the job preparation. A task on several nodes counts once.
function takePrepared(log, snapshot, wanted, of) {
  const { node, job, kind } = log.tables.runs;
  const waiting = log.schema.kinds.indexOf("waiting");
  const seen = new Set();
  for (const i of underWay(log, snapshot.at)) {
    const key = `${job[i]} ${log.names.labels[i]}`;
    if (kind[i] !== waiting || seen.has(key) || !wanted(i)) continue;
    seen.add(key);
    note(of(log.tables.nodes.pool[node[i]]), "preparation", job[i], 1, log.names.labels[i]);
  }
}

// Slots in use on nodes that took tasks, and those of the jobs in question. A task on several nodes
// may have left one before it ended.
function takeSlots(log, snapshot, own, found) {
  const { node, job, slots } = log.tables.runs;
  const busy = log.schema.states.node.map((state) => log.schema.groups.node.busy.includes(state));
  const held = new Map(); // node -> [in use, own]
  for (const i of underWay(log, snapshot.at)) {
    if (!busy[snapshot.state[node[i]]]) continue;
    const known = held.get(node[i]) || [0, 0];
    held.set(node[i], [known[0] + slots[i], known[1] + (own(job[i]) ? slots[i] : 0)]);
  }
  for (const [number, [used, mine]] of held) {
    const one = found.get(log.tables.nodes.pool[number]);
    if (!one) continue;
    const counted = Math.min(used, one.size ? one.size.slots : 0);
    one.used += counted;
    one.own += (mine * counted) / used;
  }
}

function* underWay(log, time) {
  const { start, slots } = log.tables.runs;
  for (let i = 0, n = log.rows.runs; i < n && start[i] <= time; i++) {
    if (slots[i] && !(log.endAt[i] <= time)) yield i;
  }
}

// Why tasks that could run were queued for a pool: the first kind whose fact was true.
export function reasonOf(log, one) {
  const facts = {
    missing: !one.usable, room: one.used < one.slots, taking: one.taking > 0, coming: one.coming > 0,
  };
  return Object.entries(log.schema.queued).find(([, fact]) => !fact || facts[fact])[0];
}

function queue(log, one, job, tasks) {
  const reason = reasonOf(log, one);
  // Separate own slots from those taken by others.
  const own = reason === "slots" && one.used ? (tasks * one.own) / one.used : tasks;
  note(one, reason, job, own);
  note(one, "others", job, tasks - own);
}

function note(one, reason, job, tasks, task = "") {
  if (!tasks) return;
  let wait = one.waits.find((known) => known.reason === reason);
  if (!wait) {
    wait = { reason, tasks: 0, jobs: new Map(), example: task && { job, task } };
    one.waits.push(wait);
  }
  wait.tasks += tasks;
  wait.jobs.set(job, (wait.jobs.get(job) || 0) + tasks);
}
