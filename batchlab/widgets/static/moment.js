// A lab at one moment: of the present when that is Infinity, else of the past.
//
// Moments are found from the log's rows. Going on is cheap; going back begins anew, which for some
// hundred thousand rows takes a few milliseconds: no need to ask the kernel.

export const ABSENT = 255;

export class Moment {
  constructor(log) {
    this.log = log;
    this.restart();
  }

  restart() {
    this.at = -Infinity;
    this.story = this.log.story;
    this.cursor = { moves: 0, counts: 0, sizes: 0, turns: 0 };
    this.state = new Uint8Array(64).fill(ABSENT); // of each node
    this.since = new Float64Array(64);
    this.used = new Uint16Array(64); // slots in use
    this.counts = []; // of each job: [active, running, succeeded, failed]
    this.sizes = []; // of each pool
    this.turns = []; // of each job
  }

  // Move to a time. Returns itself.
  seek(time) {
    if (time < this.at || this.story !== this.log.story) this.restart();
    this.at = time;
    const { tables, rows } = this.log;
    this.room(rows.nodes);
    const moves = tables.moves;
    this.forward("moves", time, (i) => {
      this.state[moves.node[i]] = moves.state[i];
      this.since[moves.node[i]] = moves.at[i];
    });
    const c = tables.counts;
    this.forward("counts", time, (i) => {
      this.counts[c.job[i]] = [c.active[i], c.running[i], c.succeeded[i], c.failed[i]];
    });
    const s = tables.sizes;
    this.forward("sizes", time, (i) => {
      this.sizes[s.pool[i]] = {
        state: s.state[i], allocation: s.allocation[i], target: s.target[i], spot: s.spot[i],
        slots: s.slots[i],
      };
    });
    const t = tables.turns;
    this.forward("turns", time, (i) => {
      this.turns[t.job[i]] = { state: t.state[i], pool: t.pool[i], since: t.at[i] };
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

  // Numbers of the nodes that are there, of one pool or of all.
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
