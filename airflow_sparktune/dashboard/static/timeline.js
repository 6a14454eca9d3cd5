// The timeline: one row per slot, one bar per trial in the colour of its state; gaps are idle slots.
import { draw, onClick } from "./chart.js";
import { byId } from "./dom.js";
import { duration, number, originOf, plain, STATE_WORDS, STATES } from "./format.js";
import { colour } from "./theme.js";

// `open` is called with the number of the trial that was clicked.
export async function showTimeline(model, open) {
  // Trials taken over from a cleared study ran before this study started.
  const placed = model.ordered.filter((trial) => trial.slot !== null && trial.start >= model.started);
  const slots = Math.max(model.reply.summary?.slots ?? 0, ...highest(placed));
  const unit = unitOf(model.elapsed);
  const until = model.active ? model.reply.now : (model.reply.attempts.at(-1)?.last ?? 0);
  const node = byId("timeline");
  byId("timeline-text").textContent = words(model, placed, slots);
  const traces = STATES.map((state) => {
    const own = placed.filter((trial) => trial.state === state);
    return bars(state, own, model.started, until, unit);
  });
  await draw(node, traces.filter((trace) => trace.x.length), {
    height: Math.min(640, 90 + slots * Math.max(8, Math.min(24, 400 / Math.max(slots, 1)))),
    hoverdistance: 40,
    xaxis: { title: { text: `${unit.name} since the start` }, rangemode: "tozero", zeroline: false },
    yaxis: {
      title: { text: "slot" },
      range: [slots - 0.5, -0.5],
      dtick: slots > 20 ? undefined : 1,
      zeroline: false,
      showgrid: false,
    },
    shapes: model.reply.attempts.slice(1).map((attempt) => border((attempt.opened - model.started) / unit.seconds)),
  });
  onClick(node, open);
}

function highest(placed) {
  return [placed.reduce((most, trial) => Math.max(most, trial.slot + 1), 1)];
}

function unitOf(seconds) {
  if (seconds < 300) return { name: "seconds", seconds: 1 };
  return seconds < 3 * 3600 ? { name: "minutes", seconds: 60 } : { name: "hours", seconds: 3600 };
}

// One filled path has all bars of a state, because 10,000 bars would be 10,000 elements.
function bars(state, trials, origin, until, unit) {
  const gap = (until - origin) / unit.seconds / 1000; // between two trials that follow each other
  const x = [];
  const y = [];
  const text = [];
  const customdata = [];
  for (const trial of trials) {
    const start = (trial.start - origin) / unit.seconds;
    const whole = ((trial.end ?? until) - origin) / unit.seconds;
    const end = whole - Math.min(gap, (whole - start) / 4);
    const middle = (start + end) / 2;
    const [top, bottom] = [trial.slot - 0.4, trial.slot + 0.4];
    x.push(start, middle, end, end, middle, start, start, null);
    y.push(top, top, top, bottom, bottom, bottom, top, null);
    const label = describe(trial, (trial.end ?? until) - trial.start);
    for (let corner = 0; corner < 8; corner += 1) {
      text.push(label);
      customdata.push(trial.number);
    }
  }
  return {
    name: STATE_WORDS[state],
    type: "scatter",
    mode: "none", // with lines, plotly would draw a path for each bar
    fill: "toself",
    hoveron: "points",
    x,
    y,
    text,
    customdata,
    fillcolor: colour(state),
    hovertemplate: "%{text}<extra></extra>",
  };
}

function describe(trial, seconds) {
  const loss = trial.loss === null ? "" : `, loss ${number(trial.loss)}`;
  const failure = trial.failure ? `<br>${plain(trial.failure)}` : "";
  const origin = originOf(trial) ? ` (${originOf(trial)})` : "";
  return `trial ${trial.number}${origin}: ${STATE_WORDS[trial.state]}, ${duration(seconds)}${loss}${failure}`;
}

function border(at) {
  const line = { color: colour("quiet"), width: 1, dash: "dot" };
  return { type: "line", x0: at, x1: at, y0: 0, y1: 1, yref: "paper", line };
}

function words(model, placed, slots) {
  if (!placed.length) return "No trial has run yet.";
  const busy = model.reply.summary?.utilisation;
  const share = busy === null || busy === undefined ? "" : ` They were busy ${Math.round(busy * 100)} % of the time.`;
  const attempts = model.reply.attempts.length > 1 ? " A dotted line marks the start of another driver attempt." : "";
  return `${placed.length} trials on ${slots} slots.${share}${attempts}`;
}
