"""Reading a study from a notebook or a task."""

from __future__ import annotations

import re
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import airflow_sparktune
from airflow_sparktune import ObjectiveError, StorageError, load_study
from airflow_sparktune.errors import describe
from airflow_sparktune.study.storage import LocalStorage
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialOrigin, TrialPurpose, TrialState
from tests.study.journal_samples import BEGAN, SPEC, TrialChanged, closed, opened, trial, write

REPOSITORY = Path(__file__).parents[1]
GOLDEN = REPOSITORY / "tests" / "golden" / "0.1.0" / "study"


def test_a_closed_study(tmp_path: Path) -> None:
    """It has the state, the stop reason, the trials by number and the best one, as plain values."""
    write(LocalStorage(tmp_path), 1, [opened(), trial(1, 0.25), trial(0, 0.5), trial(2), closed()])
    study = load_study(str(tmp_path))
    assert (study.spec, study.state, study.stop_reason) == (SPEC, "done", "max_evals")
    assert [each.number for each in study.trials] == [0, 1, 2]
    assert study.best is not None
    assert (study.best.number, study.summary["best_loss"]) == (1, 0.25)
    assert study.summary["study"] == str(tmp_path)
    assert (study.error, study.problems) == (None, ())


def test_a_running_study(tmp_path: Path) -> None:
    """It has no stop reason, and its trials so far can be read."""
    now = time.time()
    write(LocalStorage(tmp_path), 1, [opened(at=now), trial(0, 0.5, at=now)])
    study = load_study(str(tmp_path))
    assert (study.state, study.stop_reason) == ("running", None)
    assert study.best is not None


def test_the_error_of_a_study_is_an_exception(tmp_path: Path) -> None:
    """It has the class that the driver raised, so that a notebook can raise it again."""
    error = describe(ObjectiveError("no such module"))
    write(LocalStorage(tmp_path), 1, [opened(), closed("error", error=error)])
    found = load_study(str(tmp_path)).error
    assert isinstance(found, ObjectiveError)
    assert str(found) == "no such module"


def test_a_folder_without_a_study_is_rejected(tmp_path: Path) -> None:
    """The error has the address, and says where to find the right one."""
    with pytest.raises(StorageError, match=rf"found none at {tmp_path}; check the address"):
        load_study(str(tmp_path))


def test_a_table_has_a_column_for_the_score(tmp_path: Path) -> None:
    """The loss is in another column; it is the score with the other sign."""
    write(LocalStorage(tmp_path), 1, [opened(spec=replace(SPEC, maximize="auc")), trial(0, -0.5), trial(1)])
    frame = load_study(str(tmp_path)).trials_dataframe()
    assert list(frame.columns)[6:8] == ["loss", "score"]
    assert (frame["score"][0], frame["loss"][0]) == (0.5, -0.5)


def test_a_table_has_a_column_for_each_hyperparameter(tmp_path: Path) -> None:
    """Nested names are joined by dots; a missing value or loss is an empty cell."""
    frames = [
        trial(0, 0.5),
        TrialChanged(
            trial=Trial(
                number=1,
                params={"booster": {"linear": {"l2": 0.5}}, "layers": [64, 32]},
                point={},
                state=TrialState.FAILED,
                origin=TrialOrigin.GIVEN,
                start=BEGAN,
                error=Failure(FailureKind.RAISED, "ValueError: singular"),
            )
        ),
        trial(
            2, 0.75, purpose=TrialPurpose.CONFIRM, repeats=0, repeat=1, info={"auc": 0.5, "by": {"age": 2}}
        ),
    ]
    write(LocalStorage(tmp_path), 1, [opened(), *frames])
    frame = load_study(str(tmp_path)).trials_dataframe()
    assert list(frame.columns) == [
        *("number", "state", "purpose", "repeats", "repeat", "origin", "loss"),
        *("params.booster.linear.l2", "params.layers", "params.lr"),
        *("metrics.auc", "metrics.by.age"),
        *("start", "end", "run_s", "slot", "attempt", "tries", "error"),
    ]
    assert frame["state"].tolist() == ["ok", "failed", "ok"]
    assert frame["loss"].isna().tolist() == [False, True, False]
    assert frame["params.booster.linear.l2"].isna().tolist() == [True, False, True]
    assert frame["purpose"].tolist() == ["search", "search", "confirm"]
    assert (frame["repeats"].isna().tolist(), frame["repeats"][2]) == ([True, True, False], 0)
    assert (frame["metrics.auc"].isna().tolist(), frame["metrics.by.age"][2]) == ([True, True, False], 2)
    assert frame["params.layers"][1] == [64, 32]
    assert frame["start"][1].timestamp() == BEGAN
    assert frame["origin"].tolist() == ["sampler", "given", "sampler"]
    assert frame["error"][1] == "ValueError: singular"


def test_a_study_without_trials_is_a_table_without_rows(tmp_path: Path) -> None:
    """The table still has its columns."""
    write(LocalStorage(tmp_path), 1, [opened()])
    assert load_study(str(tmp_path)).trials_dataframe().columns[0] == "number"


def test_a_table_needs_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to do; the trials themselves need no pandas."""
    study = load_study(str(GOLDEN))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"install pandas, or read \.trials"):
        study.trials_dataframe()


def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of the guide that need no DAG run work with a study of an earlier version."""
    shutil.copytree(GOLDEN, tmp_path / "tuning.study")
    monkeypatch.chdir(tmp_path)
    page = (REPOSITORY / "docs" / "guides" / "notebook.md").read_text()
    found = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    for block in found:
        if "@task" not in block:
            exec(block, names)
    assert len(found) == 4
    assert "frame" in names


@pytest.mark.parametrize(
    "name", ["SpecError", "load_study", "Limits", "After", "TrialPruned", "current_trial", "__version__"]
)
def test_public_names_are_listed(name: str) -> None:
    """dir() and star imports show the names that can be imported."""
    assert name in airflow_sparktune.__all__
    assert name in dir(airflow_sparktune)
    assert getattr(airflow_sparktune, name) is not None
