// The table of the trials of a study.
import { column } from "./columns.js";
import { byId, el } from "./dom.js";
import { duration, SIGNS, STATE_WORDS, STATES, title, valueOf } from "./format.js";
import { Table } from "./table.js";

export class TrialTable {
  // `open(number)` shows a trial's panel; `kept(trial)` is true if the filters of the charts accept it.
  // `compareAddress(trials)` is the page that compares them, null in a report.
  constructor({ open, kept, compareAddress }) {
    this.model = null;
    this.chosen = null; // the number of the trial in the panel
    this.table = new Table(byId("trials-section"), {
      name: "trials",
      noun: "trial",
      sort: "-number",
      keyOf: (trial) => trial.number,
      open: (trial) => open(trial.number),
      classes: (trial) => [this.isBest(trial) && "best", trial.number === this.chosen && "chosen"].filter(Boolean).join(" "),
      file: () => ["trials", this.model.reply.title],
      kept,
      compareAddress,
    });
  }

  isBest(trial) {
    return trial.number === this.model.reply.summary?.best_number;
  }

  restart() {
    if (this.model) this.table.restart();
  }

  choose(trialNumber) {
    this.chosen = trialNumber;
    if (this.model) this.table.refresh();
  }

  // The trial `step` rows below this one, in the table's order and within its filters; null if there is none.
  beside(trialNumber, step) {
    const found = this.table.found();
    const row = found.findIndex((trial) => trial.number === trialNumber);
    return row < 0 ? null : (found[row + step]?.number ?? null);
  }

  show(model) {
    this.model = model;
    const { sampledFrom } = model;
    const sampled = sampledFrom
      ? `. This is a sample of ${sampledFrom} trials: new bests, failures, the newest, and evenly spaced others; ` +
        "`sparktune show --json` prints all"
      : "";
    this.table.show(model.ordered, this.columns(), sampled);
  }

  columns() {
    const { dimensions, metrics, metric, reply, ordered } = this.model;
    const columns = [
      { key: "number", title: "Trial", kind: "number", value: (trial) => trial.number, cell: (trial) => this.button(trial) },
      { key: "state", title: "State", value: (trial) => STATE_WORDS[trial.state], choices: STATES.map((state) => STATE_WORDS[state]), cell: (trial) => this.state(trial) },
      { key: "loss", title: title(metric.name), kind: "number", value: (trial) => trial.value },
      ...metrics.map((name) => ({ key: `metric ${name}`, title: name, kind: "number", value: (trial) => trial.metrics[name] ?? null })),
      { key: "run", title: "Run time", kind: "number", unit: "s", value: seconds, text: (trial) => (seconds(trial) === null ? "" : duration(seconds(trial))) },
      ...dimensions.map(paramColumn),
    ];
    if (ordered.some((trial) => trial.failure)) columns.push({ key: "failure", title: "Failure", wide: true, value: (trial) => trial.failure });
    if (ordered.some((trial) => trial.origin)) columns.push({ key: "origin", title: "Origin", value: (trial) => trial.origin || null });
    if (reply.attempts.length > 1) columns.push({ key: "attempt", title: "Attempt", kind: "number", value: (trial) => trial.attempt });
    return columns.map(column);
  }

  button(trial) {
    const expanded = String(trial.number === this.chosen);
    return el("button", { type: "button", class: "plain", "aria-label": `Trial ${trial.number}`, "aria-expanded": expanded }, String(trial.number));
  }

  state(trial) {
    const name = `${SIGNS[trial.state]} ${STATE_WORDS[trial.state]}${this.isBest(trial) ? ", best" : ""}`;
    return el("span", { class: `state ${trial.state}` }, name);
  }
}

function paramColumn(dimension, index) {
  const named = Boolean(dimension.options);
  return {
    key: `param ${dimension.path}`,
    title: dimension.path,
    kind: named ? "text" : "number",
    wide: named,
    value: (trial) => trial.point[index] ?? null,
    text: (trial) => valueOf(dimension, trial.point[index]),
  };
}

function seconds(trial) {
  return trial.run_s ?? (trial.end === null || trial.start === null ? null : trial.end - trial.start);
}
