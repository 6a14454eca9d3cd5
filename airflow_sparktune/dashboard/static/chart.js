// plotly with the page's colours. It is large: the page shows its words first, and runs it for the first chart.
import { byId, el } from "./dom.js";
import { colour } from "./theme.js";

// The buttons are named one by one: plotly's own set has one that sends the chart to its maker's cloud.
const CONFIG = {
  responsive: true,
  displaylogo: false,
  plotlyServerURL: "",
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
};

let loading = null;

function plotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  loading ??= new Promise((ready) => {
    document.head.append(el("script", { src: byId("plotly").href, onload: () => ready(window.Plotly) }));
  });
  return loading;
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
      uirevision: "kept", // a zoom survives an update
      ...layout,
      xaxis: { ...axis, ...layout.xaxis },
      yaxis: { ...axis, ...layout.yaxis },
    },
    { ...CONFIG, ...config },
  );
}

// Every k-th of too many trials, the ones in `keep` always: thousands of SVG dots make a page slow and show
// no more than hundreds do.
export function thin(trials, most, keep = new Set()) {
  if (trials.length <= most) return trials;
  const step = Math.ceil(trials.length / most);
  return trials.filter((trial, index) => index % step === 0 || keep.has(trial.number));
}
