// The state of the study in a few cards.
import { byId, el, outwardLink } from "./dom.js";
import { duration, number, SIGNS, STATES } from "./format.js";

const REASONS = {
  max_evals: "all trials of the budget are done",
  timeout: "the time limit was reached",
  loss_threshold: "the loss threshold was reached",
  no_progress: "no progress any more",
  max_failures: "too many trials failed",
  early_stop: "the algorithm, or a rule of the script, ended it",
  error: "the driver ended with an error",
  killed: "it was killed",
};
// A driver at work writes something every half minute.
const SILENT_S = 90;

export function showState(model) {
  const { reply } = model;
  if (!reply?.summary) return;
  const cards = [progress(model), best(reply.summary), time(model), cluster(reply)];
  if (reply.summary.error) cards.push(failure(reply.summary.error));
  const host = byId("state");
  cards.forEach((card, index) => {
    // A card that has not changed keeps its focus, its selection and its opened traceback.
    const old = host.children[index];
    if (!old) host.append(card);
    else if (old.textContent !== card.textContent) old.replaceWith(card);
  });
  while (host.children.length > cards.length) host.lastChild.remove();
}

function progress({ reply }) {
  const { counts, max_evals: all } = reply.summary;
  const done = counts.ok + counts.failed + counts.pruned;
  const closed = reply.phase === "closed";
  const parts = STATES.filter((state) => counts[state]);
  const bar = el(
    "div",
    { class: "progress", role: "img", "aria-label": `${done} of ${all} trials done` },
    ...parts.map((state) => segment(state, counts[state], all)),
  );
  const words = parts.flatMap((state) => [
    el("span", { class: `state ${state}` }, `${SIGNS[state]} ${counts[state]} ${state}`),
    " ",
  ]);
  const reason = reply.summary.stop_reason;
  return card(
    closed ? "Finished" : "Running",
    el("p", { class: "big" }, `${done} of ${number(all)} trials`),
    bar,
    el("p", {}, ...words),
    closed && el("p", {}, `Stopped: ${REASONS[reason] ?? reason}.`),
  );
}

function segment(state, count, all) {
  const node = el("span", { class: state });
  node.style.width = `${(100 * count) / Math.max(all, count)}%`;
  return node;
}

function best(summary) {
  if (summary.best_number === null) {
    return card("Best loss", el("p", { class: "big" }, "–"), el("p", {}, "no successful trial yet"));
  }
  const params = summary.best_params;
  const nested = params !== null && typeof params === "object" && !Array.isArray(params);
  const entries = nested ? Object.entries(params) : [["value", params]];
  const list = entries.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, shown(value))]);
  return card(
    "Best loss",
    el("p", { class: "big" }, number(summary.best_loss)),
    el("p", {}, `trial ${summary.best_number} `, copyButton(JSON.stringify(params, null, 2))),
    el("dl", {}, ...list),
  );
}

function shown(value) {
  return typeof value === "number" ? number(value) : typeof value === "string" ? value : JSON.stringify(value);
}

function copyButton(text) {
  const button = el("button", { type: "button" }, "Copy params as JSON");
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text)) ? "Copied" : "Copying is not allowed here";
    setTimeout(() => (button.textContent = "Copy params as JSON"), 1500);
  });
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard API on plain http: the older way.
    const area = el("textarea", {}, text);
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function time(model) {
  const { reply, rest, silence } = model;
  const running = reply.phase === "running";
  return card(
    "Time",
    el("p", { class: "big" }, duration(model.elapsed)),
    running && el("p", {}, rest === null ? "the rest cannot be told yet" : `about ${duration(rest)} to go`),
    reply.limits.timeout && el("p", {}, `limit ${duration(reply.limits.timeout)}`),
    running && silence > SILENT_S &&
      el("p", { class: "state failed" }, `No news for ${duration(silence)}; the driver may be gone.`),
    el("p", { class: "quiet" }, `started ${new Date(model.started * 1000).toLocaleString()}`),
  );
}

function cluster(reply) {
  const { summary } = reply;
  const attempt = reply.attempts.at(-1);
  return card(
    "Slots",
    el("p", { class: "big" }, summary.utilisation === null ? "–" : `${Math.round(summary.utilisation * 100)} % busy`),
    el("p", {}, summary.slots === null ? "slots not known yet" : `${summary.slots} slots`),
    el("p", {}, `attempt ${attempt?.number ?? "–"}`, attempt?.host ? ` on ${attempt.host}` : ""),
    attempt?.spark_ui && reply.phase === "running" &&
      el("p", {}, outwardLink(attempt.spark_ui, "Spark UI")),
    el("p", { class: "quiet" }, `${summary.objective}, ${summary.algo}, seed ${summary.seed}`),
  );
}

function failure(error) {
  return card(
    "Error",
    el("p", {}, `${error.type}: ${error.message}`),
    error.traceback && el("details", {}, el("summary", {}, "Traceback"), el("pre", {}, error.traceback)),
  );
}

function card(title, ...children) {
  return el("div", { class: "card" }, el("h2", {}, title), ...children);
}
