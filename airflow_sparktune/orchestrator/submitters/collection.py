"""Wait for a study that another task's application runs, and read its result."""

from __future__ import annotations

import time
from dataclasses import dataclass

from airflow.sdk import Context

from airflow_sparktune.orchestrator.deploy.run import Standing, finished
from airflow_sparktune.orchestrator.lineage import collect_inputs
from airflow_sparktune.orchestrator.production import require_retuning
from airflow_sparktune.orchestrator.submitters.collect import CollectStudyOperator
from airflow_sparktune.orchestrator.task.progress import KEY, PERIOD_S, progress, repeated, study_look
from airflow_sparktune.orchestrator.task.tracking import catch_up, tracking_environment
from airflow_sparktune.orchestrator.waiting.deferrable import POLL_S
from airflow_sparktune.orchestrator.waiting.trigger import StudyTrigger
from airflow_sparktune.orchestrator.waiting.watch import End, How, Waiting, Watch
from airflow_sparktune.study.definition.file import submitted_spec
from airflow_sparktune.study.files.airflow_task import task_folder_of
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.promotion import decision_in_force
from airflow_sparktune.study.study import Study


@dataclass(frozen=True, slots=True)
class Collection:
    """Collects the study of a task in the context of a run."""

    task: CollectStudyOperator
    context: Context

    def result(self, end: End | None = None) -> Study:
        """Return the study with its result; waits for it unless the waiting has ended by `end`.

        Raises the error of the study, or DriverLost after a long silence.
        """
        task, address = self.task, str(self.task.study)
        spec = submitted_spec(address)
        task.study_address = address
        self.context["ti"].xcom_push(key="study", value=address)
        collect_inputs(task, [spec.objective_kwargs])
        if task.keep_studies is not None:
            Keep.of("keep_studies", task.keep_studies)
        if task.production is not None:
            require_retuning(self.context, task.production, incumbent=spec.retuning.incumbent)
        tracker = tracking_environment(task.tracking) if task.tracking else None
        if end is None or end.how is How.TROUBLE:
            end = self._wait(address)
        catch_up(address, tracker)
        silent = f"nothing was written to the study for {task.patience_s:g} s"
        found = finished(
            address,
            spec=spec,
            before=Standing(),
            failure=RuntimeError(silent) if end.how is How.SILENCE else None,
            again="a new run of its application",
        )
        study = found.study
        self._tell(study)
        record = Champions(task_folder_of(address), spec.segment)
        study.decision = decision_in_force(study, address, record)
        return study

    def _wait(self, address: str) -> End:
        task = self.task
        waiting = Waiting(study=address, since=time.time(), patience_s=task.patience_s)
        watch = Watch(waiting)
        end = watch.look()
        if end is None and task.deferrable:
            trigger = StudyTrigger(waiting=waiting.to_json(), poll_s=POLL_S)
            task.defer(trigger=trigger, method_name="execute_complete", timeout=task.execution_timeout)
        with repeated(study_look(address, self._tell), every_s=PERIOD_S):
            while end is None:
                time.sleep(POLL_S)
                end = watch.look()
        return end

    def _tell(self, study: Study) -> None:
        if (store := self.context.get("task_state_store")) is not None:
            store.set(KEY, progress(study))
