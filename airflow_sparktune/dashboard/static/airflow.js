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

  // When the try of the task that waits or runs began, in seconds since 1970; null if it is not known.
  get since() {
    const { scheduled_when: scheduled, queued_when: queued, start_date: started } = this.current ?? {};
    const times = [scheduled, queued, started].filter(Boolean).map((at) => Date.parse(at) / 1000);
    return times.length ? Math.max(...times) : null;
  }
}

// The newest task instances of the task whose history the page shows.
export async function taskInstances() {
  const place = PLACE.exec(location.pathname)?.groups;
  if (!place) return [];
  const query = new URLSearchParams({ task_id: decodeURIComponent(place.task), limit: 100, order_by: "-run_after" });
  const answer = await ask(`${place.base}/api/v2/dags/${place.dag}/dagRuns/~/taskInstances?${query}`);
  return answer?.task_instances ?? [];
}
