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

  // After a killed or lost driver the study is not settled: a retry of the task may continue it.
  get settled() {
    const { phase, summary } = this.reply;
    return phase === "done" || (phase === "failed" && !summary.error?.retryable);
  }

  get idle() {
    return ["failed", "killed", "lost", "none"].includes(this.reply.phase);
  }

  get reading() {
    return this.reply.phase === "reading";
  }

  // True while the repeats run: the search has ended, and there is no decision yet.
  get confirming() {
    const { retuning, phase, summary } = this.reply;
    return phase === "running" && Boolean(retuning?.contenders.length) && summary.decision === null;
  }

  get started() {
    return this.reply?.attempts[0]?.opened ?? null;
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

  get elapsed() {
    return this.reply?.summary?.elapsed_s ?? 0;
  }

  // The expected seconds to the end of the search by its trials, time and slot-hours. Null if it cannot be estimated.
  get rest() {
    const { limits, retuning, summary } = this.reply;
    const share = 1 - (retuning?.timeout_share ?? 0);
    const byTrials = this.budget === null ? Infinity : this.restOfTrials();
    const byTime = limits.timeout ? share * limits.timeout - this.elapsed : Infinity;
    const hours = limits.budget_slot_hours ? share * limits.budget_slot_hours - summary.reserved_slot_hours : Infinity;
    const rest = Math.max(0, Math.min(byTrials, byTime, (3600 * hours) / Math.max(summary.slots ?? 1, 1)));
    return Number.isFinite(rest) ? rest : null;
  }

  // The seconds that the trials still need in the slots, less what running ones have run already.
  restOfTrials() {
    const { reply, budget, done } = this;
    const attempt = reply.attempts.at(-1).number;
    const own = this.ordered.filter((trial) => trial.attempt === attempt && trial.start !== null);
    const slots = Math.max(reply.summary.slots ?? 1, 1);
    const each = secondsOf(own, Math.min(slots, budget));
    const left = own
      .filter((trial) => trial.end === null)
      .map((trial) => Math.max(0, each - (reply.now - trial.start)));
    const work = left.reduce((sum, seconds) => sum + seconds, each * Math.max(0, budget - done - left.length));
    return Math.max(work / slots, ...left);
  }
}

// The mean seconds in a slot from one trial to the next, of the latest trials. Until each slot has ended several,
// their own length is a better estimate, because the first trials end together.
function secondsOf(own, slots) {
  const ended = own.filter((trial) => trial.end !== null).sort((one, other) => one.end - other.end);
  const latest = ended.slice(-PACE);
  if (!ended.length) return Infinity;
  if (ended.length < 3 * slots) {
    return latest.reduce((sum, trial) => sum + trial.end - trial.start, 0) / latest.length;
  }
  const since = ended.length > PACE ? ended.at(-PACE - 1).end : Math.min(...own.map((trial) => trial.start));
  return (slots * (latest.at(-1).end - since)) / latest.length;
}

// A trial that was running when its driver ended.
function cutOff(trial) {
  return trial.state === "running" ? { ...trial, state: "cancelled" } : trial;
}

// Trials are ordered by `loss`; `value` is the loss or score that the page shows.
function trialsOf({ columns, since }, metric) {
  const names = Object.keys(columns.metrics);
  const beyond = new Set(columns.beyond);
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
    beyond: beyond.has(number), // a guardrail
    point: columns.points.map((column) => column[row]),
    metrics: Object.fromEntries(names.map((name) => [name, columns.metrics[name][row]])),
  }));
}
