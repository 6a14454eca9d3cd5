// The decision's evidence as a table: the incumbent, each candidate, and the params that change in production.
import { byId, el, fillTable } from "./dom.js";
import { number, withError } from "./format.js";

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

const head = (metric) => ["Configuration", `Mean ${metric.name}`, "Better by", "At least", "Repeats", "Standing"];

// `open` is called with the trial whose name was clicked.
export function showConfirmation(model, open) {
  const { reply: { retuning }, metric } = model;
  const contenders = retuning?.contenders ?? [];
  byId("confirmation-section").hidden = !contenders.length;
  if (!contenders.length) return;
  byId("confirmation-text").textContent = words(retuning);
  byId("differences-text").textContent = differenceWords(retuning, metric);
  const standings = contenders.some((each) => each.incumbent) ? STANDINGS : ALONE;
  fillTable(byId("contenders"), head(metric), contenders.map((each) => row(each, standings, metric, open)));
  showChanged(retuning.changed);
}

export function nameOf(contender) {
  return contender.incumbent ? "incumbent" : `trial ${contender.number}`;
}

function row(each, standings, metric, open) {
  const button = el("button", { type: "button", class: "plain" }, nameOf(each));
  button.addEventListener("click", () => open(each.number));
  const standing = each.incumbent ? "in production today" : (standings[each.standing] ?? "");
  const cells = [
    button,
    withError(metric.shown(each.mean), each.std_error),
    each.incumbent ? "" : withError(each.difference, each.difference_error),
    each.bound === null ? "" : number(each.bound),
    each.incumbent ? String(each.n) : `${each.n}${each.pairs && each.pairs !== each.n ? `, ${each.pairs} pairs` : ""}`,
    each.why ? `${standing}: ${each.why}` : standing,
  ];
  return el("tr", { class: each.standing === "won" ? "best" : null }, ...cells.map((cell) => el("td", {}, cell)));
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
  byId("changed").replaceChildren();
  if (!entries.length) return;
  const pairs = entries.flatMap(([name, [before, after]]) => [
    el("dt", {}, name),
    el("dd", {}, `${shown(before)} → ${shown(after)}`),
  ]);
  byId("changed").append(el("div", { class: "card" }, el("h2", {}, "What changes in production"), el("dl", {}, ...pairs)));
}

function shown(value) {
  return value === null ? "not used" : number(value);
}
