// Small curves for a cell of a table: the best results of a task's last studies, or the best of a study so far.
import { number } from "./format.js";
import { svg } from "./svg.js";

const [WIDTH, HEIGHT, MARGIN] = [96, 24, 3];
const CHANGES = ["first", "replaced", "promoted", "restored"];

// `values` has one for each study, oldest first, null without a result; `decisions` their decisions. A dot marks the
// studies that changed production, and the last one.
export function trend(values, decisions, name) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return "";
  const points = values.map((value, index) => [index, value]);
  const marks = points.map((_, index) => (CHANGES.includes(decisions[index]) ? "changed" : index === values.length - 1 && "last"));
  return curve(points, marks, `best ${name} of the last ${known.length} studies: ${number(known[0])} to ${number(known.at(-1))}`);
}

// `bests` are pairs of a number of ended trials and the best value from then on; `ended` trials have ended by now.
export function progressCurve(bests, ended, name) {
  if (!bests.length || ended < 2) return "";
  const points = bests.flatMap(([at, value], index) => (index ? [[at, bests[index - 1][1]], [at, value]] : [[at, value]]));
  points.push([Math.max(ended, bests.at(-1)[0]), bests.at(-1)[1]]);
  const label = `best ${name} so far, after ${bests[0][0]} to ${ended} trials: ${number(bests[0][1])} to ${number(bests.at(-1)[1])}`;
  return curve(points, points.map((_, index) => index === points.length - 1 && "last"), label);
}

// A line through points, which may have no value, with dots of these classes.
function curve(points, marks, label) {
  const values = points.map(([, value]) => value).filter((value) => value !== null);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const x = (at) => MARGIN + ((WIDTH - 2 * MARGIN) * (at - first)) / (last - first || 1);
  const y = (value) => (high === low ? HEIGHT / 2 : MARGIN + ((HEIGHT - 2 * MARGIN) * (high - value)) / (high - low));
  const places = points.map(([at, value]) => (value === null ? null : [x(at), y(value)]));
  const line = svg("polyline", { points: places.filter(Boolean).join(" ") });
  const dots = places.flatMap((place, index) => (place && marks[index] ? [dot(place, marks[index])] : []));
  const size = { width: WIDTH, height: HEIGHT };
  return svg("svg", { class: "trend", ...size, role: "img", "aria-label": label }, svg("title", {}, label), line, ...dots);
}

function dot([cx, cy], name) {
  return svg("circle", { class: name, cx, cy, r: 2.5 });
}
