"""What a study may write on the record of champions, if others write to it at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_sparktune.driver.retuning import retuning
from airflow_sparktune.errors import Superseded
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.files.airflow_task import AirflowTask, write_task
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.record.promotion import decision_in_force, promote, put_on_record
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.retuning.decision import Outcome
from airflow_sparktune.study.storage import FsspecStorage, Storage, open_storage
from benchmarks.simulated import Ending
from tests.driver.retuning import weeks as weeks_module
from tests.driver.retuning.weeks import Play, Weeks, noisy


@pytest.fixture
def weeks(tmp_path: Path) -> Weeks:
    """Return two weeks: the first one's champion was replaced in the second."""
    weeks = Weeks.within(tmp_path)
    weeks.run("w1", noisy(0.5))
    weeks.run("w2", noisy(0.05), seed=4)
    assert weeks.actions() == [Action.FIRST, Action.REPLACED]
    return weeks


def during_the_confirmation(play: Play, act: Callable[[], object]) -> Play:
    """Play trials; call `act` once, when the first repeat starts."""
    left = [act]

    def acting(call: Call) -> Ending:
        if call.trial.purpose == "confirm" and left:
            left.pop()()
        return play(call)

    return acting


@pytest.mark.parametrize(("optimum", "would_be"), [(0.05, "kept"), (0.95, "replaced")])
def test_a_rollback_during_the_confirmation_stands(weeks: Weeks, optimum: float, would_be: str) -> None:
    """Neither the incumbent that the study read at its start nor its winner goes back to production.

    Journal, record and result say so alike, and name both entries. The next week compares with what is there.
    """
    rollback = during_the_confirmation(noisy(optimum), lambda: weeks.record().restore(1, at=2e9, by="ada"))
    study = weeks.run("w3", rollback, seed=5)
    assert weeks.actions()[2:] == [Action.RESTORED, Action.OUTDATED]
    champion, entry = weeks.record().current(), weeks.record().entry(4)
    assert champion is not None
    assert (champion.action, champion.params) == (Action.RESTORED, weeks.record().entry(1).params)
    decision = study.decision
    assert decision is not None
    assert decision.outcome is Outcome.OUTDATED
    assert decision.reason == entry.reason
    assert decision.to_json() == entry.evidence
    assert (
        "compared with entry 2 (replaced), but entry 3 (restored by ada) is the champion since"
        in entry.reason
    )
    assert f"it would be {would_be}" in entry.reason
    result = summary(study)
    assert (result.outcome, result.best_params) == ("outdated", champion.params)
    assert (result.best_loss, result.best_number) == (None, None)
    weeks.run("w4", noisy(0.05), seed=6)
    assert weeks.study("w4").starts.incumbent.params == champion.params  # type: ignore[union-attr]
    assert weeks.actions()[4:] == [Action.REPLACED]


def test_the_first_of_two_studies_at_the_same_time_counts(tmp_path: Path) -> None:
    """Both found no champion, and both would write `first`."""
    weeks = Weeks.within(tmp_path)

    def other() -> None:
        Weeks(weeks.root).run("other", noisy(0.5), seed=9)

    study = weeks.run("w1", during_the_confirmation(noisy(0.5), other))
    assert weeks.actions() == [Action.FIRST, Action.OUTDATED]
    assert study.decision is not None
    assert study.decision.params == Weeks(weeks.root).study("other").decision.params  # type: ignore[union-attr]


def test_a_kept_proposal_does_not_become_the_champion(weeks: Weeks) -> None:
    """Nobody has approved it, although the next study compares with it and keeps it."""
    champion = weeks.record().current()
    proposed = weeks.run("w3", noisy(0.95), seed=5, retuning={"promote": "manual"})
    assert weeks.actions()[-1] is Action.PROPOSED
    kept = weeks.run("w4", noisy(0.95), seed=6, retuning={"incumbent": "previous"})
    in_force = decision_in_force(kept, weeks.address("w4"), weeks.record())
    assert kept.decision is not None
    assert (kept.decision.outcome, kept.decision.params) == (Outcome.KEPT, proposed.decision.params)  # type: ignore[union-attr]
    assert weeks.record().current() == champion
    # What a chained training gets is in production, and was not measured.
    assert in_force is not None
    assert (in_force.params, in_force.loss) == (champion.params, None)  # type: ignore[union-attr]
    assert in_force.reason.startswith("entry 2 (replaced) stays the champion")


