// A lab at one moment: the present when that is Infinity, else the past.
//
// Moments are computed from the log's rows. Going forward is cheap; going back starts over, which
// takes a few milliseconds for some hundred thousand rows: no need to ask the kernel.

export const ABSENT = 255;

export class Snapshot {
  constructor(log) {
    this.log = log;
    this.restart();
  }

  restart() {
    this.at = -Infinity;
    this.generation = this.log.generation;
    this.cursor = { node_states: 0, counts: 0, pool_states: 0, job_states: 0 };
    this.state = new Uint8Array(64).fill(ABSENT); // of each node
    this.since = new Float64Array(64);
    this.used = new Uint16Array(64); // slots in use
    this.counts = []; // of each job: [active, running, succeeded, failed]
    this.pools = []; // of each pool
    this.jobs = []; // of each job
  }

  // Move to a time. Returns itself.
  seek(time) {
    if (time < this.at || this.generation !== this.log.generation) this.restart();
    this.at = time;
    const { tables, rows } = this.log;
    this.room(rows.nodes);
    const n = tables.node_states;
    this.forward("node_states", time, (i) => {
      this.state[n.node[i]] = n.state[i];
      this.since[n.node[i]] = n.at[i];
    });
    const c = tables.counts;
    this.forward("counts", time, (i) => {
      this.counts[c.job[i]] = [c.active[i], c.running[i], c.succeeded[i], c.failed[i]];
    });
    const s = tables.pool_states;
    this.forward("pool_states", time, (i) => {
      this.pools[s.pool[i]] = {
        state: s.state[i], allocation: s.allocation[i], target: s.target[i], spot: s.spot[i],
        slots: s.slots[i],
      };
    });
    const t = tables.job_states;
    this.forward("job_states", time, (i) => {
      this.jobs[t.job[i]] = { state: t.state[i], pool: t.pool[i], since: t.at[i] };
    });
    this.fill(time);
    return this;
  }

  forward(table, time, take) {
    const at = this.log.tables[table].at;
    let i = this.cursor[table];
    for (const end = this.log.rows[table]; i < end && at[i] <= time; i++) take(i);
    this.cursor[table] = i;
  }

  fill(time) {
    const { start, node, slots } = this.log.tables.runs;
    const endAt = this.log.endAt;
    this.used.fill(0);
    for (let i = 0, n = this.log.rows.runs; i < n && start[i] <= time; i++) {
      if (!(endAt[i] <= time)) this.used[node[i]] += slots[i];
    }
  }

  room(nodes) {
    if (nodes <= this.state.length) return;
    const size = Math.max(nodes, 2 * this.state.length);
    const state = new Uint8Array(size).fill(ABSENT);
    state.set(this.state);
    const since = new Float64Array(size);
    since.set(this.since);
    this.state = state;
    this.since = since;
    this.used = new Uint16Array(size);
  }

  // Numbers of the existing nodes, of one pool or of all.
  nodes(pool, gone) {
    const { pool: pools } = this.log.tables.nodes;
    const found = [];
    for (let i = 0; i < this.log.rows.nodes; i++) {
      if (this.state[i] !== ABSENT && this.state[i] !== gone && (pool < 0 || pools[i] === pool)) {
        found.push(i);
      }
    }
    return found;
  }

  // Task counts of one job, or of all that exist.
  total(job) {
    if (job >= 0) return this.counts[job] || [0, 0, 0, 0];
    const sum = [0, 0, 0, 0];
    for (const counts of this.counts) {
      if (counts) counts.forEach((count, i) => (sum[i] += count));
    }
    return sum;
  }
}
