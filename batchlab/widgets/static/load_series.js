// How many tasks of some jobs run and wait over time. Needs no page.

export class LoadSeries {
  constructor() {
    this.restart("");
  }

  restart(key) {
    Object.assign(this, { key, row: 0, at: [], running: [], waiting: [], last: new Map() });
    this.now = [0, 0];
  }

  // Take in what is new; `key` names the jobs that count, `counts` says which they are.
  update(log, key, counts) {
    const whole = `${log.generation} ${key}`;
    if (whole !== this.key) this.restart(whole);
    const { at, job, active, running } = log.tables.counts;
    for (const end = log.rows.counts; this.row < end; this.row++) {
      const i = this.row;
      if (!counts(job[i])) continue;
      const [oldRunning, oldWaiting] = this.last.get(job[i]) || [0, 0];
      this.last.set(job[i], [running[i], active[i]]);
      this.now = [this.now[0] + running[i] - oldRunning, this.now[1] + active[i] - oldWaiting];
      if (this.at.at(-1) !== at[i]) {
        this.at.push(at[i]);
        this.running.push(0);
        this.waiting.push(0);
      }
      this.running[this.at.length - 1] = this.now[0];
      this.waiting[this.at.length - 1] = this.now[1];
    }
    return this;
  }

  // Between two times, in columns: in each the moment with the most tasks.
  columns(begin, end, count) {
    const [running, waiting] = [new Float64Array(count), new Float64Array(count)];
    const most = { running, waiting, total: 0 };
    const put = (column, one) => {
      const sum = this.running[one] + this.waiting[one];
      most.total = Math.max(most.total, sum);
      if (sum < running[column] + waiting[column]) return;
      [running[column], waiting[column]] = [this.running[one], this.waiting[one]];
    };
    let column = 0;
    for (let one = 0; one < this.at.length && this.at[one] < end; one++) {
      const place = Math.max(0, Math.floor(((this.at[one] - begin) / (end - begin)) * count));
      for (; column < place && one; ) put(++column, one - 1);
      column = Math.max(column, place);
      put(Math.min(place, count - 1), one);
    }
    for (const last = this.before(end); last >= 0 && column < count - 1; ) put(++column, last);
    return most;
  }

  // The last change before a time; -1 if there is none.
  before(time) {
    let [low, high] = [0, this.at.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  when(time) {
    const one = this.before(time);
    return one < 0 ? [0, 0] : [this.running[one], this.waiting[one]];
  }
}
