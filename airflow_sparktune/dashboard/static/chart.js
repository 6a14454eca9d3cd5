// plotly with the page's colours. It is large, so it is loaded for the first chart, after the page's texts.
import { byId, el } from "./dom.js";
import { number } from "./format.js";
import { colour } from "./theme.js";

// The buttons are listed explicitly, because plotly's default set may upload the chart to plotly's cloud.
const CONFIG = {
  responsive: true,
  displaylogo: false,
  plotlyServerURL: "",
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
};

let loading = null;

function plotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  const source = byId("plotly");
  loading ??= source.href ? fetched(source.href) : unpacked(source.textContent);
  return loading;
}

function fetched(address) {
  return new Promise((ready) => {
    document.head.append(el("script", { src: address, onload: () => ready(window.Plotly) }));
  });
}

// A report contains plotly compressed, in base64.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.head.append(el("script", {}, await new Response(stream).text()));
  return window.Plotly;
}

export async function draw(node, traces, layout, config = {}) {
  const library = await plotly();
  const ink = colour("ink");
  const line = colour("line");
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
  await library.react(
    node,
    traces,
    {
      height: 300,
      margin: { l: 56, r: 12, t: 8, b: 40 },
      paper_bgcolor: colour("paper"),
      plot_bgcolor: colour("paper"),
      font: { color: ink, family: "system-ui, sans-serif", size: 12 },
      hoverlabel: { align: "left" },
      hovermode: "closest",
      showlegend: true,
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      uirevision: "kept", // updates keep the zoom
      ...layout,
      xaxis: { ...axis, ...layout.xaxis },
      yaxis: { ...axis, ...layout.yaxis },
    },
    { ...CONFIG, ...config },
  );
}

// Call `open` with the trial's number when its mark is clicked; each trace has the numbers in `customdata`.
export function onClick(node, open) {
  node.removeAllListeners("plotly_click");
  node.on("plotly_click", ({ points }) => {
    const chosen = points.find((point) => point.customdata !== undefined);
    if (chosen) open(chosen.customdata);
  });
}

// A log axis with a tick per power of ten, or below two decades with ticks at 1, 2, 3, 5 and 7.
export function logAxis(values) {
  const [least, most] = extent(values);
  if (!(least > 0)) return { type: "linear" };
  if (most / least >= 100) return { type: "log", dtick: 1, exponentformat: "power" };
  const ticks = [];
  for (let decade = Math.floor(Math.log10(least)); decade <= Math.log10(most); decade += 1) {
    for (const digit of [1, 2, 3, 5, 7]) {
      const tick = Number((digit * 10 ** decade).toPrecision(3));
      if (tick >= least * 0.9 && tick <= most * 1.1) ticks.push(tick);
    }
  }
  return { type: "log", tickvals: ticks, ticktext: ticks.map(number) };
}

export function extent(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

// Every k-th trial if there are too many, and always those in `keep`: thousands of SVG dots make a page slow and
// show no more than hundreds do.
export function thin(trials, most, keep = new Set()) {
  if (trials.length <= most) return trials;
  const step = Math.ceil(trials.length / most);
  return trials.filter((trial, index) => index % step === 0 || keep.has(trial.number));
}
