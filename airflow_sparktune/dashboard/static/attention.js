// The reasons why a person should look at a study, its state and its decision, as cells of a table.
import { el } from "./dom.js";
import { title } from "./format.js";

// The reasons, the most urgent first.
const REASONS = { failed: "failed", lost: "lost", approval: "approval", old: "old champion", kept: "often kept" };
export const PHASES = ["waiting", "starting", "running", "done", "failed", "killed", "lost"];
const DECISIONS = ["first", "replaced", "kept", "proposed", "outdated", "promoted", "restored"];

// The place of a row in the order of urgency; rows without a reason come last.
export function urgency(row) {
  const reasons = Object.keys(REASONS);
  return Math.min(reasons.length, ...row.attention.map(({ kind }) => reasons.indexOf(kind)));
}

export const attentionColumn = { key: "attention", title: "Attention", choices: Object.values(REASONS), value: words, text: (row) => words(row) ?? "", cell: badges };

export const reasonColumn = { key: "reason", title: "Reason", wide: true, off: true, value: (row) => row.attention.map(({ text }) => text).join("; ") || null };

// The columns of the state and the decision of a study; `of(row)` returns its cells.
export function stateColumn(of) {
  return { key: "state", title: "State", choices: PHASES, value: (row) => of(row).phase, cell: (row) => state(of(row)) };
}

export function decisionColumn(of) {
  return { key: "decision", title: "Decision", choices: DECISIONS, value: (row) => of(row).decision?.kind ?? null, cell: (row) => decision(of(row).decision) };
}

export function whyColumn(of) {
  return { key: "why", title: "Why", wide: true, off: true, value: (row) => of(row).decision?.text ?? null };
}

function words(row) {
  return row.attention.map(({ kind }) => REASONS[kind]).join(", ") || null;
}

function badges(row) {
  return el("span", { class: "badges" }, ...row.attention.map(({ kind, text }) => el("span", { class: `badge ${kind}`, title: text }, REASONS[kind])));
}

function state({ phase, problem, end }) {
  return el("span", { class: `phase ${phase}`, title: problem ?? end ?? null }, problem ? "unreadable" : phase);
}

function decision(found) {
  return found ? el("strong", { class: `decision ${found.kind}`, title: found.text }, title(found.kind)) : "";
}
