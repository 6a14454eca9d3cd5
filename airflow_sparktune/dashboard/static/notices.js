// What is the matter, in words, above everything else.
import { byId, el } from "./dom.js";

const EMPTY = {
  none: [
    "No tuning here",
    "This page shows the tunings of a SparkTuneOperator or a @task.sparktune task. If this task is one, " +
      "its study appears as soon as its driver has opened it.",
  ],
  waiting: [
    "The driver is on its way",
    "The study's folder is there, but no driver has opened the study yet: Spark may still be starting. " +
      "The task's log says more.",
  ],
};

export function showNotices(reply, trouble) {
  const nodes = [];
  if (trouble) nodes.push(el("div", { class: "notice bad" }, el("p", {}, trouble)));
  if (reply?.problems.length) nodes.push(problems(reply.problems));
  const empty = EMPTY[reply?.phase];
  if (empty) {
    const [title, text] = empty;
    const body = [el("h2", {}, title), el("p", {}, text)];
    if (reply.message) body.push(el("p", { class: "quiet" }, reply.message));
    nodes.push(el("div", { class: "notice empty" }, ...body));
  } else if (reply && !reply.summary?.trials) {
    nodes.push(el("div", { class: "notice" }, el("p", {}, "No trial has begun yet.")));
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
