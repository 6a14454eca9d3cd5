// The choices of a reader in a table: search, sort, filters, columns. It is in the page's address, so that a link shows
// the same. The browser keeps the columns for the next visit.
import { recall, recalledAll } from "./links.js";

// Keeps the view of the table with this name. It has `search`, `sort`, `filters` (a text for each column with a filter),
// and in `show` and `hide` the columns that differ from the default. An address without columns has the kept ones.
export function keptView(name) {
  const key = `sparktune columns ${name}`;
  const prefix = `${name}.`;
  return {
    read() {
      const { q, sort, show, hide, ...filters } = Object.fromEntries(recalledAll(prefix));
      const columns = show === undefined && hide === undefined ? stored(key) : { show: listOf(show), hide: listOf(hide) };
      return { search: q ?? "", sort: sort ?? "", filters, show: columns.show ?? [], hide: columns.hide ?? [] };
    },
    write({ search, sort, filters, show, hide }) {
      store(key, { show, hide });
      const wanted = { ...filters, q: search, sort, show: show.join(","), hide: hide.join(",") };
      for (const [each] of recalledAll(prefix)) if (!(each in wanted)) recall(prefix + each, null);
      for (const [each, text] of Object.entries(wanted)) recall(prefix + each, text);
    },
  };
}

function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? {};
  } catch {
    return {}; // storage is disabled, or another program has written there
  }
}

function store(key, columns) {
  try {
    localStorage.setItem(key, JSON.stringify(columns));
  } catch {
    // Storage is disabled; the choice holds until the page is closed.
  }
}

function listOf(text) {
  return (text ?? "").split(",").filter(Boolean);
}
