// The decision's evidence as a table: the incumbent, each candidate, and the params that change in production.
import { column } from "./columns.js";
import { byId, definitions, el } from "./dom.js";
import { number, withError } from "./format.js";
import { Table } from "./table.js";

const STANDINGS = {
  won: "wins",
  passed: "better, but not the best",
  not_better: "not significantly better",
  dropped: "dropped early: clearly worse",
  failed: "excluded: a repeat failed",
  guardrail: "excluded: violates a guardrail",
  unfinished: "cut off",
};
// The standings if there was no incumbent to compare with.
const ALONE = { ...STANDINGS, won: "first champion", passed: "not the best" };

// The table of the contenders of a study, whose title is `title()`. `open` is called with the trial that was clicked.
export function contenderTable({ open, title }) {
  return new Table(byId("contenders-section"), {
    name: "contenders",
    noun: "contender",
    filters: false,
    keyOf: (each) => each.number,
    open: (each) => open(each.number),
    classes: (each) => each.standing === "won" && "best",
    file: () => ["contenders", title()],
  });
}

export function showConfirmation(model, table) {
  const { reply: { retuning }, metric } = model;
  const contenders = retuning?.contenders ?? [];
  byId("confirmation-section").hidden = !contenders.length;
  if (!contenders.length) return;
  byId("confirmation-text").textContent = words(retuning);
  byId("differences-text").textContent = differenceWords(retuning, metric);
  table.show(contenders, columnsOf(contenders, metric));
  showChanged(retuning.changed);
}

export function nameOf(contender) {
  return contender.incumbent ? "incumbent" : `trial ${contender.number}`;
}

function columnsOf(contenders, metric) {
  const standings = contenders.some((each) => each.incumbent) ? STANDINGS : ALONE;
  const standing = (each) => (each.incumbent ? "in production today" : (standings[each.standing] ?? ""));
  const mean = (each) => metric.shown(each.mean);
  const gain = (each) => (each.incumbent ? null : each.difference);
  return [
    { key: "name", title: "Configuration", value: nameOf, cell: (each) => el("button", { type: "button", class: "plain" }, nameOf(each)) },
    { key: "mean", title: `Mean ${metric.name}`, kind: "number", value: mean, text: (each) => withError(mean(each), each.std_error) },
    { key: "error", title: "Standard error", kind: "number", off: true, value: (each) => each.std_error },
    { key: "gain", title: "Better by", kind: "number", value: gain, text: (each) => (each.incumbent ? "" : withError(gain(each), each.difference_error)) },
    { key: "gainerror", title: "Standard error of the difference", kind: "number", off: true, value: (each) => each.difference_error },
    { key: "bound", title: "At least", kind: "number", value: (each) => each.bound },
    { key: "repeats", title: "Repeats", kind: "number", value: (each) => each.n, text: (each) => repeats(each) },
    { key: "standing", title: "Standing", value: (each) => [standing(each), each.why].filter(Boolean).join(": ") },
  ].map(column);
}

function repeats({ incumbent, n, pairs }) {
  return !incumbent && pairs && pairs !== n ? `${n}, ${pairs} pairs` : String(n);
}

function words({ contenders, repeats, confidence, margin, noise, problem }) {
  const incumbent = contenders.some((each) => each.incumbent);
  const parts = [
    incumbent
      ? `${contenders.length - 1} candidates and the incumbent ran up to ${repeats} more times, with the same new seeds.`
      : `${contenders.length} candidates ran up to ${repeats} more times; there was no incumbent to compare with.`,
  ];
  if (incumbent) parts.push(`A candidate replaces it if the difference exceeds ${marginWords(margin)} with ${number(100 * confidence)} % confidence.`);
  if (!noise) parts.push("No noise was measured, so differences are compared without a test.");
  if (problem) parts.push(`The incumbent does not fit the space: ${problem}.`);
  return parts.join(" ");
}

function marginWords(margin) {
  return margin === 0 ? "0" : `the margin of ${margin}`;
}

function differenceWords({ contenders, margin }, metric) {
  if (!contenders.some((each) => each.difference !== null)) return "";
  const less = margin === 0 ? "" : " minus the margin";
  const [one, other] = metric.maximized ? ["candidate", "incumbent"] : ["incumbent", "candidate"];
  return `The ${one}'s ${metric.name} minus the ${other}'s. The thick bar is the standard error, the tick the lower confidence bound${less}: a candidate with a bound above 0 passes.`;
}

function showChanged(changed) {
  const entries = Object.entries(changed);
  const list = definitions(entries.map(([name, [before, after]]) => [name, `${shown(before)} → ${shown(after)}`]));
  const card = el("div", { class: "card" }, el("h2", {}, "What changes in production"), list);
  byId("changed").replaceChildren(...(entries.length ? [card] : []));
}

function shown(value) {
  return value === null ? "not used" : number(value);
}
