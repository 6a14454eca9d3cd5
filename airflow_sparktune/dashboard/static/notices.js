// The notices about problems at the top of the page.
import { byId, el } from "./dom.js";
import { title } from "./format.js";

const AT_WORK = ["scheduled", "queued", "running", "deferred", "restarting"];
const FAILED = ["failed", "upstream_failed", "up_for_retry"];

// The notice of a page without trials. `task` is Airflow's task instance, if known.
function empty(reply, task) {
  if (reply.phase === "none") return noStudy(task, reply.tuning);
  if (reply.phase === "reading") {
    return ["Reading the study", "This takes some seconds: it has very many trials, or its storage is slow."];
  }
  if (reply.phase === "waiting" && !reply.summary?.attempts) {
    return ["Waiting for Spark", "The study begins when its driver runs. The task's log says what Spark is doing."];
  }
  if (reply.phase === "starting" && !reply.summary?.trials) {
    return ["Starting", `${title(reply.stage ?? "")}. The first trial begins when the workers are ready.`];
  }
  return null;
}

function noStudy(task, tuning) {
  const isTuning = /spark_?tune/i.test(`${task?.operator_name ?? ""} ${task?.operator ?? ""}`);
  if (isTuning && FAILED.includes(task.state)) {
    return ["Failed before a driver started", "The task ended before it opened a study. Its log has the error."];
  }
  if (isTuning && AT_WORK.includes(task.state)) {
    return ["Waiting for the driver", `The task is ${task.state}; its study appears when the driver has opened it.`];
  }
  if (tuning.length) {
    const links = tuning.flatMap((name) => [" ", el("a", { href: `../../../${encodeURIComponent(name)}/` }, name)]);
    return ["No tuning here", el("span", {}, "This task has no study. Tasks of this DAG that tune:", ...links)];
  }
  return [
    "No tuning here",
    "This page shows the studies of SparkTuneOperator and @task.sparktune tasks. If this is such a task, " +
      "its study appears when the driver has opened it.",
  ];
}

// The way on for a study after its driver has ended without a result. `task` is Airflow's task instance, if known.
export function wayOn(task) {
  if (!task) return "A retry or a clear of the task continues the study; without Airflow, the same command does.";
  const working = AT_WORK.includes(task.state);
  if (task.state === "up_for_retry" || (working && task.try_number <= task.max_tries)) {
    return "A retry of the task continues the study.";
  }
  return `No retry ${working ? "will follow" : "follows"}: clear the task to continue with the finished trials.`;
}

export function showNotices(reply, trouble, task = null) {
  const nodes = [];
  if (trouble) nodes.push(el("div", { class: "notice bad" }, el("p", {}, trouble)));
  if (reply?.problems.length) nodes.push(problems(reply.problems));
  if (reply?.reports_lost) {
    const text = `Reports were lost, and their trials went on without pruning: ${reply.reports_lost}`;
    nodes.push(el("div", { class: "notice" }, el("p", {}, text)));
  }
  const lacking = reply && empty(reply, task);
  if (lacking) {
    const [heading, text] = lacking;
    const body = [el("h2", {}, heading), el("p", {}, text)];
    if (reply.message) body.push(el("p", { class: "quiet" }, reply.message));
    nodes.push(el("div", { class: "notice empty" }, ...body));
  }
  // Unchanged notices are kept, or a screen reader would read them at every poll.
  const host = byId("notices");
  const text = nodes.map((node) => node.textContent).join("\n");
  if (host.dataset.text === text) return;
  host.dataset.text = text;
  host.replaceChildren(...nodes);
}

function problems(lines) {
  const shown = lines.slice(0, 5).map((line) => el("li", {}, line));
  if (lines.length > 5) shown.push(el("li", {}, `and ${lines.length - 5} more`));
  return el(
    "div",
    { class: "notice bad" },
    el("p", {}, "Parts of this study cannot be read. The page shows the rest."),
    el("ul", {}, ...shown),
  );
}
