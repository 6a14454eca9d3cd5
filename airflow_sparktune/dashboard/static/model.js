// The study as the page knows it: replies are merged, trials by number.

export class StudyModel {
  constructor() {
    this.reply = null;
    this.trials = new Map();
    this.ordered = []; // the same, by number
    this.stream = "";
    this.changes = 0;
    this.generation = null;
  }

  // True where there was something new. A reply from a server process that has read less than we know is
  // left out: taking it would turn ended trials back into running ones.
  merge(reply) {
    const anew = reply.stream !== this.stream || reply.generation !== this.generation;
    if (!anew && reply.changes < this.changes) return false;
    const news = anew || reply.changes > this.changes || reply.phase !== this.reply?.phase;
    if (anew) this.trials = new Map();
    for (const trial of reply.trials) this.trials.set(trial.number, trial);
    this.ordered = [...this.trials.values()].sort((one, other) => one.number - other.number);
    this.stream = reply.stream;
    this.changes = reply.changes;
    this.generation = reply.generation;
    this.reply = reply;
    return news;
  }

  get dimensions() {
    return this.reply?.dimensions ?? [];
  }

  get started() {
    return this.reply?.attempts[0]?.opened ?? null;
  }

  // Seconds since the last event, by the server's clock.
  get silence() {
    const last = this.reply?.attempts.at(-1)?.last;
    return last === undefined ? 0 : Math.max(0, this.reply.now - last);
  }

  get elapsed() {
    const seconds = this.reply?.summary?.elapsed_s ?? 0;
    return this.reply?.phase === "running" ? seconds + this.silence : seconds;
  }

  // Expected seconds to the end: by the pace so far, and no longer than the time limit.
  get rest() {
    const { summary, limits, phase } = this.reply;
    if (phase !== "running" || !summary) return null;
    const done = summary.counts.ok + summary.counts.failed + summary.counts.pruned;
    const byPace = done ? ((summary.max_evals - done) * this.elapsed) / done : Infinity;
    const byLimit = limits.timeout ? limits.timeout - this.elapsed : Infinity;
    const rest = Math.max(0, Math.min(byPace, byLimit));
    return Number.isFinite(rest) ? rest : null;
  }
}
