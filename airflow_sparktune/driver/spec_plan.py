"""The plan of a study with a spec, and the function that runs it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from airflow_sparktune.driver import engines, samplers
from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.engines.base import Engine, Lane
from airflow_sparktune.driver.loop.trial_queue import Start
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.termination import KILLED, Killed, terminable
from airflow_sparktune.errors import Superseded
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping import Rule, rules_of
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.storage.deadline import DeadlineStorage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialOrigin

log = logging.getLogger(__name__)

DONE, FAILED = 0, 1


class SpecPlan:
    """Runs the objective, space and algorithm of a spec within its limits."""

    starts_over = brief = False

    def __init__(self, spec: Spec, engine: Engine) -> None:
        self.spec = spec
        self._engine = engine

    def lane(self) -> Lane:
        self._engine.start()
        return self._engine.lane(engines.work_of(self.spec))

    def application(self) -> Mapping[str, str | None]:
        return self._engine.describe()

    def sampler(self) -> Sampler:
        return samplers.guarded(samplers.sampler_of(self.spec.space, self.spec.algo), self.spec)

    def starts(self, sampler: Sampler) -> Sequence[Start]:
        return [Start(sampler.given(params), TrialOrigin.GIVEN) for params in self.spec.points_to_evaluate]

    def seed(self, earlier: Study | None) -> int:
        """Return the spec's seed, else the seed of an earlier attempt, else a new random one."""
        if self.spec.seed is not None:
            return self.spec.seed
        if earlier is not None and earlier.seed is not None:
            return earlier.seed
        return secrets.randbelow(2**31)

    def adopts(
        self,
        earlier: Study,  # noqa: ARG002 - its trials are taken over by the journal's prefix
        cleared: Sequence[Trial],
        *,
        goes_on: bool,  # noqa: ARG002
    ) -> Sequence[Trial]:
        return [replace(trial, origin=TrialOrigin.ADOPTED) for trial in cleared]

    def opened(self, study: Study) -> None:
        """Do nothing."""

    def rules(self) -> Sequence[Rule]:
        return rules_of(self.spec)


def run_spec(storage: Storage, address: str, spec: Spec) -> int:
    """Run the study at `address` to its end; return the program's exit code."""
    engine = engines.create(spec)
    try:
        with closing(engine), terminable(engine.interrupt) as termination:
            Attempt(SpecPlan(spec, engine), DeadlineStorage(storage), address).run(termination)
    except Killed:
        return KILLED
    except Superseded as error:
        log.error("%s", error)
        return FAILED
    except Exception:  # noqa: BLE001 - the attempt has logged the error and written it to the journal
        return FAILED
    return DONE
