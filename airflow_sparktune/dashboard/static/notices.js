// What is wrong, in words, above everything else.
import { byId, el } from "./dom.js";

const AT_WORK = ["scheduled", "queued", "running", "deferred", "restarting"];
const FAILED = ["failed", "upstream_failed", "up_for_retry"];

// A page without trials: what is missing, and where to look. `task` is Airflow's task instance, if known.
function empty(reply, task) {
  if (reply.phase === "none") return noStudy(task);
  if (reply.phase === "waiting") {
    return ["Waiting for the driver", "The study's folder is there; Spark is starting. The task's log says more."];
  }
  if (reply.phase === "starting" && !reply.summary?.trials) {
    return ["Starting", `${capital(reply.stage)}. The first trial begins when the workers are ready.`];
  }
  return null;
}

function noStudy(task) {
  const isTuning = /spark_?tune/i.test(`${task?.operator_name ?? ""} ${task?.operator ?? ""}`);
  if (isTuning && FAILED.includes(task.state)) {
    return ["Failed before a driver started", "The task ended before it opened a study. Its log has the error."];
  }
  if (isTuning && AT_WORK.includes(task.state)) {
    return ["Waiting for the driver", `The task is ${task.state}; its study appears as soon as its driver has opened it.`];
  }
  return [
    "No tuning here",
    "This page shows the tunings of a SparkTuneOperator or a @task.sparktune task. If this task is one, " +
      "its study appears as soon as its driver has opened it.",
  ];
}

export function showNotices(reply, trouble, task = null) {
  const nodes = [];
  if (trouble) nodes.push(el("div", { class: "notice bad" }, el("p", {}, trouble)));
  if (reply?.problems.length) nodes.push(problems(reply.problems));
  const lacking = reply && empty(reply, task);
  if (lacking) {
    const [title, text] = lacking;
    const body = [el("h2", {}, title), el("p", {}, text)];
    if (reply.message) body.push(el("p", { class: "quiet" }, reply.message));
    nodes.push(el("div", { class: "notice empty" }, ...body));
  }
  // Unchanged notices stay: a screen reader would read them out at every poll.
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
    el("p", {}, "Some of this study could not be read. What is shown is the rest."),
    el("ul", {}, ...shown),
  );
}

function capital(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}
