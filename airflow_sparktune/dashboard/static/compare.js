// The comparison of the studies and trials that its address names.
import { Charts } from "./charts.js";
import { byId, el } from "./dom.js";
import { offerMore } from "./compare_add.js";
import { showBest, showCurves } from "./compare_curves.js";
import { Member } from "./compare_member.js";
import { showParallel } from "./compare_parallel.js";
import { offerFiles, showParams, showResults } from "./compare_tables.js";
import { copyLink } from "./links.js";
import { comparisonOf, MOST_COMPARED, studyPage, subjectsIn } from "./selection.js";
import { follow } from "./source.js";
import { followTheme } from "./theme.js";

const ROOT = "../";
const query = new URLSearchParams(location.search);
const { subjects, wrong } = subjectsIn(query);
const members = Member.all(subjects.slice(0, MOST_COMPARED), ROOT);
const charts = new Charts();
const view = {
  get over() {
    return query.get("over") === "time" ? "time" : "trials";
  },
  get log() {
    return query.has("log") ? query.get("log") === "1" : null; // null until the user decides
  },
};
const open = (member) => (location.href = studyPage(ROOT, member.subject));
charts.add(byId("best"), () => showBest(members, view, open));
charts.add(byId("curves"), () => showCurves(members, open));
charts.add(byId("parallel"), () => showParallel(members, open));

// The page with another selection.
function choose(chosen) {
  location.href = comparisonOf(ROOT, chosen, query);
}

// The view is in the address, so that a link to the page has it.
function set(name, value) {
  query.set(name, value);
  history.replaceState(null, "", comparisonOf(ROOT, subjects, query));
  charts.refresh([byId("best")]);
}

function show() {
  showNotices();
  showTitle();
  byId("comparison").hidden = !members.length;
  const without = (member) => choose(subjects.filter((each) => each !== member.subject));
  showResults(members, { root: ROOT, remove: without });
  showParams(members, { root: ROOT, remove: without });
  const studies = members.filter((member) => member.trial === null);
  byId("best-section").hidden = !studies.some((member) => member.done.length);
  byId("curves-section").hidden = !members.some((member) => member.curve);
  byId("parallel-section").hidden = !members.some((member) => member.done.length);
  charts.refresh();
}

// The title, and what the columns' names leave out because it is the same for all.
function showTitle() {
  const what = subjects.some(({ trial }) => trial === null) || !subjects.length ? "studies" : "trials";
  document.title = byId("title").textContent = `Compare ${what}`;
  byId("subtitle").textContent = common().join(", ");
}

function common() {
  const same = (read) => (new Set(subjects.map(read)).size === 1 ? read(subjects[0]) : null);
  const task = same(({ dag, task: name }) => `${dag}.${name}`);
  const index = task && same((each) => each.index);
  const segment = task && same((each) => each.segment);
  return [task, task && same(({ run }) => run), index !== null && index >= 0 && `map index ${index}`, segment && `segment ${segment}`].filter(Boolean);
}

function showNotices() {
  const lines = wrong.map((text) => `This address names no study: ${text}`);
  if (subjects.length > MOST_COMPARED) lines.push(`The first ${MOST_COMPARED} of ${subjects.length} are shown.`);
  if (!subjects.length) lines.push("Nothing is chosen. Add studies here, or choose runs in a task's tuning history.");
  lines.push(...members.filter(({ known, study }) => known && study.trouble).map(({ name, study }) => `${name}: ${study.trouble}`));
  const notice = el("div", { class: "notice" }, ...lines.map((line) => el("p", {}, line)));
  byId("notices").replaceChildren(...(lines.length ? [notice] : []));
}

byId("over").value = view.over;
byId("over").addEventListener("change", (event) => set("over", event.target.value));
byId("log-loss").addEventListener("change", (event) => set("log", event.target.checked ? "1" : "0"));
const more = el("span", { id: "add", class: "controls" });
byId("actions").append(more, copyLink());
offerFiles(members, common);
offerMore(more, { root: ROOT, subjects, add: (each) => choose([...subjects, each]) });
followTheme(show);
for (const study of new Set(members.map((member) => member.study))) {
  follow(study.source, study.model, {
    news: (changed) => changed && show(),
    trouble: (message) => {
      if (study.trouble === message) return;
      study.trouble = message;
      show();
    },
  });
}
