// The address of what the page shows: kept in the page's own address, and copied as a link for others.
//
// The query says which study it is, the hash how it is shown: the trial in the panel, the filters, the axes.
import { airflowBase } from "./airflow.js";
import { copyButton } from "./copy.js";

const NAVIGATION = "/plugin/sparktune"; // the url_route of the plugin's page in Airflow's navigation

const view = new URLSearchParams(location.hash.slice(1));

export function recalled(name) {
  return view.get(name);
}

// The names and values that begin with `prefix`, without it.
export function recalledAll(prefix) {
  return [...view].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]);
}

// Put a value into the page's address; null and "" remove it.
export function recall(name, value) {
  if ((value ?? "") === (view.get(name) ?? "")) return; // browsers limit how often an address may change
  if (value === null || value === "") view.delete(name);
  else view.set(name, value);
  try {
    history.replaceState(history.state, "", `${location.pathname}${location.search}${hash()}`);
  } catch {
    // A report in another page's frame has no address of its own.
  }
}

// Another view of the same page, such as a link that is opened in its tab.
window.addEventListener("hashchange", () => location.reload());

function hash() {
  return view.size ? `#${view}` : "";
}

// The link to this page. In Airflow, it opens inside Airflow's navigation: Airflow passes the path after its route,
// the query and the hash on to its frame. It decodes the path once.
export function linkHere(query = new URLSearchParams(location.search)) {
  const base = airflowBase();
  const path = base === null ? location.pathname : `${base}${NAVIGATION}${location.pathname.replaceAll("%", "%25")}`;
  return `${location.origin}${path}${query.size ? `?${query}` : ""}${hash()}`;
}

// The path of the page that such a link, or the page's own address, leads to.
export function pathOf({ pathname }) {
  return pathname.includes(`${NAVIGATION}/`) ? pathname.replaceAll("%25", "%") : pathname;
}

// A button that copies the link. `query()` returns the query if it is not that of the page's address.
export function copyLink(query) {
  return copyButton("Copy link", () => linkHere(query?.()));
}
