"""The protocol of a plan: the components of an attempt, created from a spec or by a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from airflow_sparktune.driver.engines.base import Lane
from airflow_sparktune.driver.loop.trial_queue import Start
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping import Rule
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial


class Plan(Protocol):
    """The components of an attempt. Created from a spec, or by a script around `hyperopt.fmin`.

    Each method is called once, in this order. `starts_over` ignores the trials in the journal. The log is
    `brief` if many studies write to it.
    """

    spec: Spec
    starts_over: bool
    brief: bool

    def lane(self) -> Lane:
        """Start the application if it is not running, and open the lane that runs the trials."""

    def application(self) -> Mapping[str, str | None]:
        """Return facts about the application for the journal (see Engine.describe)."""

    def sampler(self) -> Sampler:
        """Return the sampler that suggests configurations."""

    def starts(self, sampler: Sampler) -> Sequence[Start]:
        """Return the configurations to run first, in order."""

    def seed(self, earlier: Study | None) -> int:
        """Return the study's seed; `earlier` is the study that is continued or taken over, if any."""

    def adopts(self, earlier: Study, cleared: Sequence[Trial], *, goes_on: bool) -> Sequence[Trial]:
        """Return the finished trials of other studies that this study starts with.

        `earlier` is the study in the journal; `cleared` are the trials of a study that was cleared before it
        had a result.
        """

    def opened(self, study: Study) -> None:
        """Receive the study once it is open; `study` follows its journal from then on."""

    def rules(self) -> Sequence[Rule]:
        """Return the rules that end the study, in the order of evaluation."""
