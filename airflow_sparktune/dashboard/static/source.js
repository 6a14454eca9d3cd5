// Where replies come from: the server, asked for what is new only.

const POLL_MS = 2000;

export class Lost extends Error {}

export class LiveSource {
  constructor(parameters) {
    this.parameters = parameters; // map_index, generation: as in the page's own address
  }

  study(model) {
    return this.get("study", { after: model.changes, stream: model.stream });
  }

  trial(model, trialNumber) {
    return this.get(`trials/${trialNumber}`, { generation: model.generation });
  }

  importance(model) {
    return this.get("importance", { generation: model.generation });
  }

  async get(path, query) {
    const parameters = new URLSearchParams(this.parameters);
    for (const [name, value] of Object.entries(query)) parameters.set(name, value);
    let response;
    try {
      response = await fetch(`${path}?${parameters}`, { credentials: "same-origin" });
    } catch {
      throw new Lost("The connection to Airflow is lost; trying again.");
    }
    if (response.ok) return response.json();
    const body = await response.json().catch(() => ({}));
    throw new Lost(explain(response.status, body.detail));
  }
}

// A report has everything in it.
export class ReportSource {
  constructor(data) {
    this.data = data;
    this.once = true;
  }

  async study() {
    return this.data.study;
  }

  async trial(model, trialNumber) {
    return this.data.trials[trialNumber];
  }

  async importance() {
    return this.data.importance;
  }
}

function explain(status, detail) {
  if (status === 401) return "Your login has ended. Sign in to Airflow again, then reload this page.";
  if (status === 403) return "You may not read the task instances of this DAG. Ask an administrator for it.";
  return typeof detail === "string" ? detail : `Airflow answered with an error (${status}); trying again.`;
}

// A driver that was killed or lost gave no verdict: the task's retry may go on with the study.
const settled = ({ phase, summary }) =>
  phase === "closed" && summary.stop_reason !== "killed" && !summary.error?.retryable;

// Ask, hand over, wait, ask again, until the study is settled. A hidden page rests.
export async function follow(source, model, { news, trouble }) {
  for (;;) {
    try {
      const changed = model.merge(await source.study(model));
      trouble(null);
      news(changed);
      if (source.once || settled(model.reply)) return;
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      trouble(error.message);
    }
    await new Promise((resume) => setTimeout(resume, POLL_MS));
    if (document.hidden) await untilVisible();
  }
}

function untilVisible() {
  return new Promise((resume) => document.addEventListener("visibilitychange", resume, { once: true }));
}
