// The page of one study.
import { axesOf, lossAxis } from "./axes.js";
import { Charts } from "./charts.js";
import { byId, el } from "./dom.js";
import { Filters } from "./filters.js";
import { initLosses, showLosses } from "./losses.js";
import { StudyModel } from "./model.js";
import { showNotices } from "./notices.js";
import { showParallel } from "./parallel.js";
import { Parameters } from "./parameters.js";
import { follow, LiveSource, ReportSource } from "./source.js";
import { showState } from "./state.js";
import { TrialTable } from "./table.js";
import { followTheme } from "./theme.js";
import { showTimeline } from "./timeline.js";

const query = new URLSearchParams(location.search);
const inside = byId("report");
const source = inside ? new ReportSource(JSON.parse(inside.textContent)) : new LiveSource(query);
const model = new StudyModel();
const filters = new Filters(() => {
  table.restart();
  charts.refresh();
});
const table = new TrialTable({ load: (chosen) => source.trial(model, chosen), kept: (trial) => filters.kept(trial) });
const parameters = new Parameters(() => source.importance(model), { askable: !inside });
const charts = new Charts({
  losses: () => showLosses(model),
  timeline: () => showTimeline(model, (chosen) => table.open(chosen)),
  parallel: () => showParallel(model, filters.axes, filters),
});
let trouble = null;

function showCharts() {
  if (!model.reply?.summary?.trials) return;
  const axes = axesOf(model);
  filters.offer([...axes, lossAxis(model)]);
  // Beside each other the axes need room; on a narrow screen they scroll.
  byId("parallel").style.setProperty("--wide", `${filters.axes.length * 5.5}rem`);
  charts.refresh();
  parameters.show(model, axes);
}

function showAll(changed) {
  const known = model.reply !== null && model.reply.phase !== "none" && model.reply.phase !== "waiting";
  byId("study").hidden = !known;
  showNotices(model.reply, trouble);
  showActions();
  document.title = byId("title").textContent = `Tuning: ${model.reply.title}`;
  if (!known) return;
  showState(model);
  if (!changed) return;
  table.show(model);
  showCharts();
}

function showActions() {
  const { generations = [], generation } = model.reply ?? {};
  const signature = `${generations}|${generation}`;
  const host = byId("actions");
  if (host.dataset.signature === signature) return;
  host.dataset.signature = signature;
  if (inside) return;
  const nodes = [el("a", { class: "button", href: "../../" }, "History of this task")];
  if (generation !== null && generation !== undefined) nodes.push(downloadLink(generation));
  if (generations.length > 1) nodes.unshift(generationBox(generations, generation));
  host.replaceChildren(...nodes);
}

function downloadLink(generation) {
  const wanted = new URLSearchParams(query);
  wanted.set("generation", generation);
  return el("a", { class: "button", href: `report?${wanted}`, download: true }, "Download report");
}

function generationBox(generations, shown) {
  // Clearing a task begins a new study; the older ones stay.
  const name = (each, index) => (index === 0 ? "newest study" : `before clearing: study g${each}`);
  const options = generations.map((each, index) =>
    el("option", { value: each, selected: each === shown }, name(each, index)),
  );
  const box = el("select", { "aria-label": "Which study" }, ...options);
  box.addEventListener("change", () => {
    query.set("generation", box.value);
    location.search = query;
  });
  return box;
}

initLosses(showCharts);
followTheme(showCharts);
follow(source, model, {
  news: showAll,
  trouble: (message) => {
    trouble = message;
    showNotices(model.reply, trouble);
  },
});
