// Task instances from Airflow's REST API, with the rights of the page's user.

const PAGE = /^(?<base>.*?)\/sparktune\/(?:dags\/|compare\/|$)/;
const PLACE = /^(?<base>.*)\/sparktune\/dags\/(?<dag>[^/]+)\/tasks\/(?<task>[^/]+)\/(?:runs\/(?<run>[^/]+)\/)?$/;
const ASK_AGAIN_MS = 10_000;

async function ask(path) {
  try {
    const response = await fetch(path, { credentials: "same-origin" });
    return response.ok ? await response.json() : null;
  } catch {
    return null; // the page's own requests report a lost connection
  }
}

// The path at which Airflow is served, without a slash at the end; null if the page is not in Airflow.
export function airflowBase() {
  return PAGE.exec(location.pathname)?.groups.base ?? null;
}

// The task instance of the page. `current` is the last response: null outside Airflow, and if the user may not see it.
export class TaskInstance {
  constructor(parameters) {
    this.current = null;
    this.askedAt = -Infinity;
    const place = PLACE.exec(location.pathname)?.groups;
    const index = parameters.get("map_index");
    const mapped = index && /^\d+$/.test(index) ? `/${index}` : "";
    if (place?.run) {
      this.path = `${place.base}/api/v2/dags/${place.dag}/dagRuns/${place.run}/taskInstances/${place.task}${mapped}`;
      this.page = `${place.base}/dags/${place.dag}/runs/${place.run}/tasks/${place.task}${mapped && `/mapped${mapped}`}`;
    }
  }

  async refresh() {
    if (!this.path || Date.now() - this.askedAt < ASK_AGAIN_MS) return;
    this.askedAt = Date.now();
    this.current = await ask(this.path);
  }

  // The address of the task's log in Airflow of the try that ran at a time (ISO text).
  async logOf(at) {
    if (!this.path) return null;
    const tries = (await ask(`${this.path}/tries`))?.task_instances ?? [];
    const begun = tries.filter((each) => each.start_date && Date.parse(each.start_date) <= Date.parse(at));
    const number = Math.max(...begun.map((each) => each.try_number)); // -Infinity if there is none
    return number > 0 ? `${this.page}?try_number=${number}` : null;
  }

  get state() {
    return this.current?.state ?? null;
  }

  // The time at which the try of the task that waits or runs began, in seconds since 1970; null if it is not known.
  get since() {
    const { scheduled_when: scheduled, queued_when: queued, start_date: started } = this.current ?? {};
    const times = [scheduled, queued, started].filter(Boolean).map((at) => Date.parse(at) / 1000);
    return times.length ? Math.max(...times) : null;
  }
}

// The newest asset event by which this task, or the one that promotes its winner, told of a champion of the segment:
// it names the asset of production. Null if there is none that the user may see.
export async function productionEvent(segment) {
  const place = PLACE.exec(location.pathname)?.groups;
  if (!place) return null;
  const query = new URLSearchParams({ source_dag_id: decodeURIComponent(place.dag), limit: 100, order_by: "-timestamp" });
  const events = (await ask(`${place.base}/api/v2/assets/events?${query}`))?.asset_events ?? [];
  const folder = `/${decodeURIComponent(place.dag)}/${decodeURIComponent(place.task)}/`;
  return events.find(({ extra }) => extra?.decision && extra.study?.includes(folder) && (extra.segment ?? null) === segment) ?? null;
}

// Have Airflow emit an event of an asset, with the rights of the user. Resolves to an error in words, or null.
export async function emitEvent(assetId, extra) {
  const response = await fetch(`${airflowBase()}/api/v2/assets/events`, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ asset_id: assetId, extra }),
  }).catch(() => null);
  if (response?.ok) return null;
  if (response?.status === 403) return "You may not emit events of this asset.";
  return `Airflow did not emit it (${response?.status ?? "no connection"}).`;
}

// The newest task instances of the task whose history the page shows.
export async function taskInstances() {
  const place = PLACE.exec(location.pathname)?.groups;
  if (!place) return [];
  const query = new URLSearchParams({ task_id: decodeURIComponent(place.task), limit: 100, order_by: "-run_after" });
  const answer = await ask(`${place.base}/api/v2/dags/${place.dag}/dagRuns/~/taskInstances?${query}`);
  return answer?.task_instances ?? [];
}
