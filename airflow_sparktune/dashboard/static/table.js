// The trials as a table: sort, filter by state, search; a row opens what is known about its trial.
import { showDetail } from "./detail.js";
import { byId, el, reconcile } from "./dom.js";
import { duration, number, short, SIGNS, STATES, valueOf } from "./format.js";

const PAGE = 100;

export class TrialTable {
  // `load(number)` fetches a trial's details; `kept(trial)` says whether the brushes let it through.
  constructor({ load, kept }) {
    this.load = load;
    this.kept = kept;
    this.model = null;
    this.sort = { key: "number", down: true };
    this.limit = PAGE;
    this.opened = new Map(); // trial's number -> its detail row
    this.rows = new Map(); // trial's number -> { trial, best, node }
    this.columns = [];
    this.stateBox = el("select", { "aria-label": "Show trials of state" }, el("option", { value: "" }, "all states"));
    this.stateBox.append(...STATES.map((state) => el("option", { value: state }, state)));
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

  show(model) {
    if (!model) return;
    if (model.stream !== this.stream) this.forget(model);
    this.model = model;
    this.head(model.dimensions);
    const found = this.found();
    const shown = found.filter((trial, index) => index < this.limit || this.opened.has(trial.number));
    const nodes = shown.flatMap((trial) => [this.row(trial), this.opened.get(trial.number)].filter(Boolean));
    reconcile(byId("trials").tBodies[0], nodes);
    byId("more").hidden = found.length <= shown.length;
    byId("table-text").textContent = `${found.length} of ${model.trials.size} trials` +
      (found.length > shown.length ? `, the first ${this.limit} are listed` : "");
  }

  // Open a trial's row; one that the filters keep out stays out.
  open(trialNumber) {
    const trial = this.found().find((each) => each.number === trialNumber);
    if (!trial) return;
    if (!this.opened.has(trialNumber)) this.toggle(trial);
    this.opened.get(trialNumber).scrollIntoView({ block: "center" });
  }

  found() {
    return this.ordered(this.model.ordered.filter((trial) => this.matches(trial)));
  }

  forget(model) {
    this.stream = model.stream;
    this.rows.clear();
    this.opened.clear();
  }

  matches(trial) {
    if (this.stateBox.value && trial.state !== this.stateBox.value) return false;
    if (!this.kept(trial)) return false;
    const wanted = this.searchBox.value.trim().toLowerCase();
    if (!wanted) return true;
    return this.columns.some((column) => String(column.text(trial)).toLowerCase().includes(wanted)) ||
      (trial.failure ?? "").toLowerCase().includes(wanted);
  }

  ordered(trials) {
    const column = this.columns.find(({ key }) => key === this.sort.key) ?? this.columns[0];
    const sign = this.sort.down ? -1 : 1;
    return trials.sort((one, other) => {
      const [left, right] = [column.value(one), column.value(other)];
      if (left === right) return other.number - one.number;
      // What has no value goes to the end, whichever way the column is sorted.
      if (left === null) return 1;
      if (right === null) return -1;
      return left < right ? -sign : sign;
    });
  }

  head(dimensions) {
    const signature = JSON.stringify([dimensions, this.sort]);
    if (signature === this.signature) return;
    this.signature = signature;
    this.columns = columnsOf(dimensions);
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
    const known = this.rows.get(trial.number);
    if (known && known.trial === trial && known.best === best) return known.node;
    const opened = this.opened.has(trial.number);
    const button = el("button", { type: "button", class: "plain", "aria-expanded": String(opened) });
    button.setAttribute("aria-label", `Trial ${trial.number}`);
    button.append(`${trial.number} ${opened ? "▾" : "▸"}`);
    button.addEventListener("click", () => this.toggle(trial));
    const cells = this.columns.slice(1).map((column) => column.cell(trial, best));
    const node = el("tr", { class: best ? "best" : null, "data-trial": trial.number }, el("td", {}, button), ...cells);
    this.rows.set(trial.number, { trial, best, node });
    if (known?.node.contains(document.activeElement)) setTimeout(() => button.focus());
    return node;
  }

  toggle(trial) {
    if (!this.opened.delete(trial.number)) {
      const cell = el("td", { colspan: this.columns.length }, "Loading…");
      this.opened.set(trial.number, el("tr", { class: "detail" }, cell));
      this.load(trial.number).then(
        (detail) => showDetail(cell, detail),
        (error) => (cell.textContent = error.message),
      );
    }
    const known = this.rows.get(trial.number);
    if (known) known.trial = null; // its arrow has turned
    this.show(this.model);
  }
}

function columnsOf(dimensions) {
  const plainCell = (text, wraps) => (trial) => el("td", { class: wraps ? "text" : null }, text(trial));
  const fixed = [
    { key: "number", title: "Trial", value: (trial) => trial.number, text: (trial) => trial.number },
    { key: "state", title: "State", value: (trial) => trial.state, text: (trial) => trial.state, cell: stateCell },
    { key: "loss", title: "Loss", value: (trial) => trial.loss, text: (trial) => number(trial.loss) },
    { key: "run", title: "Run time", value: seconds, text: (trial) => duration(seconds(trial)) },
  ];
  const params = dimensions.map((dimension, index) => ({
    key: `point ${index}`,
    title: dimension.label,
    value: (trial) => trial.point[index] ?? null,
    text: (trial) => short(valueOf(dimension, trial.point[index]), 40),
    wraps: Boolean(dimension.options),
  }));
  const read = (trial) => trial.attempt;
  const attempt = { key: "attempt", title: "Attempt", value: read, text: read };
  return [...fixed, ...params, attempt].map((column) => ({ cell: plainCell(column.text, column.wraps), ...column }));
}

function stateCell(trial, best) {
  const name = `${SIGNS[trial.state]} ${trial.state}${best ? ", best" : ""}`;
  const state = el("span", { class: `state ${trial.state}` }, name);
  return el("td", { class: "text" }, state, trial.failure && el("div", { class: "quiet" }, trial.failure));
}

function seconds(trial) {
  return trial.run_s ?? (trial.end === null || trial.start === null ? null : trial.end - trial.start);
}
