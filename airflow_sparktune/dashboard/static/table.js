// The table of trials, with sorting, a filter by state, and search; a click on a row opens the trial's panel.
import { byId, el, reconcile } from "./dom.js";
import { duration, number, SIGNS, STATE_WORDS, STATES, title, valueOf } from "./format.js";

const PAGE = 100;

export class TrialTable {
  // `open(number)` shows a trial's panel; `kept(trial)` is true if the filters accept it.
  constructor({ open, kept }) {
    this.open = open;
    this.kept = kept;
    this.model = null;
    this.chosen = null; // the number of the trial in the panel
    this.sort = { key: "number", down: true };
    this.limit = PAGE;
    this.rows = new Map(); // trial's number -> { trial, best, chosen, node }
    this.columns = [];
    this.stateBox = el("select", { "aria-label": "Show trials of state" }, el("option", { value: "" }, "all states"));
    this.stateBox.append(...STATES.map((state) => el("option", { value: state }, STATE_WORDS[state])));
    const search = { type: "search", placeholder: "search values, failures", "aria-label": "Search trials" };
    this.searchBox = el("input", search);
    for (const box of [this.stateBox, this.searchBox]) box.addEventListener("input", () => this.restart());
    byId("table-controls").append(this.stateBox, this.searchBox);
    byId("more").addEventListener("click", () => {
      this.limit += PAGE * 5;
      this.show(this.model);
    });
  }

  restart() {
    this.limit = PAGE;
    this.show(this.model);
  }

  choose(trialNumber) {
    this.chosen = trialNumber;
    this.show(this.model);
  }

  show(model) {
    if (!model) return;
    if (model.stream !== this.stream) this.rows.clear();
    this.stream = model.stream;
    this.model = model;
    this.head();
    const found = this.ordered(model.ordered.filter((trial) => this.matches(trial)));
    const shown = found.slice(0, this.limit);
    reconcile(byId("trials").tBodies[0], shown.map((trial) => this.row(trial)));
    byId("more").hidden = found.length <= shown.length;
    byId("table-text").textContent = this.words(found.length, shown.length);
  }

  words(found, shown) {
    const { trials, sampledFrom } = this.model;
    const listed = found > shown ? `, the first ${shown} are listed` : "";
    const sampled = sampledFrom
      ? `. This is a sample of ${sampledFrom} trials: new bests, failures, the newest, and evenly spaced others; ` +
        "`sparktune show --json` prints all"
      : "";
    return `${found} of ${trials.size} trials${listed}${sampled}`;
  }

  matches(trial) {
    if (this.stateBox.value && trial.state !== this.stateBox.value) return false;
    if (!this.kept(trial)) return false;
    const wanted = this.searchBox.value.trim().toLowerCase();
    if (!wanted) return true;
    return this.columns.some((column) => String(column.text(trial)).toLowerCase().includes(wanted));
  }

  ordered(trials) {
    const column = this.columns.find(({ key }) => key === this.sort.key) ?? this.columns[0];
    const sign = this.sort.down ? -1 : 1;
    return trials.sort((one, other) => {
      const [left, right] = [column.value(one), column.value(other)];
      if (left === right) return other.number - one.number;
      // Trials without a value are last in both directions.
      if (left === null) return 1;
      if (right === null) return -1;
      return left < right ? -sign : sign;
    });
  }

  head() {
    const { dimensions, metrics, metric, reply, ordered } = this.model;
    const some = { failures: ordered.some((trial) => trial.failure), attempts: reply.attempts.length > 1 };
    some.origins = ordered.some((trial) => trial.origin);
    const signature = JSON.stringify([dimensions, metrics, metric, some, this.sort]);
    if (signature === this.signature) return;
    this.signature = signature;
    this.columns = columnsOf(dimensions, metrics, metric, some);
    this.rows.clear();
    const focused = document.activeElement?.dataset?.column;
    const cells = this.columns.map((column) => this.headCell(column));
    byId("trials").tHead.replaceChildren(el("tr", {}, ...cells));
    cells.find((cell) => cell.firstChild.dataset.column === focused)?.firstChild.focus();
  }

