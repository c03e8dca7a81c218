// The history of a lab as sent by the kernel: append-only tables in typed arrays.
//
// Each message says which rows it contains. Rows that are already here are skipped; if rows before
// them are missing, `append` returns false, and the caller asks the kernel for the rest.

const ARRAYS = { d: Float64Array, I: Uint32Array, H: Uint16Array, B: Uint8Array };
const GROW = 1024;

export class Log {
  constructor(schema) {
    this.schema = schema;
    this.version = 0;
    this.reset(0);
  }

  reset(generation) {
    this.generation = generation;
    this.rows = {};
    this.tables = {};
    for (const [table, columns] of Object.entries(this.schema.columns)) {
      this.rows[table] = 0;
      this.tables[table] = {};
      for (const [name, code] of Object.entries(columns)) {
        this.tables[table][name] = new ARRAYS[code](GROW);
      }
    }
    this.names = { pools: [], jobs: [], nodes: [], labels: [], held: [], reasons: [] };
    // For each run: when it ended (NaN while it is running), how, and why.
    this.endAt = new Float64Array(GROW).fill(NaN);
    this.outcome = new Uint8Array(GROW);
    this.why = new Uint16Array(GROW);
    this.freedAt = new Float64Array(GROW).fill(NaN); // and for each hold
    this.now = 0;
    this.heardAt = 0;
    this.speed = 0;
    this.ended = "";
    this.version += 1;
  }

  // What is already here, to ask for the rest.
  have() {
    return { generation: this.generation, rows: { ...this.rows }, names: lengths(this.names) };
  }

  // Add the rows of a message. False if some before them are missing.
  append(head, bytes, clock = 0) {
    if (head.generation !== this.generation) {
      if (!begins(head)) return false;
      this.reset(head.generation);
    }
    if (!follows(head, this.rows, this.names)) return false;
    let offset = bytes ? bytes.byteOffset : 0;
    for (const [table, columns] of Object.entries(this.schema.columns)) {
      const [from, to] = head.rows[table] || [0, 0];
      const skip = Math.min(this.rows[table], to) - from;
      for (const [name, code] of Object.entries(columns)) {
        const kind = ARRAYS[code];
        const size = (to - from) * kind.BYTES_PER_ELEMENT;
        if (to > this.rows[table]) {
          const news = new kind(bytes.buffer.slice(offset, offset + size)).subarray(skip);
          this.tables[table][name] = grown(this.tables[table][name], this.rows[table], news);
        }
        offset += size;
      }
      if (to > this.rows[table]) {
        const first = this.rows[table];
        this.rows[table] = to;
        if (table === "runs") this.makeRoom(to);
        if (table === "ends") this.note(first, to);
        if (table === "holds") this.freedAt = dated(this.freedAt, to);
        if (table === "frees") this.free(first, to);
      }
    }
    for (const [kind, [from, names]] of Object.entries(head.names || {})) {
      const list = typeof names === "string" ? names.split("\n") : names;
      for (let i = this.names[kind].length - from; i < list.length; i++) {
        this.names[kind].push(list[i]);
      }
    }
    this.now = head.now;
    this.speed = head.speed;
    this.ended = head.ended || "";
    this.heardAt = clock;
    this.version += 1;
    return true;
  }

  // No more rows will come: the clock stops.
  end(why, clock) {
    this.now = this.clock(clock);
    this.speed = 0;
    this.ended = this.ended || why;
    this.version += 1;
  }

  // The lab's clock, when the page's clock is `clock` (in milliseconds).
  clock(clock) {
    return this.now + (this.speed * Math.max(0, clock - this.heardAt)) / 1000;
  }

  // When the history starts.
  begin() {
    let first = Infinity;
    for (const table of ["pool_states", "job_states", "node_states"]) {
      if (this.rows[table]) first = Math.min(first, this.tables[table].at[0]);
    }
    return first === Infinity ? this.now : first;
  }

  makeRoom(rows) {
    if (this.endAt.length >= rows) return;
    this.endAt = dated(this.endAt, rows);
    this.outcome = resized(this.outcome, this.endAt.length);
    this.why = resized(this.why, this.endAt.length);
  }

  free(from, to) {
    const { at, hold } = this.tables.frees;
    for (let i = from; i < to; i++) this.freedAt[hold[i]] = at[i];
  }

  note(from, to) {
    const ends = this.tables.ends;
    for (let i = from; i < to; i++) {
      this.makeRoom(ends.run[i] + 1);
      this.endAt[ends.run[i]] = ends.at[i];
      this.outcome[ends.run[i]] = ends.outcome[i];
      this.why[ends.run[i]] = ends.why[i];
    }
  }
}

function begins(head) {
  return Object.values(head.rows).every(([from]) => from === 0);
}

function follows(head, rows, names) {
  return (
    Object.entries(head.rows).every(([table, [from]]) => from <= rows[table]) &&
    Object.entries(head.names || {}).every(([kind, [from]]) => from <= names[kind].length)
  );
}

function lengths(lists) {
  return Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list.length]));
}

function grown(array, length, news) {
  const need = length + news.length;
  const target = need > array.length ? resized(array, Math.max(need, 2 * array.length)) : array;
  target.set(news, length);
  return target;
}

// Room for more times, none of which is known yet.
function dated(array, rows) {
  if (array.length >= rows) return array;
  const larger = new Float64Array(Math.max(rows, 2 * array.length)).fill(NaN);
  larger.set(array);
  return larger;
}

function resized(array, size) {
  const larger = new array.constructor(size);
  larger.set(array);
  return larger;
}
