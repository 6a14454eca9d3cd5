// The page of one study.
import { TaskInstance } from "./airflow.js";
import { axesOf, limitedAxes, lossAxis } from "./axes.js";
import { Charts } from "./charts.js";
import { contenderTable, showConfirmation } from "./confirmation.js";
import { Contour } from "./contour.js";
import { ownCurve, showCurves } from "./curves.js";
import { byId, el } from "./dom.js";
import { Filters } from "./filters.js";
import { title } from "./format.js";
import { generationBox, showTitle } from "./head.js";
import { copyLink, recall, recalled } from "./links.js";
import { initLosses, showLosses } from "./losses.js";
import { StudyModel } from "./model.js";
import { Note } from "./note.js";
import { showNotices } from "./notices.js";
import { showDifferences, showPairs } from "./pairs.js";
import { describe, Panel } from "./panel.js";
import { showParallel } from "./parallel.js";
import { Parameters } from "./parameters.js";
import { segmentLinks } from "./segment_way.js";
import { comparisonOf, indexIn, placeOf, studyQuery, subject } from "./selection.js";
import { follow, LiveSource, ReportSource } from "./source.js";
import { showState } from "./state.js";
import { stopButton } from "./stop.js";
import { followTheme } from "./theme.js";
import { showTimeline } from "./timeline.js";
import { showTree } from "./tree.js";
import { TrialTable } from "./trials.js";

const query = new URLSearchParams(location.search);
const inside = byId("report");
const task = inside ? null : new TaskInstance(query);
const source = inside ? new ReportSource(JSON.parse(inside.textContent)) : new LiveSource(query, task);
const model = new StudyModel();
const filters = new Filters(() => {
  table.restart();
  charts.refresh([byId("parallel")]);
});
const open = (chosen) => panel.open(chosen);
const openMark = (chosen) => panel.open(chosen, { focus: true });
const panel = new Panel({
  load: (chosen) => source.trial(model, chosen),
  output: (chosen) => source.output(model, chosen),
  changed: () => {
    table.choose(panel.shown);
    recall("trial", panel.shown);
  },
  describe: (details) => describe(details, model.metric, ownCurve(model, details, openMark)),
  beside: (chosen, step) => table.beside(chosen, step),
  log: (details) => task?.logOf(details.start) ?? null,
  actions: inside ? [] : [copyLink(thisStudy)],
});
const note = new Note({ load: () => source.note(model), save: (text, replaces) => source.saveNote(model, text, replaces) });
const ROOT = "../../../../../../";
const table = new TrialTable({
  open,
  kept: (trial) => filters.kept(trial),
  compareAddress: inside ? null : (trials) => comparisonOf(ROOT, trials.map((trial) => subjectOf(trial.number))),
});
const contenders = contenderTable({ open, title: () => model.reply.title });
const charts = new Charts();
const parameters = new Parameters(() => source.importance(model), { askable: !inside, charts, open: openMark });
const contour = new Contour(openMark);
const painters = {
  "confirmation-pairs": () => showPairs(model, openMark),
  "confirmation-differences": () => showDifferences(model, openMark),
  losses: () => showLosses(model, openMark),
  curves: () => showCurves(model, openMark),
  timeline: () => showTimeline(model, openMark),
  parallel: () => showParallel(model, filters.axes, filters, openMark),
  contour: () => contour.show(model, filters.axes),
};
for (const [id, paint] of Object.entries(painters)) charts.add(byId(id), paint);
let trouble = null;
let linked = recalled("trial"); // the trial of a link, until its panel is open
let mayEdit = false;
let noted = inside; // whether the note has been requested

// This study, or a trial of it, in a comparison.
function subjectOf(trial = null) {
  const { dag, task, run } = placeOf(location.pathname);
  return subject(dag, task, run, indexIn(query), model.generation, trial, query.get("segment"));
}

function showCharts() {
  const { ordered, searched } = model;
  byId("timeline-section").hidden = !ordered.some((trial) => trial.start !== null);
  const successful = searched.filter((trial) => trial.state === "ok").length;
  for (const id of ["parallel", "importance", "slices"]) byId(`${id}-section`).hidden = !successful;
  byId("losses-section").hidden = !searched.some((trial) => trial.loss !== null);
  byId("curves-section").hidden = !model.curves.size;
  byId("trials-section").hidden = !ordered.length;
  if (!ordered.length) return;
  showTree(model);
  const axes = axesOf(model);
  filters.offer([...axes, ...limitedAxes(model), lossAxis(model)]);
  contour.offer(axes, successful);
  // The axes need a minimum width; on a narrow screen they scroll.
  byId("parallel").style.setProperty("--wide", `${filters.axes.length * 5.5}rem`);
  parameters.show(model, axes);
  charts.refresh();
}

function showMetric({ name }) {
  byId("slices-title").textContent = `${title(name)} by parameter`;
  byId("contour-title").textContent = `${title(name)} by two parameters`;
  byId("pairs-text").textContent = `${title(name)} in each repeat, joined where the seed is the same; the bars are the mean and its standard error.`;
}

function showAll(changed) {
  if (model.reply.application) return location.reload(); // its segments have another page
  const known = Boolean(model.reply.summary?.attempts);
  byId("study").hidden = !known;
  showNotices(model.reply, trouble, task?.current);
  showActions();
  showTitle(model.reply, task?.current);
  if (!known) return;
  if (!noted) note.ask();
  noted = true;
  showState(model, task?.current);
  showMetric(model.metric);
  if (!changed) return;
  showConfirmation(model, contenders);
  table.show(model);
  showCharts();
  if (linked !== null && model.ordered.length) {
    panel.open(Number(linked));
    linked = null;
  }
}

function showTrouble(message) {
  trouble = message;
  showNotices(model.reply, trouble, task?.current);
}

function showActions() {
  const { generations = [], generation } = model.reply ?? {};
  const stoppable = mayEdit && model.active;
  const signature = `${generations}|${generation}|${stoppable}`;
  const host = byId("actions");
  if (host.dataset.signature === signature) return;
  host.dataset.signature = signature;
  if (inside) return;
  const nodes = [el("a", { class: "button", href: "../../" }, "History of this task")];
  if (model.generation !== null) nodes.push(el("a", { class: "button", href: comparisonOf(ROOT, [subjectOf()]) }, "Compare…"));
  if (generation !== null && generation !== undefined) nodes.push(downloadLink(), copyLink(thisStudy));
  if (stoppable) nodes.unshift(stopButton("Stop and keep the best", () => source.stop(model), showTrouble));
  if (generations.length > 1) nodes.unshift(generationBox(query, generations, generation));
  host.replaceChildren(...nodes);
  if (query.get("segment")) segmentLinks(source, query, generation).then((links) => host.prepend(...links));
}

// The query of this study, even when the task has been cleared since.
function thisStudy() {
  return studyQuery({ index: indexIn(query), generation: model.generation, segment: query.get("segment") || null });
}

function downloadLink() {
  return el("a", { class: "button", href: `report?${thisStudy()}`, download: true }, "Download report");
}

initLosses(showCharts);
// Only users who may edit the task instance may stop its study and write its note.
if (!inside) {
  source.may("stop").then((may) => {
    mayEdit = may;
    if (may) note.allow();
  });
}
followTheme(showCharts);
follow(source, model, { news: showAll, trouble: showTrouble });