  headCell(column) {
    const sorted = column.key === this.sort.key;
    const order = this.sort.down ? "descending" : "ascending";
    const arrow = sorted ? (this.sort.down ? " ↓" : " ↑") : "";
    const properties = { type: "button", class: "plain", "data-column": column.key };
    const button = el("button", properties, column.title, arrow);
    button.addEventListener("click", () => {
      this.sort = { key: column.key, down: sorted ? !this.sort.down : false };
      this.restart();
    });
    return el("th", { scope: "col", "aria-sort": sorted ? order : "none" }, button);
  }

  row(trial) {
    const best = trial.number === this.model.reply.summary?.best_number;
    const chosen = trial.number === this.chosen;
    const known = this.rows.get(trial.number);
    if (known && known.trial === trial && known.best === best && known.chosen === chosen) return known.node;
    const button = el("button", { type: "button", class: "plain", "aria-label": `Trial ${trial.number}` });
    button.setAttribute("aria-expanded", String(chosen));
    button.append(String(trial.number));
    const cells = this.columns.slice(1).map((column) => column.cell(trial, best));
    const classes = [best && "best", chosen && "chosen"].filter(Boolean).join(" ") || null;
    const node = el("tr", { class: classes, "data-trial": trial.number }, el("td", {}, button), ...cells);
    node.addEventListener("click", () => this.open(trial.number));
    this.rows.set(trial.number, { trial, best, chosen, node });
    if (known?.node.contains(document.activeElement)) setTimeout(() => button.focus());
    return node;
  }
}

function columnsOf(dimensions, metrics, metric, some) {
  const plainCell = (text, wide) => (trial) => {
    const words = String(text(trial));
    return el("td", { class: wide ? "text" : null, title: wide && words.length > 24 ? words : null }, words);
  };
  const columns = [
    { key: "number", title: "Trial", value: (trial) => trial.number, text: (trial) => trial.number },
    { key: "state", title: "State", value: (trial) => trial.state, text: (trial) => STATE_WORDS[trial.state], cell: stateCell },
    { key: "loss", title: title(metric.name), value: (trial) => trial.value, text: (trial) => blank(trial.value) },
    ...metrics.map((name) => ({
      key: `metric ${name}`,
      title: name,
      value: (trial) => trial.metrics[name] ?? null,
      text: (trial) => blank(trial.metrics[name]),
    })),
    { key: "run", title: "Run time", value: seconds, text: (trial) => (trial.state === "running" ? "" : duration(seconds(trial))) },
    ...dimensions.map((dimension, index) => ({
      key: `point ${index}`,
      title: dimension.path,
      value: (trial) => trial.point[index] ?? null,
      text: (trial) => valueOf(dimension, trial.point[index]),
      wide: Boolean(dimension.options),
    })),
  ];
  const text = (field) => ({ value: (trial) => trial[field], text: (trial) => trial[field] ?? "" });
  if (some.failures) columns.push({ key: "failure", title: "Failure", wide: true, ...text("failure") });
  if (some.origins) columns.push({ key: "origin", title: "Origin", value: (trial) => trial.origin || null, text: (trial) => trial.origin });
  if (some.attempts) columns.push({ key: "attempt", title: "Attempt", ...text("attempt") });
  return columns.map((column) => ({ cell: plainCell(column.text, column.wide), ...column }));
}

function stateCell(trial, best) {
  const name = `${SIGNS[trial.state]} ${STATE_WORDS[trial.state]}${best ? ", best" : ""}`;
  return el("td", {}, el("span", { class: `state ${trial.state}` }, name));
}

function blank(value) {
  return value === null || value === undefined ? "" : number(value);
}

function seconds(trial) {
  return trial.run_s ?? (trial.end === null || trial.start === null ? null : trial.end - trial.start);
}
