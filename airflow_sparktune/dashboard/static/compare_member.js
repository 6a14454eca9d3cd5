// A column of the comparison: a study, or a trial of one. Columns of the same study share its model.
import { valueOf } from "./format.js";
import { StudyModel } from "./model.js";
import { folderOf, studyPage, studyQuery } from "./selection.js";
import { LiveSource } from "./source.js";

const COLOURS = {
  light: ["#0b62c4", "#c2410c", "#0d7f6f", "#7c3aed", "#a16207", "#be185d", "#0e7490", "#4d7c0f", "#57534e", "#dc2626"],
  dark: ["#6cb0ff", "#ff9d5c", "#3fc7b0", "#c4a1ff", "#e3b341", "#f58ac1", "#4cc9e0", "#a3d65c", "#c9c4bd", "#ff7a8c"],
};

export class Member {
  static all(subjects, root) {
    const studies = new Map();
    const names = namesOf(subjects);
    return subjects.map((subject, place) => {
      const address = `${folderOf(root, subject)}runs/${encodeURIComponent(subject.run)}/`;
      const key = studyPage(root, subject);
      if (!studies.has(key)) {
        studies.set(key, { model: new StudyModel(), source: new LiveSource(studyQuery(subject), null, address), trouble: null });
      }
      return new Member(subject, names[place], place, studies.get(key));
    });
  }

  constructor(subject, name, place, study) {
    this.subject = subject;
    this.name = name; // short, and different from the others'
    this.place = place;
    this.study = study;
  }

  get model() {
    return this.study.model;
  }

  get colour() {
    return (COLOURS[document.documentElement.dataset.theme] ?? COLOURS.light)[this.place];
  }

  // The number of the trial; null for a study.
  get trial() {
    return this.subject.trial;
  }

  get known() {
    return Boolean(this.model.reply?.summary?.attempts);
  }

  get ownTrial() {
    return this.model.trials.get(this.trial) ?? null;
  }

  // The reason why there is nothing in this column, or null.
  get problem() {
    const { reply } = this.model;
    if (!this.known && this.study.trouble) return this.study.trouble;
    if (reply?.phase === "none") return reply.message ?? "There is no such study: it has been removed, or has not started.";
    if (!this.known) return reply?.message ?? reply?.stage ?? "Loading…";
    return this.trial === null || this.ownTrial ? null : `The study has no trial ${this.trial}.`;
  }

  // The trials of the chart: all of a study, or the only one.
  get done() {
    if (this.problem) return [];
    const trials = this.trial === null ? this.model.searched : [this.ownTrial];
    return trials.filter((trial) => trial.state === "ok");
  }

  // The result: the best loss of a study, or the trial's own, as the page shows it.
  get value() {
    if (this.problem) return null;
    return this.trial === null ? this.model.metric.shown(this.model.reply.summary.best_loss) : this.ownTrial.value;
  }

  // The best params or the trial's, by readable name.
  get params() {
    if (this.problem) return {};
    if (this.trial === null) return this.model.reply.best;
    const point = this.model.dimensions.map((dimension, index) => [dimension, this.ownTrial.point[index]]);
    return Object.fromEntries(point.filter(([, raw]) => raw !== null).map(([dimension, raw]) => [dimension.path, valueOf(dimension, raw)]));
  }

  get curve() {
    return this.trial === null || this.problem ? null : (this.model.curves.get(this.trial) ?? null);
  }
}

// The name of what the studies measure, if it is the same for all.
export function metricName(members) {
  const names = new Set(members.filter((member) => member.known).map((member) => member.model.metric.name));
  return names.size === 1 ? [...names][0] : "loss or score";
}

// The run or the segment, and what else tells a subject from the others.
function namesOf(subjects) {
  const differ = (read) => new Set(subjects.map(read)).size > 1;
  const [tasks, runs] = [differ(({ dag, task }) => `${dag}.${task}`), differ(({ run }) => run)];
  const [indices, segments] = [differ(({ index }) => index), differ(({ segment }) => segment)];
  const instance = ({ dag, task, run, index, segment }) => JSON.stringify([dag, task, run, index, segment]);
  const cleared = (own) => subjects.some((other) => instance(other) === instance(own) && other.generation !== own.generation);
  return subjects.map((own) => {
    const { dag, task, run, index, segment, generation, trial } = own;
    const parts = [
      tasks && `${dag}.${task}`,
      (runs || (!tasks && !segments && trial === null)) && run,
      indices && index >= 0 && `map index ${index}`,
      segments && segment,
      cleared(own) && (generation === null ? "newest" : `g${generation}`),
      trial !== null && `trial ${trial}`,
    ];
    return parts.filter(Boolean).join(", ");
  });
}
