// The studies and trials beside each other: their results and their params, with what differs first. A CSV file of a
// table has a line for each of its rows, and a column for each study or trial.
import { metricName } from "./compare_member.js";
import { csvButton } from "./csv.js";
import { byId, el, renew } from "./dom.js";
import { duration, moment, number, STATE_WORDS, title } from "./format.js";
import { studyPage } from "./selection.js";

const NONE = "–";

// Buttons that save the tables as they are now; `words()` are what all columns have in common.
export function offerFiles(members, words) {
  const offer = (name, rows) =>
    byId(`${name}-controls`).append(csvButton(name, () => ({ words: [name, ...words()], columns: fileColumns(members), rows: rows() })));
  offer("results", () => [...shownResults(members), ...settingsOf(members)]);
  offer("params", () => paramsOf(members));
}

function fileColumns(members) {
  const columns = members.map(({ name }, index) => ({ title: name, value: ({ texts, values = texts }) => values[index] }));
  return [{ title: "", value: ({ name }) => name }, ...columns];
}

export function showResults(members, act) {
  const rows = shownResults(members);
  const settings = settingsOf(members);
  const heading = settings.length ? [groupRow(members, "Settings that differ")] : [];
  fill(byId("results"), members, act, [...rows.map((row) => tableRow(members, row)), ...heading, ...settings.map((row) => tableRow(members, row))]);
}

export function showParams(members, act) {
  const shown = members.filter((member) => !member.problem);
  const rows = paramsOf(members);
  const differ = ({ texts }) => new Set(texts.filter((_, index) => !members[index].problem)).size > 1;
  const [different, same] = [rows.filter(differ), rows.filter((row) => !differ(row))];
  const group = (name, some) => (some.length ? [groupRow(members, `${name} (${some.length})`), ...some.map((row) => tableRow(members, row))] : []);
  const grouped = shown.length > 1 ? [...group("Different", different), ...group("The same", same)] : rows.map((row) => tableRow(members, row));
  byId("params-title").textContent = members.some((member) => member.trial === null) ? "Best params" : "Params";
  byId("params-text").textContent = rows.length ? "" : "No result yet.";
  fill(byId("params"), members, act, grouped);
}

function paramsOf(members) {
  const names = [...new Set(members.flatMap((member) => Object.keys(member.params)))];
  return names.map((name) => ({
    name,
    texts: members.map((member) => textOf(member, name)),
    values: members.map((member) => member.params[name] ?? null),
  }));
}

function textOf(member, name) {
  if (member.problem) return "";
  return name in member.params ? number(member.params[name]) : NONE;
}

function shownResults(members) {
  return results(members).filter(({ texts }) => texts.some(Boolean));
}

function results(members) {
  const row = (name, study, trial = () => "") => ({
    name,
    texts: members.map((member) => {
      if (member.problem) return "";
      return (member.trial === null ? study(member.model.reply, member.model) : trial(member.ownTrial)) || "";
    }),
  });
  const values = members.map((member) => member.value);
  const lowest = members.map((member) => (member.value === null ? null : (member.model.metric.maximized ? -1 : 1) * member.value));
  const least = Math.min(...lowest.filter((value) => value !== null));
  const comparable = new Set(members.filter((member) => member.known).map((member) => member.model.metric.name)).size === 1;
  const metrics = [...new Set(members.flatMap((member) => (member.trial === null ? [] : member.model.metrics)))];
  return [
    { ...row("State", ({ texts }) => texts.ended ?? texts.state, (trial) => STATE_WORDS[trial.state]), problems: true },
    {
      name: title(metricName(members)),
      texts: values.map((value) => (value === null ? "" : number(value))),
      values,
      best: lowest.map((value) => comparable && members.length > 1 && value !== null && value === least),
    },
    row("Best trial", ({ best_facts: facts }) => facts.join("; ")),
    row("Origin", () => "", (trial) => trial.origin),
    row("Failure", () => "", (trial) => trial.failure),
    ...metrics.map((name) => ({
      ...row(name, () => "", (trial) => name in trial.metrics && number(trial.metrics[name])),
      values: members.map(({ ownTrial }) => ownTrial?.metrics[name]),
    })),
    row("Decision", ({ texts }) => texts.decision),
    row("Verdict", ({ verdict }) => verdict),
    row("Trials", ({ texts }) => texts.trials),
    row("Started", (reply, model) => moment(model.started), (trial) => moment(trial.start)),
    row("Duration", (reply, model) => duration(model.elapsed), (trial) => duration(trial.run_s)),
    row("Cost", ({ texts }) => texts.cost),
  ];
}

// The settings of the studies that differ.
function settingsOf(members) {
  const known = members.filter((member) => !member.problem && member.trial === null);
  const settings = {
    Objective: ({ summary }) => summary.objective,
    Algorithm: ({ summary }) => summary.algo,
    "Most trials": ({ summary }) => summary.max_evals,
    Slots: ({ summary }) => summary.slots,
    Seed: ({ summary }) => summary.seed,
    Segment: ({ summary }) => summary.segment,
    Code: ({ summary }) => summary.code,
    "Search space": ({ dimensions }) => dimensions.map(rangeText).join("; "),
  };
  return known.length < 2 ? [] : Object.entries(settings).map(([name, read]) => ({
    name,
    texts: members.map((member) => (known.includes(member) ? number(read(member.model.reply)) : "")),
  })).filter(({ texts }) => new Set(texts.filter((_, index) => known.includes(members[index]))).size > 1);
}

function rangeText({ path, low, high, options, log }) {
  if (options) return `${path}: ${[options].flat().join(", ")}`;
  return `${path}: ${number(low)} to ${number(high)}${log ? ", log" : ""}`;
}

function fill(table, members, { root, remove }, rows) {
  table.style.setProperty("--columns", members.length);
  const heads = members.map((member) => {
    const swatch = el("span", { class: "swatch" });
    swatch.style.background = member.colour;
    const { dag, task, run } = member.subject;
    const link = el("a", { href: studyPage(root, member.subject), title: `${dag}.${task}, ${run}` }, member.name);
    const button = el("button", { type: "button", class: "small", "aria-label": `Remove ${member.name}`, onclick: () => remove(member) }, "✕");
    return el("th", { scope: "col" }, swatch, link, " ", button);
  });
  renew(table.tHead, [el("tr", {}, el("td", {}), ...heads)]);
  renew(table.tBodies[0], rows);
}

function tableRow(members, { name, texts, best = [], problems = false }) {
  const cells = texts.map((text, index) => {
    const { problem } = members[index];
    if (problem) return problems ? el("td", { class: "problem" }, problem) : el("td", {});
    return el("td", { class: best[index] ? "best" : null }, text);
  });
  return el("tr", {}, el("th", { scope: "row" }, name), ...cells);
}

function groupRow(members, name) {
  return el("tr", { class: "group" }, el("th", { scope: "colgroup", colspan: members.length + 1 }, name));
}
