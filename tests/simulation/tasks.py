"""The task instance of a run: its tries, as Airflow starts them."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.termination import Killed, Termination
from airflow_sparktune.errors import DriverLost, RecordError, SparktuneError, Superseded
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.files.airflow_task import AirflowTask, write_task
from airflow_sparktune.study.journal.follow import StudyFollower, read_study, read_whole
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.promotion import decision_in_force, promote
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialState
from benchmarks.simulated import Ending, SimulatedEngine
from tests.simulation.fate import Fate
from tests.simulation.invariants import follow
from tests.simulation.plan import LuckyPlan, play
from tests.simulation.processes import BEGAN, Died, Process
from tests.simulation.storage import ROOT

if TYPE_CHECKING:
    from tests.simulation.history import History

TASK = f"{ROOT}/churn/tune"
MOST_TRIES = 12
ENDED = (TrialState.OK, TrialState.FAILED)


class Task:
    """The task instance of one run, whose study is at `address`.

    `cause` is what its entry of the record was written for, once it has succeeded.
    """

    def __init__(self, history: History, number: int) -> None:
        chance = history.chance
        self.run = f"r{number}"
        self.generation = 0
        self.ended = False
        self.cause: str | None = None
        self._history = history
        self._tries = 0
        self._current: Process | None = None  # the try that Airflow listens to
        self._terminations: dict[Process, Termination] = {}
        self._seen: list[tuple[str, float, StudyFollower]] = []  # the study as it was when each try began
        self._optimum = chance.random()
        self._capacity = chance.choice((1, 2, 4))
        self._keeps_studies = chance.random() < 0.5
        self._unlucky = chance.choice((0, 1, 2, 3))  # the first tries to which something may happen
        self._spec = _spec(number, chance)
        self.begin(chance.uniform(0.0, 30.0))

    @property
    def address(self) -> str:
        return f"{TASK}/{self.run}/g{self.generation}"

    def begin(self, at: float) -> None:
        """Start the next try at a time."""
        self._tries += 1
        process = self._history.spawn(
            f"{self.run} try {self._tries}", partial(self._try, self.address), at=at
        )
        if self._tries <= self._unlucky:
            process.on_step = Fate(self._history, self, process).step
        self._current = process

    def is_current(self, process: Process) -> bool:
        """Return whether Airflow listens to a try; it ignores one that it holds for dead."""
        return process is self._current

    def terminate(self, process: Process) -> None:
        """Send SIGTERM to the driver of a try, if it is running."""
        if process in self._terminations:
            self._terminations[process].on_sigterm(15, None)

    def _try(self, address: str) -> None:
        processes, process = self._history.processes, self._history.processes.current
        processes.tell("starts")
        try:
            study = self._drive(address)
            self._terminations.pop(process, None)
            if process is self._current:
                self._succeed(study, address)
        except Died:
            if processes.failure is None and process is self._current:
                self.begin(process.at + self._history.chance.uniform(5.0, 60.0))
            raise
        except (SparktuneError, Killed) as error:
            processes.tell(f"fails: {error!r:.150}")
            if process is self._current:
                self._fail(error)

    def _drive(self, address: str) -> Study:
        """Run a driver, unless the study has its result; return the study as the task then reads it."""
        history, processes, process = self._history, self._history.processes, self._history.processes.current
        task = AirflowTask(dag_id="churn", task_id="tune", run_id=self.run, map_index=-1)
        write_task(address, task)
        self._seen.append((address, processes(), follow(history.lake.files, address)))
        if not read_study(address).study.answers(self._spec):
            engine = SimulatedEngine(processes, self._play, capacity=self._capacity)
            plan = LuckyPlan(self._spec, engine, partial(history.invariants.studies.__setitem__, process))
            self._terminations[process] = termination = Termination(engine.interrupt)
            storage = open_storage(address)
            times = {"clock": processes, "wall": processes.wall, "sleep": processes.sleep}
            Attempt(plan, storage, address, **times).run(termination)
        study = read_whole(open_storage(address), sleep=processes.sleep).study
        if not study.result_stands:
            raise DriverLost("the driver ended without a verdict")
        return study

    def _play(self, call: Call) -> Ending:
        """Play a trial; none may begin after the study's time is over."""
        history, process = self._history, self._history.processes.current
        limit, elapsed_s = self._spec.timeout, history.invariants.studies[process].elapsed_s
        within = limit is None or elapsed_s < limit
        history.invariants.require(within, f"a trial begins {elapsed_s} s after the start of {self.address}")
        return play(call, optimum=self._optimum, driver=process.name)

    def _succeed(self, study: Study, address: str) -> None:
        """Do what the task does after its driver."""
        history, processes, process = self._history, self._history.processes, self._history.processes.current
        if self._keeps_studies:
            try:
                history.remove_old(lambda each: not history.may_go_on(each), but=address)
            except SparktuneError as error:
                processes.tell(f"removes nothing: {error}")
        decision = decision_in_force(study, address, Champions(TASK))
        if process is not self._current:
            return
        self.ended, self.cause = True, cause_of(study, address)
        if decision is not None and decision.changes_production and self._spec.retuning.promote == "decision":
            history.send_event(self.cause)
        processes.tell("succeeds")
        if decision is not None and self._spec.retuning.promote == "manual":
            at = processes() + history.chance.uniform(1.0, 30.0)
            history.spawn(f"{self.run} promotes", partial(history.patiently, self._promote), at=at)

    def _promote(self) -> None:
        """Promote the winner, as promote_champion does."""
        history = self._history
        study = read_study(self.address).study
        history.invariants.studies[history.processes.current] = study
        if study.decision is None:
            return
        promotion = promote(study, self.address, at=history.processes.wall(), by="promote_champion")
        if promotion.champion is not None and promotion.refused is None:
            history.send_event(promotion.champion.cause)

    def _fail(self, error: BaseException) -> None:
        """Try again, or be cleared by a person if a retry cannot help but a new study can."""
        chance = self._history.chance
        lasting = isinstance(error, SparktuneError) and not error.retryable
        if self._tries == MOST_TRIES or (lasting and not isinstance(error, (Superseded, RecordError))):
            self.ended = True
            return
        self.generation += lasting
        self.begin(self._history.processes() + chance.uniform(5.0, 40.0))

    def check(self) -> None:
        """Check what is left: the trials, the budget, and the decision on record."""
        invariants = self._history.invariants
        after = follow(self._history.lake.files, self.address, whole=True)
        for address, at, before in self._seen:
            if address == self.address and at > invariants.removed.get(address, -1.0):
                self._check_trials(before, after)
        if self.cause is None:
            return
        self._check_budget(after.study)
        self._check_record(after.study)

    def _check_record(self, study: Study) -> None:
        """A study that has ended is on record once, with its decision.

        It may be another one than the task has read: an attempt that was frozen as it opened begins anew.
        """
        entries, require = self._history.invariants.entries.values(), self._history.invariants.require
        mine = [entry for entry in entries if self.cause and entry.cause.startswith(self.cause)]
        if self._spec.retuning.incumbent is None:  # its entry names the best trial, which may change
            require(bool(mine), f"{self.address} must have an entry")
            return
        require(len(mine) == 1, f"{self.address} must have one entry, has {len(mine)}")
        if study.decision is not None and study.result_stands:
            on_record = [entry.evidence for entry in entries if entry.cause == cause_of(study, self.address)]
            same = on_record == [study.decision.to_json()]
            require(same, f"{self.address} has decided {study.decision}, on record is {on_record}")

    def _check_trials(self, before: StudyFollower, after: StudyFollower) -> None:
        """Once an attempt is taken over, each number keeps its params, and each result stays as it is."""
        taken = {each.stream: each.events for each in after.prefix}
        if not before.prefix or taken.get(before.prefix[-1].stream, 0) < before.prefix[-1].events:
            return
        for number, was in before.study.trials.items():
            now = after.study.trials.get(number)
            kept = now is not None and (now == was if was.state in ENDED else now.params == was.params)
            self._history.invariants.require(kept, f"{self.address}: trial {number} was {was}, is {now}")

    def _check_budget(self, study: Study) -> None:
        """A study has as many trials as it may have, and no repeat twice."""
        budget, require = self._spec.max_evals or 0, self._history.invariants.require
        ended = study.nominated or study.closed
        whole = ended is not None and ended.reason is StopReason.MAX_EVALS
        exact = study.finished == budget if whole else study.finished <= budget
        require(exact, f"{self.address} has {study.finished} of {budget} trials")
        repeats = [(each.repeats, each.repeat) for each in study.trials.values() if each.state in ENDED]
        of_repeats = [each for each in repeats if each != (None, None)]
        require(len(of_repeats) == len(set(of_repeats)), f"{self.address} has repeats twice: {of_repeats}")


def cause_of(study: Study, address: str) -> str:
    """Return what the entry of a study is written for."""
    return f"study {address} of {study.attempts[0].opened!r}"


def _spec(number: int, chance: random.Random) -> Spec:
    """Return the spec of a run: most compare with the champion, a few with something else or nothing."""
    luck = chance.random()
    incumbent: Any = "champion" if luck < 0.75 else "previous" if luck < 0.88 else {"x": 0.5}
    retuning = {
        "incumbent": incumbent,
        "confirm": {"top": chance.choice((1, 1, 2)), "repeats": 3},
        "promote": "manual" if chance.random() < 0.25 else "decision",
    }
    return Spec.of(
        objective="churn:loss",
        space={"x": {"uniform": [0, 1]}},
        max_evals=chance.choice((3, 4)),
        timeout=chance.choice((None, None, None, 20.0)),
        algo="random",
        seed=number,
        champions=TASK,
        moment=BEGAN - 1_000.0 + 10.0 * number,
        execution={"storage_grace": chance.choice((None, 60.0, 600.0))},
        retuning=retuning if luck < 0.95 else None,
    )
