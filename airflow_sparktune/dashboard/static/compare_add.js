// Adds a study to the comparison: another run of one of its tasks, or the address of a study's page.
import { el } from "./dom.js";
import { pathOf } from "./links.js";
import { folderOf, indexIn, MOST_COMPARED, placeOf, subject } from "./selection.js";
import { LiveSource } from "./source.js";

export function offerMore(host, { root, subjects, add }) {
  if (subjects.length >= MOST_COMPARED) return;
  const button = el("button", { type: "button" }, "Add a study…");
  button.addEventListener("click", async () => {
    button.disabled = true;
    host.replaceChildren(await runsBox(root, subjects, add), addressForm(add));
    host.firstChild.focus();
  });
  host.replaceChildren(button);
}

async function runsBox(root, subjects, add) {
  const tasks = [...new Map(subjects.map((each) => [folderOf(root, each), each])).entries()];
  const known = new Set(subjects.filter((each) => each.trial === null).map((each) => each.key));
  const others = [];
  const groups = await Promise.all(tasks.map(async ([folder, { dag, task }]) => {
    const reply = await new LiveSource({}, null, folder).patient("history", {}).catch(() => ({ runs: [], weeks: [], segments: [] }));
    const alone = reply.runs.filter((run) => run.segments === null).map((run) => subjectOf(dag, task, run));
    const found = [...alone, ...segmentsOf(reply, dag, task, subjects)].filter((each) => !known.has(each.key));
    const options = found.map((each) => {
      const parts = [each.run, each.index >= 0 && `map index ${each.index}`, each.segment].filter(Boolean);
      return el("option", { value: others.push(each) - 1 }, parts.join(", "));
    });
    return el("optgroup", { label: `${dag}.${task}` }, ...options);
  }));
  const box = el("select", { "aria-label": "Add a run" }, el("option", { value: "" }, "choose a run"), ...groups);
  box.hidden = !others.length;
  box.addEventListener("change", () => box.value && add(others[box.value]));
  return box;
}

function subjectOf(dag, task, run, segment = null) {
  return subject(dag, task, run.run_id, run.map_index, run.generation, null, segment);
}

// The segments of the runs that are compared, and the compared segments in other runs.
function segmentsOf({ runs, weeks, segments }, dag, task, subjects) {
  const own = subjects.filter((each) => each.dag === dag && each.task === task);
  return weeks.flatMap((index, week) => {
    const near = own.some((each) => each.run === runs[index].run_id);
    const there = segments.filter(({ segment, phases }) => phases[week] !== null && (near || own.some((each) => each.segment === segment)));
    return there.map(({ segment }) => subjectOf(dag, task, runs[index], segment));
  });
}

function addressForm(add) {
  const input = el("input", { type: "search", placeholder: "or paste a study's address", "aria-label": "Address of a study's page" });
  const form = el("form", { class: "controls" }, input, el("button", { type: "submit" }, "Add"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const found = studyAt(input.value.trim());
    input.setCustomValidity(found ? "" : "Paste the address of the page of a study.");
    if (found) add(found);
    else input.reportValidity();
  });
  input.addEventListener("input", () => input.setCustomValidity(""));
  return form;
}

// The study of a page's address.
function studyAt(text) {
  try {
    const address = new URL(text, location.href);
    const { searchParams } = address;
    const { dag, task, run } = placeOf(pathOf(address));
    const generation = searchParams.get("generation");
    return run ? subject(dag, task, run, indexIn(searchParams), generation && Number(generation), null, searchParams.get("segment")) : null;
  } catch {
    return null; // no address
  }
}
