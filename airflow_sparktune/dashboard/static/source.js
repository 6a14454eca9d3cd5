// The sources of replies: the server, which sends only the changes, or the data in a report.

const POLL_MS = 2000;
const IDLE_POLL_MS = 5_000;
const MOST_TRIES = 6;
// Only the page of `sparktune ui` has a token; in Airflow, the user's rights there count.
const CHANGE_TOKEN = document.querySelector('meta[name="sparktune-token"]')?.content;

export class Lost extends Error {
  constructor(message, waitS = 0) {
    super(message);
    this.waitMs = waitS * 1000;
  }
}

// The message of a request's failure; other errors are thrown again.
export function failureOf(error) {
  if (!(error instanceof Lost)) throw error;
  return error.message;
}

export class LiveSource {
  // `task` is the task instance in Airflow, if any: its state helps to detect a lost driver.
  // `base` is the relative address of the study's routes.
  constructor(parameters, task = null, base = "") {
    this.parameters = parameters; // map_index, generation: as in the page's URL
    this.base = base;
    this.task = task;
  }

  async study(model) {
    await this.task?.refresh();
    const query = { after: model.changes, stream: model.stream };
    if (this.task?.state) query.task_state = this.task.state;
    if (this.task?.since) query.task_since = this.task.since;
    return this.get("study", query);
  }

  // The segments of an application, as far as they are not what the page has.
  async segments(model) {
    await this.task?.refresh();
    return this.get("segments", { have: model.tags.join("."), ...(this.task?.state && { task_state: this.task.state }) });
  }

  trial(model, trialNumber) {
    return this.patient(`trials/${trialNumber}`, { generation: model.generation });
  }

  async output(model, trialNumber) {
    return (await this.patient(`trials/${trialNumber}/output`, { generation: model.generation })).text;
  }

  importance(model) {
    return this.patient("importance", { generation: model.generation });
  }

  // Retry while the server is busy.
  async patient(path, query) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.get(path, query);
      } catch (error) {
        if (!(error instanceof Lost) || !error.waitMs || tries >= MOST_TRIES) throw error;
        await pause(error.waitMs);
      }
    }
  }

  async get(path, query) {
    return (await this.answer(path, query)).json();
  }

  // Yield the objects of a reply that has one in each line, as they come.
  async *lines(path, query) {
    const { body } = await this.answer(path, query);
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read().catch(() => lostConnection());
      if (done) return;
      const whole = (rest + value).split("\n");
      rest = whole.pop();
      for (const line of whole) yield JSON.parse(line);
    }
  }

  async answer(path, query, request = {}) {
    const parameters = new URLSearchParams(this.parameters);
    for (const [name, value] of Object.entries(query)) {
      parameters.delete(name);
      for (const each of [value].flat()) parameters.append(name, each);
    }
    const address = `${this.base}${path}?${parameters}`;
    const response = await fetch(address, { credentials: "same-origin", ...request }).catch(lostConnection);
    if (response.ok) return response;
    const body = await response.json().catch(() => ({}));
    const message = explain(response.status, body.detail, request.method ? "edit" : "read");
    throw new Lost(message, Number(response.headers.get("retry-after")) || 0);
  }

  note(model) {
    return this.patient("note", { generation: model.generation });
  }

  // `replaces` is the number of the note that the author has seen.
  saveNote(model, text, replaces) {
    return this.put("note", { generation: model.generation }, { text, replaces });
  }

  // Ask the driver to stop; resolves to the server's response with a message.
  stop(model) {
    return this.put("stop", { generation: model.generation });
  }

  // The record of champions of a segment.
  champions(segment) {
    return this.patient("champions", segment === null ? {} : { segment });
  }

  // Restore an earlier champion; resolves to the server's response with a message.
  restore(entry, segment) {
    return this.put("restore", segment === null ? { entry } : { entry, segment });
  }

  // Resolves to true if the user may use `path`: only then does a GET succeed.
  async may(path) {
    return this.get(path, {}).then(
      () => true,
      () => false,
    );
  }

  async put(path, query, content = {}) {
    const headers = { "Content-Type": "application/json", ...(CHANGE_TOKEN && { "X-Sparktune-Token": CHANGE_TOKEN }) };
    return (await this.answer(path, query, { method: "PUT", headers, body: JSON.stringify(content) })).json();
  }
}

// The data in a report.
export class ReportSource {
  constructor(data) {
    this.data = data;
    this.once = true;
  }

  async study() {
    return this.data.study;
  }

  async trial(model, trialNumber) {
    const found = this.data.trials[trialNumber];
    if (!found) throw new Lost("This report has no details of this trial; `sparktune show --json` prints all trials.");
    return found;
  }

  // A report does not include the trials' output.
  async output() {
    return null;
  }

  async importance() {
    return this.data.importance;
  }
}

function lostConnection() {
  throw new Lost("The connection to Airflow is lost; trying again.");
}

function explain(status, detail, verb) {
  if (status === 401 && CHANGE_TOKEN) return "This page's login has ended. Open the address that `sparktune ui` printed last.";
  if (status === 401) return "Your login has expired. Sign in to Airflow again, then reload this page.";
  if (status === 403) return `You may not ${verb} the task instances of this DAG. Ask an administrator for access.`;
  return typeof detail === "string" ? detail : `Airflow responded with an error (${status}); trying again.`;
}

export function pause(milliseconds) {
  return new Promise((resume) => setTimeout(resume, milliseconds));
}

// Poll until the model is settled. A hidden page pauses.
export async function follow(source, model, { news, trouble }) {
  for (;;) {
    let waitMs = POLL_MS;
    try {
      const changed = model.merge(await source.study(model));
      trouble(null);
      news(changed);
      if (source.once || model.settled) return;
      if (model.idle) waitMs = IDLE_POLL_MS;
      if (model.reading) waitMs = 0; // the next request continues the reading
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      trouble(error.message);
      waitMs = Math.max(waitMs, error.waitMs);
    }
    await pause(waitMs);
    if (document.hidden) await untilVisible();
  }
}

export function untilVisible() {
  return new Promise((resume) => document.addEventListener("visibilitychange", resume, { once: true }));
}
