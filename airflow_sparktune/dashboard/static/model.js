// The study in the page: merges the replies, trials by number.
import { metricOf } from "./format.js";

const ACTIVE = ["running", "starting"];
// The pace is computed from this many of the latest ended trials.
const PACE = 50;

export class StudyModel {
  constructor() {
    this.reply = null;
    this.metric = metricOf(null);
    this.trials = new Map();
    this.ordered = []; // the same, by number
    this.searched = []; // the trials of the search, without the repeats of a confirmation
    this.metrics = []; // names of the numbers that the objective returned besides the loss
    this.curves = new Map(); // what trials reported, by number
    this.stream = "";
    this.changes = 0;
    this.generation = null;
  }

  // Returns true if the reply has news. A reply from a server process that has read fewer events than the page
  // is ignored, because it would turn ended trials back into running ones, or hide them all.
  merge(reply) {
    const restart = reply.stream !== this.stream || reply.generation !== this.generation;
    if (!restart && reply.changes < this.changes) return false;
    if (reply.phase === "reading" && this.stream) return false;
    const news = restart || reply.changes > this.changes || reply.phase !== this.reply?.phase;
    if (restart) {
      this.trials = new Map();
      this.curves = new Map();
      this.metrics = [];
      this.sampledFrom = null;
    }
    this.metric = metricOf(reply.maximize);
    for (const trial of trialsOf(reply, this.metric)) {
      this.trials.set(trial.number, trial);
      this.curves.delete(trial.number); // the next try of a trial has a curve of its own
    }
    for (const [number, curve] of Object.entries(reply.curves)) this.curves.set(Number(number), curve);
    for (const name of Object.keys(reply.columns.metrics)) if (!this.metrics.includes(name)) this.metrics.push(name);
    const trials = [...this.trials.values()].sort((one, other) => one.number - other.number);
    this.ordered = ACTIVE.includes(reply.phase) ? trials : trials.map(cutOff);
    this.searched = this.ordered.filter((trial) => trial.repeats === null);
    this.sampledFrom = reply.sampled_from ?? this.sampledFrom;
    this.stream = reply.stream;
    this.changes = reply.changes;
    this.generation = reply.generation;
    this.reply = reply;
    return news;
  }

  get dimensions() {
    return this.reply?.dimensions ?? [];
  }

  get active() {
    return ACTIVE.includes(this.reply?.phase);
  }

  // True while the repeats run: the search has ended, and there is no decision yet.
  get confirming() {
    const { retuning, phase, summary } = this.reply;
    return phase === "running" && Boolean(retuning?.contenders.length) && summary.decision === null;
  }

  get started() {
    return this.reply?.attempts[0]?.opened ?? null;
  }

  // The trials by state; without a driver, none is running.
  get counts() {
    const { counts } = this.reply.summary;
    return this.active ? counts : { ...counts, running: 0, cancelled: counts.cancelled + counts.running };
  }

  // The number of trials that count towards the budget. `budget` is null if the study has another limit.
  get done() {
    const { counts } = this.reply.summary;
    return counts.ok + counts.failed + counts.pruned;
  }

  get budget() {
    const most = this.reply.summary.max_evals;
    return most === null || most > 1e9 ? null : most;
  }

  // Seconds since the last event, by the server's clock.
  get silence() {
    const last = this.reply?.attempts.at(-1)?.last;
    return last === undefined ? 0 : Math.max(0, this.reply.now - last);
  }

  get elapsed() {
    const seconds = this.reply?.summary?.elapsed_s ?? 0;
    return this.active ? seconds + this.silence : seconds;
  }

  // The expected seconds to the end, from the pace of the latest trials without the preparation, at most to the
  // time limit. Null if it cannot be estimated yet.
  get rest() {
    const { limits, phase } = this.reply;
    if (phase !== "running" || this.confirming) return null;
    const byPace = this.budget === null ? Infinity : (this.budget - this.done) * this.secondsPerTrial();
    const byLimit = limits.timeout ? limits.timeout - this.elapsed : Infinity;
    const rest = Math.max(0, Math.min(byPace, byLimit));
    return Number.isFinite(rest) ? rest : null;
  }

  // The mean seconds between the ends of two trials, from the trials of the running attempt.
  secondsPerTrial() {
    const attempt = this.reply.attempts.at(-1);
    const own = this.ordered.filter((trial) => trial.attempt === attempt.number && trial.start !== null);
    const ended = own.filter((trial) => trial.end !== null).sort((one, other) => one.end - other.end);
    const slots = Math.max(this.reply.summary.slots ?? 1, 1);
    if (!ended.length) return Infinity;
    const latest = ended.slice(-PACE);
    // The first trials end together, so until each slot has ended several, their mean length is a better estimate.
    if (ended.length < 3 * slots) {
      const mean = latest.reduce((sum, trial) => sum + trial.end - trial.start, 0) / latest.length;
      return mean / Math.min(slots, this.budget ?? slots);
    }
    const since = ended.length > PACE ? ended.at(-PACE - 1).end : Math.min(...own.map((trial) => trial.start));
    return (latest.at(-1).end - since) / latest.length;
  }
}

// A trial that was running when its driver ended.
function cutOff(trial) {
  return trial.state === "running" ? { ...trial, state: "cancelled" } : trial;
}

// Trials are ordered by `loss`; `value` is the loss or score that the page shows.
function trialsOf({ columns, since }, metric) {
  const names = Object.keys(columns.metrics);
  const time = (seconds) => (seconds === null ? null : since + seconds);
  return columns.number.map((number, row) => ({
    number,
    state: columns.state[row],
    loss: columns.loss[row],
    value: metric.shown(columns.loss[row]),
    start: time(columns.start[row]),
    end: time(columns.end[row]),
    run_s: columns.run_s[row],
    slot: columns.slot[row],
    attempt: columns.attempt[row],
    failure: columns.failure[number] ?? null,
    origin: columns.origin[number] ?? "",
    repeats: columns.repeats[number] ?? null,
    point: columns.points.map((column) => column[row]),
    metrics: Object.fromEntries(names.map((name) => [name, columns.metrics[name][row]])),
  }));
}
