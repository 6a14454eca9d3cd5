// The page of one study.
import { byId, el } from "./dom.js";
import { initLosses, showLosses } from "./losses.js";
import { StudyModel } from "./model.js";
import { showNotices } from "./notices.js";
import { follow, LiveSource } from "./source.js";
import { showState } from "./state.js";
import { TrialTable } from "./table.js";
import { followTheme } from "./theme.js";
import { initTimeline, showTimeline } from "./timeline.js";

const parameters = new URLSearchParams(location.search);
const source = new LiveSource(parameters);
const model = new StudyModel();
const table = new TrialTable({ load: (chosen) => source.trial(model, chosen), kept: () => true });
let trouble = null;

function showCharts() {
  if (!model.reply?.summary?.trials) return;
  showLosses(model);
  showTimeline(model);
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
  const nodes = [el("a", { class: "button", href: "../../" }, "History of this task")];
  if (generations.length > 1) nodes.unshift(generationBox(generations, generation));
  host.replaceChildren(...nodes);
}

function generationBox(generations, shown) {
  // Clearing a task begins a new study; the older ones stay.
  const name = (each, index) => (index === 0 ? "newest study" : `before clearing: study g${each}`);
  const options = generations.map((each, index) =>
    el("option", { value: each, selected: each === shown }, name(each, index)),
  );
  const box = el("select", { "aria-label": "Which study" }, ...options);
  box.addEventListener("change", () => {
    parameters.set("generation", box.value);
    location.search = parameters;
  });
  return box;
}

initLosses(showCharts);
initTimeline((chosen) => table.open(chosen));
followTheme(showCharts);
follow(source, model, {
  news: showAll,
  trouble: (message) => {
    trouble = message;
    showNotices(model.reply, trouble);
  },
});
