// What a reader has chosen in a table: search, sort, filters, columns. It is kept in the browser or in the address.

// `filters` has a text for each column with a filter; `show` and `hide` have the columns that differ from the default.
export function emptyView() {
  return { search: "", sort: "", filters: {}, show: [], hide: [] };
}

// Keeps the columns of the table with this name in the browser.
export function keptColumns(name) {
  const key = `sparktune columns ${name}`;
  return {
    read() {
      const { show, hide } = stored(key);
      return { ...emptyView(), show: show ?? [], hide: hide ?? [] };
    },
    write({ show, hide }) {
      try {
        localStorage.setItem(key, JSON.stringify({ show, hide }));
      } catch {
        // Storage is disabled; the choice holds until the page is closed.
      }
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

// Keeps all of the view in the page's query, so that a link shows the same. An address without columns has the kept ones.
// `others` are parameters of the page's own, which stay in the query.
export function viewInAddress(name, others = []) {
  const columns = keptColumns(name);
  const own = [...new URLSearchParams(location.search)].filter(([key]) => others.includes(key));
  return {
    read() {
      const given = [...new URLSearchParams(location.search)].filter(([key]) => !others.includes(key));
      const { q, sort, show, hide, ...filters } = Object.fromEntries(given);
      const kept = show === undefined && hide === undefined ? columns.read() : { show: listOf(show), hide: listOf(hide) };
      return { search: q ?? "", sort: sort ?? "", filters, show: kept.show, hide: kept.hide };
    },
    write(view) {
      columns.write(view);
      const parameters = new URLSearchParams({ q: view.search, sort: view.sort, ...view.filters, ...Object.fromEntries(own) });
      for (const part of ["show", "hide"]) parameters.set(part, view[part].join(","));
      for (const [key, text] of [...parameters]) if (!text) parameters.delete(key);
      history.replaceState(null, "", `${location.pathname}${parameters.size ? `?${parameters}` : ""}${location.hash}`);
    },
  };
}

function listOf(text) {
  return (text ?? "").split(",").filter(Boolean);
}
