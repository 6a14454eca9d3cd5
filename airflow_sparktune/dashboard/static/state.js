// The state of the study: a sentence, a banner with errors, and cards.
import { copyButtons } from "./copy.js";
import { byId, definitions, el, outwardLink, renew } from "./dom.js";
import { duration, moment, number, plural, SIGNS, STATE_WORDS, STATES, title } from "./format.js";
import { wayOn } from "./notices.js";

export function showState(model, task) {
  const { reply } = model;
  if (!reply?.summary) return;
  showBanner(model, task);
  const headline = [el("span", { class: `phase ${reply.phase}` }, title(reply.phase)), el("span", {}, sentence(model))];
  replace(byId("headline"), headline);
  showDecision(model);
  replace(byId("state"), [progress(model), best(model), time(model), cluster(model, task)]);
}

// The decision of a retuning, or its progress.
function showDecision({ reply, confirming }) {
  const { decision, decision_reason: reason } = reply.summary;
  const [word, text] = confirming ? ["confirming", confirmingWords(reply.retuning)] : [decision, reason];
  const host = byId("decision");
  host.hidden = !word;
  if (word) replace(host, [el("span", { class: `phase ${word}` }, title(word)), el("span", {}, text)]);
}

function confirmingWords({ contenders, repeats }) {
  const done = contenders.reduce((sum, each) => sum + each.losses.filter((loss) => loss !== null).length, 0);
  return `comparing the best of the search with production, ${done} of at most ${repeats * contenders.length} repeats done`;
}

// An opened traceback stays open.
function replace(host, nodes) {
  renew(host, nodes, (old, node) => old.textContent === node.textContent && old.className === node.className);
}

function sentence({ reply, active }) {
  const { verdict, phase, stage, texts } = reply;
  if (phase === "starting") return stage;
  return [stage, verdict ?? noSuccess(active), phase === "done" && texts.ended].filter(Boolean).join("; ");
}

function noSuccess(active) {
  return active ? "no successful trial yet" : "no successful trial";
}

function showBanner(model, task) {
  const { phase, summary, failures } = model.reply;
  const nodes = [];
  if (phase === "failed" && summary.error) {
    nodes.push(...errorLines(summary.error));
    if (summary.error.retryable) nodes.push(el("p", {}, wayOn(task)));
  }
  if (phase === "failed" && !summary.error) nodes.push(el("p", { class: "strong" }, "The driver ended with an error."));
  if (phase === "killed") {
    nodes.push(el("p", { class: "strong" }, "The driver was killed."), el("p", {}, wayOn(task)));
  }
  if (phase === "lost") {
    nodes.push(
      el("p", { class: "strong" }, `The driver died: its last update was ${moment(model.reply.attempts.at(-1).last)}.`),
      el("p", {}, `It recorded no error; the task's log may have the cause. ${wayOn(task)}`),
    );
  }
  if (failures.length) nodes.push(el("ul", { class: "digest" }, ...failures.map((line) => el("li", {}, line))));
  const host = byId("banner");
  host.hidden = !nodes.length;
  host.className = ["failed", "killed", "lost"].includes(phase) ? "notice bad" : "notice";
  replace(host, nodes);
}

function errorLines(error) {
  const [first, ...others] = `${error.message}`.split("\n");
  const nodes = [el("p", { class: "strong" }, `${error.type}: ${first}`)];
  const more = [others.join("\n"), error.traceback].filter(Boolean).join("\n\n");
  if (more) nodes.push(el("details", {}, el("summary", {}, "Traceback"), el("pre", {}, more)));
  return nodes;
}

function progress(model) {
  const { counts } = model.reply.summary;
  const { done, budget } = model;
  const text = budget === null ? plural(done, "trial") : `${done} of ${budget} trials`;
  const parts = STATES.filter((state) => counts[state]);
  const words = parts.flatMap((state) => [
    el("span", { class: `state ${state}` }, `${SIGNS[state]} ${counts[state]} ${STATE_WORDS[state]}`),
    " ",
  ]);
  const { repeats } = model.reply.summary;
  const bar = el(
    "div",
    { class: "progress", role: "img", "aria-label": `${text} done` },
    ...parts.map((state) => segment(state, counts[state], Math.max(budget ?? 0, model.reply.summary.trials))),
  );
  const more = repeats > 0 && !model.confirming && el("p", { class: "quiet" }, `and ${plural(repeats, "repeat")} for the decision`);
  return card("Trials", el("p", { class: "big" }, text), bar, el("p", {}, ...words), more);
}

function segment(state, count, all) {
  const node = el("span", { class: state });
  node.style.width = `${(100 * count) / all}%`;
  return node;
}

function best(model) {
  const { reply: { summary, texts, best: params, best_facts: facts }, metric } = model;
  const name = `Best ${metric.name}`;
  if (summary.best_params === null) {
    return card(name, el("p", { class: "big" }, "–"), el("p", {}, noSuccess(model.active)));
  }
  const lowest = texts[`${metric.extreme} ${metric.name}`];
  return card(
    name,
    el("p", { class: "big" }, number(metric.shown(summary.best_loss))),
    el("p", { class: "quiet" }, facts.join("; ")),
    definitions(Object.entries(params).map(([path, value]) => [path, number(value)])),
    lowest && el("p", { class: "quiet" }, `${metric.extreme}: ${lowest}`),
    copyButtons(summary.best_params),
  );
}

function time(model) {
  const { reply } = model;
  return card(
    "Time",
    el("p", { class: "big" }, duration(model.elapsed)),
    reply.phase === "running" && el("p", {}, expected(model)),
    reply.limits.timeout && el("p", {}, `limit ${duration(reply.limits.timeout)}`),
    el("p", { class: "quiet" }, `started ${moment(model.started)}`),
    el("p", { class: "quiet" }, `last update ${moment(reply.attempts.at(-1)?.last)}`),
  );
}

// The time that the study is expected to run on. When a limit on the loss ends it, and how many repeats a decision needs,
// cannot be known.
function expected({ reply, budget, confirming, rest }) {
  if (confirming) return "deciding by repeats";
  const { timeout, budget_slot_hours: hours, no_progress: patience, loss_threshold: threshold, stop_when_converged: converges } = reply.limits;
  if (budget === null && !timeout && !hours) return "until a limit on the loss ends it";
  if (rest === null) return "estimating…";
  const most = patience || converges || threshold !== null ? "at most" : "about";
  return `${most} ${duration(rest)} to go${reply.retuning ? ", then the confirmation" : ""}`;
}

function cluster({ reply, active }, task) {
  const { summary, texts } = reply;
  const attempt = reply.attempts.at(-1);
  const tries = task?.try_number ? `Airflow try ${task.try_number}, ` : "";
  return card(
    "Slots",
    el("p", { class: "big" }, summary.utilisation === null ? "–" : `${Math.round(summary.utilisation * 100)} % busy`),
    el("p", {}, summary.slots === null ? "slots not known yet" : plural(summary.slots, "slot")),
    texts.cost && el("p", {}, texts.cost),
    el("p", {}, `${tries}driver attempt ${attempt?.number ?? "–"}`, attempt?.host ? ` on ${attempt.host}` : ""),
    attempt?.spark_ui && active && el("p", {}, outwardLink(attempt.spark_ui, "Spark UI")),
    el("p", { class: "quiet" }, `${summary.objective}, ${summary.algo}, seed ${summary.seed}`),
  );
}

function card(title, ...children) {
  return el("div", { class: "card" }, el("h2", {}, title), ...children);
}
