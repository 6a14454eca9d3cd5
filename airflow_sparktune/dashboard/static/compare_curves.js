// The best result so far of each study, over its trials or over their slot time; the learning curves of trials.
import { draw, logKind, logScale } from "./chart.js";
import { metricName } from "./compare_member.js";
import { byId } from "./dom.js";
import { duration, number, title } from "./format.js";
import { hoverText, improvements } from "./losses.js";

const UNITS = [["hours", 3600], ["minutes", 60], ["seconds", 1]];

export function showBest(members, { over, log }, open) {
  const studies = members.filter((member) => member.trial === null && member.done.length);
  const placed = studies.map((member) => ({ member, at: over === "time" ? slotTime(member.model) : countOf(member.model) }));
  const longest = Math.max(...placed.map(({ at }) => at.last));
  const [unit, seconds] = over === "time" ? (UNITS.find(([, each]) => longest >= 2 * each) ?? UNITS.at(-1)) : ["", 1];
  const series = placed.map(({ member, at }) => bestOf(member, at, seconds));
  const name = metricName(studies);
  const values = series.flatMap(({ items }) => items.map(({ value }) => value));
  const kind = logScale(byId("log-loss"), values, log) ? logKind(values) : "linear";
  byId("best-title").textContent = `Best ${name} so far`;
  byId("best-text").textContent = words(studies, over);
  const layout = {
    x: { title: over === "time" ? `slot time of trials, ${unit}` : "trial", start: 0 },
    y: { title: name, kind },
  };
  draw(byId("best"), series, layout, { click: ({ member }) => open(member) });
}

// The order of a study's trials, and the place of each on the x axis.
function countOf({ searched }) {
  return { trials: searched, of: (trial) => trial.number, last: searched.at(-1).number };
}

// By the time that trials have taken together, when each has ended. In a sample, each trial stands for several.
function slotTime({ searched, reply }) {
  const own = searched.filter((trial) => trial.end !== null && trial.start !== null && trial.origin !== "cleared study");
  const each = reply.summary.trials / Math.max(searched.length, 1);
  const trials = own.sort((one, other) => one.end - other.end);
  const spent = new Map();
  let sum = 0;
  for (const trial of trials) spent.set(trial, (sum += each * (trial.end - trial.start)));
  return { trials, of: (trial) => spent.get(trial), last: sum };
}

function bestOf(member, { trials, of, last }, unit) {
  const items = improvements(trials).map((trial) => ({ member, trial, at: of(trial) / unit, value: trial.value }));
  if (items.length) items.push({ ...items.at(-1), at: last / unit });
  const line = { color: member.colour, width: 2, steps: true };
  const text = ({ trial }) => [member.name, ...hoverText(trial, member.model)];
  return { name: member.name, items, x: ({ at }) => at, y: ({ value }) => value, line, dots: { color: member.colour, size: 5 }, text };
}

function words(studies, over) {
  const different = new Set(studies.map(({ subject: { dag, task, run } }) => `${dag} ${task} ${run}`)).size > 1;
  const data = different ? " Results of different runs may have been measured on different data." : "";
  const total = (member) => duration(slotTime(member.model).last);
  const spent = over === "time" ? ` In all: ${studies.map((member) => `${member.name} ${total(member)}`).join("; ")}.` : "";
  return `${title(metricName(studies))} of the best trial so far.${spent}${data}`;
}

// The reports of the chosen trials.
export function showCurves(members, open) {
  const series = members.filter((member) => member.curve).map((member) => {
    const { steps, losses } = member.curve;
    const items = steps.map((step, index) => ({ member, step, value: member.model.metric.shown(losses[index]) }));
    const text = ({ step, value }) => [member.name, `step ${step}: ${member.model.metric.name} ${number(value)}`];
    const [line, dots] = [{ color: member.colour, width: 2 }, { color: member.colour, size: 4 }];
    return { name: member.name, items, x: ({ step }) => step, y: ({ value }) => value, line, dots, text };
  });
  draw(byId("curves"), series, { x: { title: "step" }, y: { title: metricName(members) } }, { click: ({ member }) => open(member) });
}