class TestMoments:
    """A decision about older data does not overrule one about newer data."""

    @pytest.fixture
    def weeks(self, tmp_path: Path) -> Weeks:
        weeks = Weeks.within(tmp_path)
        weeks.run("w44", noisy(0.5), moment=4400.0)
        weeks.run("w45", noisy(0.5), moment=4500.0, seed=4)
        assert weeks.actions() == [Action.FIRST, Action.KEPT]
        return weeks

    def test_an_older_week_that_runs_again_is_outdated(self, weeks: Weeks) -> None:
        """Its data would replace the champion, which newer data have confirmed."""
        study = weeks.run("w44-cleared", noisy(0.95), moment=4400.0, seed=5)
        assert study.decision is not None
        assert study.decision.outcome is Outcome.OUTDATED
        assert "its data are of 1970-01-01 01:13:20 UTC, but entry 2 (kept) is about" in study.decision.reason
        assert study.decision.params == weeks.record().current().params  # type: ignore[union-attr]

    def test_the_newest_week_that_runs_again_decides(self, weeks: Weeks) -> None:
        study = weeks.run("w45-cleared", noisy(0.95), moment=4500.0, seed=5)
        assert study.decision is not None
        assert study.decision.outcome is Outcome.REPLACED

    def test_a_proposal_of_an_older_week_is_outdated(self, weeks: Weeks) -> None:
        weeks.run("w44-cleared", noisy(0.95), moment=4400.0, seed=5, retuning={"promote": "manual"})
        assert weeks.actions()[-1] is Action.OUTDATED

    def test_the_moment_is_at_most_that_of_the_first_start(self, weeks: Weeks) -> None:
        """A run for a week that has not ended has not seen its data; a retry keeps the moment."""
        study = weeks.run("w99", noisy(0.5), moment=9e9, seed=5)
        assert study.starts is not None
        assert study.starts.basis is not None
        assert study.starts.basis.moment == study.attempts[0].opened < 9e9

    def test_a_moment_before_1970(self, tmp_path: Path) -> None:
        """A DAG may be about the weather of 1950."""
        study = Weeks.within(tmp_path / "weather").run("w1", noisy(0.5), moment=-6e8)
        assert study.starts.basis.moment == 0.0  # type: ignore[union-attr]


class Disturbed:
    """A storage of the driver, which calls `act` once, after the journal has got its decision."""

    def __init__(self, storage: Storage, act: list[Callable[[], object]]) -> None:
        self._storage = storage
        self._act = act

    def write(self, name: str, data: bytes) -> None:
        self._storage.write(name, data)
        if b'"event":"decided"' in data and self._act:
            self._act.pop()()

    def create(self, name: str, data: bytes) -> bool:
        return self._storage.create(name, data)

    def read(self, name: str) -> bytes:
        return self._storage.read(name)

    def names(self, folder: str) -> list[str]:
        return self._storage.names(folder)

    def remove(self, names: Sequence[str]) -> None:
        self._storage.remove(names)


