// The studies and trials to compare, as the comparison's address names them: study=DAG/TASK/RUN/MAP/GENERATION, and
// trial= with the trial's number as the last part. Each part is URI-encoded. MAP is -1 without a map index, and has a
// colon and the segment at its end if the study is one of a segment. GENERATION may be "newest".

export const MOST_COMPARED = 10;
const NEWEST = "newest";
const PLACE = /\/dags\/([^/]+)\/tasks\/([^/]+)\/(?:runs\/([^/]+)\/)?$/;

// `generation` is null for the newest, `trial` for a study.
export function subject(dag, task, run, index, generation, trial = null, segment = null) {
  const place = segment === null ? index : `${index}:${segment}`;
  const parts = [dag, task, run, place, generation ?? NEWEST, ...(trial === null ? [] : [trial])];
  return { dag, task, run, index, segment, generation, trial, key: parts.map(encodeURIComponent).join("/") };
}

// The task, and the run if it has one, in the path of a page.
export function placeOf(path) {
  const [dag, task, run] = PLACE.exec(path)?.slice(1).map((part) => part && decodeURIComponent(part)) ?? [];
  return { dag, task, run };
}

// The subjects in a query, each once; `wrong` has the texts that name none.
export function subjectsIn(query) {
  const found = new Map();
  const wrong = [];
  for (const [name, text] of query) {
    if (name !== "study" && name !== "trial") continue;
    const read = parsed(name, text);
    if (read) found.set(`${name} ${read.key}`, read);
    else wrong.push(text);
  }
  return { subjects: [...found.values()], wrong };
}

function parsed(name, text) {
  try {
    const parts = text.split("/").map(decodeURIComponent);
    if (parts.length !== (name === "trial" ? 6 : 5) || parts.some((part) => !part)) return null;
    const [dag, task, run, place, ...others] = parts;
    const [, index, segment = null] = /^([^:]+)(?::(.+))?$/s.exec(place) ?? [];
    const [generation, trial = null] = others.map((part) => (part === NEWEST ? null : Number(part)));
    const whole = [Number(index), generation ?? 0, trial ?? 0].every(Number.isInteger);
    return whole ? subject(dag, task, run, Number(index), generation, trial, segment) : null;
  } catch {
    return null; // not URI-encoded
  }
}

// The comparison's address with these subjects; `query` may have others of its parameters.
export function comparisonOf(root, subjects, query = new URLSearchParams()) {
  const wanted = new URLSearchParams([...query].filter(([name]) => name !== "study" && name !== "trial"));
  for (const each of subjects) wanted.append(each.trial === null ? "study" : "trial", each.key);
  return `${root}compare/?${wanted}`;
}

// The query of a study's page, or of an application's.
export function studyQuery({ index, generation = null, segment = null }) {
  return new URLSearchParams({ ...(generation !== null && { generation }), ...(index >= 0 && { map_index: index }), ...(segment !== null && { segment }) });
}

// The map index in the query of a page; -1 without one.
export function indexIn(query) {
  const index = query.get("map_index") ?? "";
  return /^\d+$/.test(index) ? Number(index) : -1;
}

// The address of a study's page.
export function studyPage(root, study) {
  const query = studyQuery(study);
  return `${folderOf(root, study)}runs/${encodeURIComponent(study.run)}/${query.size ? `?${query}` : ""}`;
}

export function folderOf(root, { dag, task }) {
  return `${root}dags/${encodeURIComponent(dag)}/tasks/${encodeURIComponent(task)}/`;
}
