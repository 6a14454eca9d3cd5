// The panel of a trial: params, metrics, curves, the failure, timing.
import { copyButtons } from "./copy.js";
import { byId, definitions, el, outwardLink } from "./dom.js";
import { duration, moment, number, SIGNS, STATE_WORDS } from "./format.js";
import { svg } from "./svg.js";

const STEPS = [
  { step: -1, key: "ArrowLeft", sign: "‹", name: "Previous trial" },
  { step: 1, key: "ArrowRight", sign: "›", name: "Next trial" },
];

export class Panel {
  // `load(number)` fetches a trial's details, `output(number)` its output; `changed()` is called when another trial is
  // shown, or none; `describe(details)` returns the nodes; `beside(number, step)` is the previous or next trial's
  // number, or null; `log(details)` is the address of the task's log in Airflow, or null.
  constructor({ load, output, changed, describe, beside, log, actions }) {
    Object.assign(this, { load, output, changed, describe, beside, log });
    this.shown = null; // the trial's number
    this.opener = null; // what gets the focus back
    this.title = el("h2");
    this.parts = el("div");
    this.steps = STEPS.map(({ step, sign, name }) => smallButton(sign, name, () => this.step(step)));
    const close = smallButton("✕", "Close the panel", () => this.close());
    const controls = el("div", { class: "controls" }, ...this.steps, ...actions, close);
    byId("panel").append(el("div", { class: "bar" }, this.title, controls), this.parts);
    document.addEventListener("keydown", (event) => this.key(event));
  }

  // The arrow keys step, except where they move a cursor or scroll.
  key(event) {
    if (this.shown === null) return;
    if (event.key === "Escape") return this.close();
    const wanted = STEPS.find(({ key }) => key === event.key);
    if (!wanted || event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input:not([type=checkbox]), select, textarea, pre")) return;
    event.preventDefault();
    this.step(wanted.step);
  }

  step(step) {
    const next = this.beside(this.shown, step);
    if (next !== null) this.show(next);
  }

  // A trial that is open is closed. With `focus`, the panel gets the focus: a mark in a chart cannot have it.
  open(trialNumber, { focus = false } = {}) {
    if (trialNumber === this.shown) return this.close();
    if (focus) this.opener = document.activeElement;
    const shown = this.show(trialNumber);
    if (focus) byId("panel").focus();
    return shown;
  }

  async show(trialNumber) {
    this.shown = trialNumber;
    this.changed();
    this.title.textContent = `Trial ${trialNumber}`;
    STEPS.forEach(({ step }, index) => (this.steps[index].disabled = this.beside(trialNumber, step) === null));
    this.parts.replaceChildren(el("p", {}, "Loading…"));
    byId("panel").hidden = false;
    let parts;
    try {
      const details = await this.load(trialNumber);
      parts = [...this.describe(details), await this.logLink(details)];
    } catch (error) {
      parts = [el("p", {}, error.message)];
    }
    if (this.shown !== trialNumber) return;
    this.parts.replaceChildren(...parts);
    const printed = await this.printed(trialNumber);
    if (this.shown === trialNumber) this.parts.append(...printed);
  }

  async logLink(details) {
    const address = await this.log(details);
    return address ? el("p", {}, outwardLink(address, "Log of the task's try")) : "";
  }

  async printed(trialNumber) {
    try {
      const text = await this.output(trialNumber);
      return text ? [el("h3", {}, "Output"), el("pre", { class: "traceback", tabindex: "0" }, text)] : [];
    } catch (error) {
      return [el("h3", {}, "Output"), el("p", {}, error.message)];
    }
  }

  close() {
    if (this.shown === null) return;
    const focused = byId("panel").contains(document.activeElement);
    this.shown = null;
    byId("panel").hidden = true;
    this.changed();
    if (focused) this.opener?.focus();
    this.opener = null;
  }
}

function smallButton(sign, name, onclick) {
  return el("button", { type: "button", class: "small", "aria-label": name, title: name, onclick }, sign);
}

// The details of a trial, with its learning curve if there is one.
export function describe(trial, metric, curve) {
  const parts = [
    el(
      "p",
      {},
      el("span", { class: `state ${trial.state}` }, `${SIGNS[trial.state]} ${STATE_WORDS[trial.state]}`),
      trial.loss === null ? "" : `, ${metric.name} ${number(metric.shown(trial.loss))}`,
    ),
  ];
  if (trial.error) parts.push(failure(trial.error));
  parts.push(
    el("h3", {}, "Params"),
    definitions(Object.entries(trial.named).map(([name, value]) => [name, number(value)])),
    copyButtons(trial.params),
  );
  if (curve) parts.push(el("h3", {}, "Learning curve, and those of the other trials"), curve);
  parts.push(...reported(trial.info));
  parts.push(
    el("h3", {}, "Timing"),
    definitions([
      ["start", moment(trial.start)],
      ["end", moment(trial.end)],
      ["in the objective", duration(trial.run_s)],
      ["slot", number(trial.slot)],
      ["driver attempt", number(trial.attempt)],
      ...(trial.origin_text ? [["origin", trial.origin_text]] : []),
      ...(trial.suggested_by ? [["suggested by", trial.suggested_by]] : []),
    ]),
  );
  return parts;
}

function failure(error) {
  return el(
    "div",
    { class: "notice bad" },
    el("p", { class: "strong" }, error.message),
    error.traceback && el("pre", { class: "traceback", tabindex: "0" }, error.traceback),
  );
}

// The other returned values of the objective: numbers as a list, lists of numbers as curves, the rest as JSON.
function reported(info) {
  const entries = Object.entries(info);
  if (!entries.length) return [];
  const metrics = entries.filter(([, value]) => typeof value === "number");
  const curves = entries.filter(([, value]) => isSeries(value));
  const others = entries.filter(([, value]) => typeof value !== "number" && !isSeries(value));
  const parts = [el("h3", {}, "Metrics")];
  if (metrics.length) parts.push(definitions(metrics.map(([name, value]) => [name, number(value)])));
  for (const [name, value] of curves) {
    parts.push(el("p", { class: "quiet" }, `${name}: ${value.length} values, the last ${number(value.at(-1))}`));
    parts.push(sparkline(value));
  }
  if (others.length) parts.push(el("pre", {}, JSON.stringify(Object.fromEntries(others), null, 2)));
  return parts;
}

// A curve of the numbers in a list, such as the loss per epoch.
function sparkline(values) {
  const least = values.reduce((one, other) => Math.min(one, other));
  const span = values.reduce((one, other) => Math.max(one, other)) - least || 1;
  const step = 100 / (values.length - 1);
  const points = values.map((value, index) => `${step * index},${30 - (30 * (value - least)) / span}`);
  const frame = { class: "sparkline", viewBox: "0 0 100 30", preserveAspectRatio: "none" };
  // The numbers are in the line above.
  return svg("svg", { ...frame, "aria-hidden": "true" }, svg("polyline", { points: points.join(" ") }));
}

function isSeries(value) {
  return Array.isArray(value) && value.length > 1 && value.every((item) => typeof item === "number");
}
