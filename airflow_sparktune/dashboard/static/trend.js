// A small curve of the best results of a task's last studies, for a cell of a table.
import { number } from "./format.js";
import { svg } from "./svg.js";

const [WIDTH, HEIGHT, MARGIN] = [96, 24, 3];
const CHANGES = ["first", "replaced", "promoted", "restored"];

// `values` has one for each study, oldest first, null without a result; `decisions` their decisions. A dot marks the
// studies that changed production, and the last one.
export function trend(values, decisions, name) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return "";
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const x = (index) => MARGIN + ((WIDTH - 2 * MARGIN) * index) / (values.length - 1);
  const y = (value) => (high === low ? HEIGHT / 2 : MARGIN + ((HEIGHT - 2 * MARGIN) * (high - value)) / (high - low));
  const places = values.map((value, index) => (value === null ? null : [x(index), y(value)]));
  const line = svg("polyline", { points: places.filter(Boolean).join(" ") });
  const marked = places.flatMap((place, index) => {
    if (!place) return [];
    if (CHANGES.includes(decisions[index])) return [dot(place, "changed")];
    return index === values.length - 1 ? [dot(place, "last")] : [];
  });
  const label = `best ${name} of the last ${known.length} studies: ${number(known[0])} to ${number(known.at(-1))}`;
  const size = { width: WIDTH, height: HEIGHT };
  return svg("svg", { class: "trend", ...size, role: "img", "aria-label": label }, svg("title", {}, label), line, ...marked);
}

function dot([cx, cy], name) {
  return svg("circle", { class: name, cx, cy, r: 2.5 });
}
