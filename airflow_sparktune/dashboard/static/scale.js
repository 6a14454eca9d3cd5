// The scale of an axis: values to pixels and back, and ticks with their labels.
import { moment, number } from "./format.js";

const POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const PAD = 0.05;
const DATE_STEPS_S = [1, 5, 15, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000, 5_184_000, 7_776_000, 31_536_000];

// `axis` has a kind (linear, log or date), and may have a range or a start, and ticks [{ at, text }]. `extent` is the
// extent of the data, `pixels` the two ends of the axis.
export function scaleOf(axis, extent, pixels) {
  const log = axis.kind === "log";
  const into = log ? Math.log10 : (value) => value;
  const out = log ? (value) => 10 ** value : (value) => value;
  const [low, high] = rangeOf(axis, extent.map(into), into);
  const [start, end] = pixels;
  const share = (end - start) / (high - low || 1);
  const pixel = (value) => start + share * (into(value) - low);
  const value = (at) => out(low + (at - start) / share);
  const most = Math.max(2, Math.abs(end - start) / (axis.room ?? 60));
  const [least, greatest] = [Math.min(low, high), Math.max(low, high)];
  const dust = 1e-9 * (greatest - least);
  const ticks = (axis.ticks ?? ticksOf(axis.kind, least, greatest, most)).filter(
    ({ at }) => into(at) >= least - dust && into(at) <= greatest + dust,
  );
  return { pixel, value, ticks };
}

// The range in the scale's units; without data, from 0 to 1.
function rangeOf(axis, [low, high], into) {
  if (axis.range) return axis.range.map(into);
  if (!(low <= high)) return [0, 1];
  const pad = low === high ? Math.abs(low) * 0.1 || 0.5 : (high - low) * PAD;
  return [axis.start === undefined ? low - pad : Math.min(axis.start, low), high + pad];
}

function ticksOf(kind, low, high, most) {
  if (kind === "log") return logTicks(low, high, most);
  if (kind === "date") return dateTicks(low, high, most);
  const step = niceStep((high - low) / most);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const plain = Math.max(Math.abs(low), Math.abs(high)) < 1e7 && decimals < 7;
  return steps(low, high, step).map((at) => ({ at, text: plain ? at.toFixed(decimals) : number(at) }));
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((digit) => digit * power >= rough * 0.999) ?? 10);
}

function steps(low, high, step) {
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.max(0, Math.floor(high / step + 1e-9) - first + 1);
  return Array.from({ length: count }, (_, index) => (first + index) * step || 0);
}

// A tick per power of ten; below two decades, full numbers.
function logTicks(low, high, most) {
  if (high - low >= 2) {
    const step = Math.max(1, Math.ceil((high - low) / most));
    return steps(low, high, step).map((power) => ({ at: 10 ** power, text: powerText(power) }));
  }
  const decades = steps(Math.floor(low), Math.ceil(high), 1);
  const digits = high - low > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 5, 7];
  const all = decades.flatMap((power) => digits.map((digit) => Number((digit * 10 ** power).toPrecision(3))));
  return all.map((at) => ({ at, text: number(at) }));
}

function powerText(power) {
  const digits = [...String(Math.abs(power))].map((digit) => POWERS[digit]).join("");
  return `10${power < 0 ? "⁻" : ""}${digits}`;
}

// Steps of a day or more start at midnight, local time.
function dateTicks(low, high, most) {
  const rough = (high - low) / most;
  const step = DATE_STEPS_S.find((each) => each >= rough) ?? DATE_STEPS_S.at(-1);
  const shift = new Date(low * 1000).getTimezoneOffset() * 60;
  const places = steps(low - shift, high - shift, step).map((at) => at + shift);
  return places.map((at) => ({ at, text: step >= 86_400 ? moment(at).slice(0, 10) : moment(at).slice(5, step < 60 ? 19 : 16) }));
}

// The value, or the nearest bound.
export function within(least, value, most) {
  return Math.min(most, Math.max(least, value));
}
