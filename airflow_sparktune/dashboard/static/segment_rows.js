// The segments of an application: their rows, which the server sends in blocks, and the columns of their table.
import { attentionColumn, decisionColumn, reasonColumn, stateColumn, urgency, whyColumn } from "./attention.js";
import { column } from "./columns.js";
import { el } from "./dom.js";
import { duration, metricOf, number, STATES, withError } from "./format.js";
import { progressCurve } from "./trend.js";

const ORDER = ["running", "starting", "none", "failed", "killed", "lost", "done", "waiting"];
const AT_WORK = ["running", "starting"];

export class SegmentsModel {
  constructor() {
    this.reply = null;
    this.blocks = []; // the tag and the rows of each
  }

  // Returns true if the reply has news. Rows of a block that have not changed stay the same objects.
  merge(reply) {
    const restart = reply.generation !== this.reply?.generation || reply.segments !== this.reply?.segments;
    const news = restart || reply.blocks.length > 0 || reply.unread !== this.reply.unread;
    if (restart) this.blocks = [];
    for (const { first, tag, rows } of reply.blocks) {
      const index = first && this.blocks.findIndex((block) => block.first === first);
      const known = this.blocks[index]?.rows ?? [];
      const block = { first, tag, rows: rows.map((row, place) => (JSON.stringify(known[place]) === JSON.stringify(row) ? known[place] : row)) };
      if (index < 0 || !this.blocks.length) this.blocks.push(block);
      else this.blocks[index] = block;
    }
    this.reply = reply;
    return news;
  }

  get generation() {
    return this.reply.generation;
  }

  // The tags of the blocks that the page has.
  get tags() {
    return this.blocks.map(({ tag }) => tag);
  }

  get rows() {
    return this.blocks.flatMap(({ rows }) => rows);
  }

  count(...phases) {
    return this.rows.filter(({ phase }) => phases.includes(phase)).length;
  }

  get active() {
    return this.count(...AT_WORK) > 0;
  }

  get reading() {
    return this.reply.unread > 0;
  }

  // A retry of the task may continue all others.
  get settled() {
    return !this.reading && this.count("done") === this.reply.segments;
  }

  get idle() {
    return !this.active && this.count("waiting") === 0;
  }
}

// The segments that need a person come first, then those that run, have ended and wait, each in the application's order.
export function byUrgency(rows) {
  const rank = (row) => urgency(row) * ORDER.length + ORDER.indexOf(row.phase);
  return [...rows].sort((one, other) => rank(one) - rank(other));
}

// `address(row)` is that of a segment's page.
export function columnsOf(rows, address) {
  const metric = metricOf(rows.find(({ maximize }) => maximize)?.maximize);
  const some = (has) => rows.some(has);
  const itself = (row) => row;
  return [
    { key: "segment", title: "Segment", value: (row) => row.segment, cell: (row) => el("a", { href: address(row), title: row.segment }, row.segment), wide: true },
    attentionColumn,
    stateColumn(itself),
    { key: "progress", title: "Progress", kind: "number", value: share, text: progressText, cell: progress },
    { key: "best", title: `Best ${metric.name}`, kind: "number", value: (row) => metricOf(row.maximize).shown(row.best) },
    { key: "curve", title: "Best so far", kind: "number", unit: "% better than the first", value: gained, cell: curve },
    some((row) => row.decision) && decisionColumn(itself),
    some((row) => row.decision) && { key: "production", title: "Production", value: production, cell: productionCell },
    { key: "hours", title: "Slot-hours", kind: "number", value: (row) => row.slot_hours || null },
    { key: "failed", title: "Failed trials", kind: "number", value: (row) => row.counts.failed ?? null },
    { key: "params", title: "Best params", wide: true, value: (row) => row.params },
    { key: "duration", title: "Duration", kind: "number", unit: "s", off: true, value: (row) => row.elapsed_s || null, text: (row) => (row.elapsed_s ? duration(row.elapsed_s) : "") },
    { key: "started", title: "Started", kind: "date", off: true, value: (row) => row.started },
    { key: "ended", title: "Ended", kind: "date", off: true, value: (row) => row.ended },
    { key: "end", title: "Ended because", wide: true, off: true, value: (row) => row.problem ?? row.end },
    reasonColumn,
    whyColumn(itself),
  ].filter(Boolean).map(column);
}

// The share of the trials that have ended; without a budget of trials, their number.
function share({ finished, max_evals: most }) {
  return limited(most) ? finished / most : finished;
}

function progressText({ finished, max_evals: most }) {
  return limited(most) ? `${finished} of ${most}` : String(finished);
}

function progress(row) {
  const most = limited(row.max_evals) ? Math.max(row.max_evals, row.finished) : row.finished;
  const parts = STATES.filter((state) => row.counts[state]).map((state) => {
    const node = el("span", { class: state });
    node.style.width = `${(100 * row.counts[state]) / Math.max(most, row.finished + (row.counts.running ?? 0))}%`;
    return node;
  });
  return el("div", { class: "small progress-cell" }, el("span", {}, progressText(row)), el("div", { class: "progress", "aria-hidden": "true" }, ...parts));
}

function limited(most) {
  return most !== null && most <= 1e9;
}

// By how many percent the best result is better than the first one.
function gained({ bests }) {
  const [first, last] = [bests[0]?.[1], bests.at(-1)?.[1]];
  return first ? (100 * (first - last)) / Math.abs(first) : null;
}

function curve({ bests, finished, maximize }) {
  const { shown, name } = metricOf(maximize);
  return progressCurve(bests.map(([at, loss]) => [at, shown(loss)]), finished, name);
}

function production({ changed, gain, decision, attention }) {
  if (attention.some(({ kind }) => kind === "approval")) return "waits for approval";
  if (!changed) return decision ? "as before" : null;
  return gain ? `changed, better by ${withError(gain.mean, gain.error)}` : "changed";
}

function productionCell(row) {
  return el("span", { class: row.changed ? "strong" : "quiet" }, production(row) ?? "");
}

// The application in one sentence.
export function sentence(model) {
  const { segments, unread } = model.reply;
  const ended = segments - model.count("running", "starting", "waiting") - unread;
  const parts = [
    `${ended} of ${segments} segments have ended`,
    [model.count("running", "starting"), "run"],
    [model.count("waiting") - unread, "wait"],
    [model.count("failed", "killed", "lost", "none"), "without a result"],
    [unread, "still to be read"],
  ];
  return parts.filter((part) => part[0]).map((part) => (Array.isArray(part) ? `${number(part[0])} ${part[1]}` : part)).join(", ");
}
