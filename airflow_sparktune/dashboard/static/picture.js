// A chart as a picture for a slide: its title, its legend and its axes on a light background, without style sheet.
import { el } from "./dom.js";
import { download, fileName } from "./download.js";
import { label, svg } from "./svg.js";
import { inLightTheme } from "./theme.js";

const SIDE = 12; // pixels around the title
const ROW = 20; // the height of a row of the legend
const SCALE = 2; // pixels of a PNG per pixel of the page
const INLINED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "paint-order", "font-size", "font-weight"];
const FONT = "system-ui, Helvetica, Arial, sans-serif";

// Buttons that save the picture. `picture()` returns { name, width, height, legend, ramp, draw } of the chart as it is
// shown: `draw(host)` draws it into a group.
export function saveButtons(picture) {
  const button = (kind, save) =>
    el("button", { type: "button", class: "plain", title: `Save this chart as ${kind}`, onclick: () => save(picture()) }, kind);
  return el("div", { class: "saves" }, button("PNG", savePng), button("SVG", saveSvg));
}

function saveSvg(picture) {
  download(nameOf(picture, "svg"), textOf(picture), "image/svg+xml");
}

async function savePng(picture) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(textOf(picture))}`;
  await image.decode();
  const canvas = el("canvas", { width: image.width * SCALE, height: image.height * SCALE });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => download(nameOf(picture, "png"), blob, "image/png"), "image/png");
}

function nameOf({ name }, ending) {
  return fileName([name.toLowerCase()], ending);
}

function textOf(picture) {
  const root = svg("svg", { class: "picture", "font-family": FONT });
  document.body.append(root); // for the styles of its elements
  try {
    inLightTheme((light) => {
      fill(root, picture);
      inlineStyles(root, light);
    });
  } finally {
    root.remove();
  }
  return new XMLSerializer().serializeToString(root);
}

function fill(root, { name, width, height, legend, ramp, draw }) {
  const chart = svg("g");
  const title = label(name, SIDE, 24, "start", { class: "title" });
  const subtitle = label(document.title, SIDE, 42, "start", { class: "note" });
  const background = svg("rect", { class: "paper", width, height: 0 });
  root.append(background, title, subtitle, chart);
  const top = ramp ? showRamp(root, ramp, 58) : showLegend(root, legend, width, 58);
  chart.setAttribute("transform", `translate(0 ${top})`);
  draw(chart);
  background.setAttribute("height", top + height);
  for (const [attribute, value] of Object.entries({ width, height: top + height, viewBox: `0 0 ${width} ${top + height}` })) {
    root.setAttribute(attribute, value);
  }
}

// Both return where the chart begins.
function showLegend(root, legend, width, top) {
  let [x, y] = [SIDE, top];
  for (const { name, color, isLine } of legend) {
    const text = label(name, x + 16, y + 4, "start");
    root.append(text);
    const wide = text.getComputedTextLength() + 32;
    if (x > SIDE && x + wide > width) {
      [x, y] = [SIDE, y + ROW];
      text.setAttribute("x", x + 16);
      text.setAttribute("y", y + 4);
    }
    root.append(svg("rect", { x, y: isLine ? y - 1 : y - 5, width: isLine ? 12 : 10, height: isLine ? 2 : 10, rx: isLine ? 0 : 5, fill: color }));
    x += wide;
  }
  return legend.length ? y + ROW : top - 8;
}

function showRamp(root, { low, high, shades }, y) {
  const text = label(low, SIDE, y + 4, "start");
  root.append(text);
  const left = SIDE + text.getComputedTextLength() + 8;
  shades.forEach((shade, index) => root.append(svg("rect", { x: left + 18 * index, y: y - 5, width: 18, height: 10, fill: shade })));
  root.append(label(high, left + 18 * shades.length + 8, y + 4, "start"));
  return y + ROW;
}

// `light` maps a colour of the page's theme to that of the light one.
function inlineStyles(root, light) {
  for (const node of root.querySelectorAll("*")) {
    const own = { fill: node.getAttribute("fill"), stroke: node.style.stroke || node.getAttribute("stroke") };
    const style = getComputedStyle(node);
    for (const name of node.matches("text, line, rect[class]") ? INLINED : []) node.setAttribute(name, style[name]);
    for (const [name, color] of Object.entries(own)) if (color) node.setAttribute(name, light(color));
    node.removeAttribute("style");
    node.removeAttribute("class");
  }
  root.removeAttribute("class");
}
