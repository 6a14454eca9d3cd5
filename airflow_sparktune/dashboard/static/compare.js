// The comparison of studies that its address names: ?study=DAG/TASK/RUN/MAP/GENERATION&study=...
import { byId, el } from "./dom.js";
import { followTheme } from "./theme.js";

const names = new URLSearchParams(location.search).getAll("study");

followTheme(() => {});
byId("comparison").replaceChildren(...names.map((name) => el("p", {}, name)));