class TestZombies:
    """An attempt that another one has replaced writes neither a decision nor an entry."""

    def newer(self, weeks: Weeks) -> Callable[[], object]:
        return lambda: Weeks(weeks.root).run("w3", noisy(0.95), seed=5)

    def check(self, weeks: Weeks) -> None:
        study = weeks.study("w3")
        assert len(study.attempts) == 2
        assert len(weeks.record().history()) == 3
        assert weeks.record().entry(3).evidence == study.decision.to_json()  # type: ignore[union-attr]

    def test_before_the_decision(self, weeks: Weeks, monkeypatch: pytest.MonkeyPatch) -> None:
        decide, left = retuning.decide, [self.newer(weeks)]

        def slow(*arguments: object) -> object:
            if left:
                left.pop()()
            return decide(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(retuning, "decide", slow)
        with pytest.raises(Superseded):
            weeks.run("w3", noisy(0.95), seed=5)
        self.check(weeks)

    def test_before_the_record(self, weeks: Weeks, monkeypatch: pytest.MonkeyPatch) -> None:
        left = [lambda: (monkeypatch.undo(), self.newer(weeks)())]
        monkeypatch.setattr(
            weeks_module, "open_storage", lambda address: Disturbed(open_storage(address), left)
        )
        with pytest.raises(Superseded):
            weeks.run("w3", noisy(0.95), seed=5)
        self.check(weeks)

    def test_a_zombie_that_was_faster(self, weeks: Weeks, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its decision is on record already, so it is the study's: journal and record agree."""
        other = weeks.study("w2").decision

        def zombie() -> None:
            study = weeks.study("w3")
            study.decision = other
            put_on_record(study, weeks.address("w3"), weeks.record(), at=1.0)

        left = [zombie]
        monkeypatch.setattr(
            weeks_module, "open_storage", lambda address: Disturbed(open_storage(address), left)
        )
        for _ in range(2):  # the second time, a retry after a crash between the decision and the study's end
            study = weeks.run("w3", noisy(0.95), seed=5)
            assert study.decision == other
            assert weeks.actions() == [Action.FIRST, Action.REPLACED, Action.REPLACED]


def test_a_retry_compares_with_the_champion_of_the_first_attempt(
    weeks: Weeks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver dies after its decision; a rollback follows; the retry finds its decision outdated."""

    class Crashed(BaseException):
        pass

    def die() -> None:
        raise Crashed

    with monkeypatch.context() as patch:
        patch.setattr(weeks_module, "open_storage", lambda address: Disturbed(open_storage(address), [die]))
        with pytest.raises(Crashed):
            weeks.run("w3", noisy(0.95), seed=5)
    assert weeks.study("w3").decision.outcome is Outcome.REPLACED  # type: ignore[union-attr]
    weeks.record().restore(1, at=2e9, by="ada")
    study = weeks.run("w3", noisy(0.95), seed=5)
    assert study.decision is not None
    assert study.decision.outcome is Outcome.OUTDATED
    assert weeks.actions()[2:] == [Action.RESTORED, Action.OUTDATED]
    again = weeks.run("w3", noisy(0.95), seed=5)
    assert again.decision == study.decision
    assert len(weeks.record().history()) == 4


@pytest.mark.parametrize("removed", [False, True])
def test_a_study_that_starts_over_gets_an_entry_of_its_own(weeks: Weeks, removed: bool) -> None:
    """Its folder held another study before: its arguments have changed, or a person has removed it."""
    if removed:
        open_storage(weeks.address("w2")).clear(within=weeks.root)
    study = weeks.run("w2", noisy(0.95), seed=5)
    assert weeks.actions() == [Action.FIRST, Action.REPLACED, Action.REPLACED]
    assert weeks.record().current().params == study.decision.params  # type: ignore[union-attr]
    weeks.record().restore(2, at=2e9, by="ada")  # the winner of the study before, in the same folder
    in_force = decision_in_force(study, weeks.address("w2"), weeks.record())
    assert in_force.outcome is Outcome.OUTDATED  # type: ignore[union-attr]


def test_an_outdated_decision_without_a_champion_keeps_the_incumbent(tmp_path: Path) -> None:
    """A task with given params has no champion yet; what is returned must not be the loser."""
    weeks, given = Weeks.within(tmp_path), {"x": 0.5}
    weeks.run("w45", noisy(0.5), moment=4500.0, retuning={"incumbent": given})
    study = weeks.run("w44-cleared", noisy(0.95), moment=4400.0, retuning={"incumbent": given}, seed=4)
    assert weeks.actions() == [Action.KEPT, Action.OUTDATED]
    assert study.decision is not None
    assert study.decision.params == given


class TestListedLate:
    """A storage that does not list a file right after it was written changes no answer about production."""

    @pytest.fixture
    def late(self, weeks: Weeks, monkeypatch: pytest.MonkeyPatch) -> Weeks:
        """Return weeks whose third entry is never listed."""

        def names(storage: Storage, folder: str) -> list[str]:
            return [name for name in listed(storage, folder) if name != "00000003.json"]

        listed = FsspecStorage.names
        weeks.run("w3", noisy(0.95), seed=5, retuning={"promote": "manual"})
        write_task(
            weeks.address("w3"), AirflowTask(dag_id="churn", task_id="tune", run_id="w3", map_index=-1)
        )
        open_storage(weeks.record().address).remove(["00000003.json"])  # the proposal
        monkeypatch.setattr(FsspecStorage, "names", names)
        return weeks

    def test_a_promotion(self, late: Weeks) -> None:
        promotion = promote(late.study("w3"), late.address("w3"), at=2e9, by="ada")
        assert promotion.refused is None
        assert promotion.champion is not None
        assert (promotion.champion.number, promotion.params) == (3, promotion.champion.params)

    def test_a_decision(self, late: Weeks) -> None:
        study = late.study("w3")
        study.spec = replace(study.spec, retuning=replace(study.spec.retuning, promote="decision"))
        put_on_record(study, late.address("w3"), late.record(), at=2e9)
        assert late.actions() == [Action.FIRST, Action.REPLACED]
        in_force = decision_in_force(study, late.address("w3"), late.record())
        assert in_force is not None
        assert in_force.outcome is Outcome.REPLACED
