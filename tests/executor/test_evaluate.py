from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from airflow_sparktune.executor.evaluate import Call, StudyObjective, TrialCancelled, check, evaluate, run
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.reply import INFO_LIMIT_BYTES, OURS, Reply
from airflow_sparktune.executor.shared import Shared
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.trial import FailureKind
from tests.executor import user_code

HERE = "tests.executor.user_code"
SCORED = ImportedObjective(f"{HERE}:returns", {}, metric=Metric("auc", maximized=True))
TRIAL = TrialContext(number=3, seed=99, attempt=1, tries=1)


class Sent:
    """A broadcast in a worker."""

    def __init__(self, task: StudyObjective) -> None:
        self.value = task


class Calls:
    """A task whose objective is a plain function without arguments."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function

    def load(self) -> None:
        pass

    def bind(self, call: Call) -> Callable[[], Any]:
        return self._function

    def reply(self, returned: Any, run_s: float) -> Reply:
        return Reply(run_s, loss=float(returned))

    def pickled(self, returned: Any) -> None:
        return None


def loss_of(function: Callable[[], Any], *, seed: int) -> float | None:
    return run(Calls(function), Call(None, replace(TRIAL, seed=seed)))[0].loss


def reply_of(name: str, params: Any = None, **kwargs: Any) -> Reply:
    """Return the reply as the driver gets it, after a JSON round trip."""
    rows = iter([0])
    (text,) = evaluate(Sent(ImportedObjective(f"{HERE}:{name}", kwargs)), Call(params, TRIAL), rows)
    assert list(rows) == []  # PySpark would end a worker that leaves rows unread
    return Reply.read(text)


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> Reply:
    monkeypatch.setitem(user_code.ANSWERS, "it", answer)
    return reply_of("returns", "it")


class TestLosses:
    @pytest.mark.parametrize(
        "answer",
        [0.5, np.float64(0.5), np.float32(0.5), np.array(0.5), {"loss": 0.5}, {"loss": 0.5, "status": "ok"}],
    )
    def test_a_loss_is_a_number_or_a_dict_with_one(
        self, monkeypatch: pytest.MonkeyPatch, answer: Any
    ) -> None:
        reply = answering(monkeypatch, answer)
        assert (reply.loss, reply.failure) == (0.5, None)
        assert reply.run_s >= 0

    @pytest.mark.parametrize(
        ("answer", "info"),
        [
            (0.9, {}),
            ({"auc": 0.9, "latency_ms": 3}, {"latency_ms": 3}),
            ({"auc": 0.9, "loss": 0.3, "status": "ok"}, {"loss": 0.3}),
        ],
    )
    def test_a_score_becomes_a_loss_with_the_other_sign(self, answer: Any, info: dict[str, Any]) -> None:
        reply = SCORED.reply(answer, 1.0)
        assert (reply.loss, reply.info, reply.failure) == (-0.9, info, None)

    @pytest.mark.parametrize("answer", [{"loss": 0.3}, None, float("nan")])
    def test_a_result_without_the_score_fails(self, answer: Any) -> None:
        failure = SCORED.reply(answer, 1.0).failure
        assert failure is not None
        assert "must return a finite auc, or a dict with one as 'auc'" in failure.message
        assert failure.message.endswith("return a number that is larger for better models")

    def test_a_whole_number_becomes_a_float(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reply = answering(monkeypatch, np.int64(2))
        assert (reply.loss, type(reply.loss)) == (2.0, float)

    @pytest.mark.parametrize(
        "answer",
        [
            None,
            float("nan"),
            float("inf"),
            -np.inf,
            "0.5",
            True,
            np.True_,
            1j,
            Decimal("0.5"),
            [0.5],
            np.array([0.5]),
            {},
            {"loss": None},
            {"loss": "0.5"},
            {"loss": float("nan"), "status": "ok"},
            {"accuracy": 0.9},
            10**400,
            user_code.Hostile(),
            {"loss": user_code.Hostile()},
        ],
    )
    def test_any_other_result_is_nonsense(self, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
        reply = answering(monkeypatch, answer)
        assert reply.failure is not None
        assert reply.failure.kind is FailureKind.NONSENSE
        assert reply.loss is None

    @pytest.mark.parametrize("answer", [1e151, -1e308, 10**160, {"loss": 2e150, "latency_ms": 3}])
    def test_a_loss_beyond_1e150_is_a_failure(self, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
        """Its square is not a number, so that no later calculation could use it."""
        reply = answering(monkeypatch, answer)
        assert reply.loss is None
        assert reply.failure is not None
        assert reply.failure.kind is FailureKind.NONSENSE
        assert "must return a loss within 1e+150 in size, got" in reply.failure.message
        assert reply.info == ({"latency_ms": 3} if isinstance(answer, dict) else {})

    def test_the_largest_loss_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert answering(monkeypatch, -1e150).loss == -1e150

    def test_the_message_shows_the_value_and_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reply = answering(monkeypatch, "0.5")
        assert reply.failure is not None
        assert reply.failure.message == (
            "the objective must return a finite loss, or a dict with one as 'loss', got '0.5'; "
            "return a number that is smaller for better models"
        )

    def test_a_large_value_is_abbreviated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reply = answering(monkeypatch, ["x" * 1_000] * 1_000)
        assert reply.failure is not None
        assert len(reply.failure.message) < 500

    def test_status_fail_is_a_failure_with_its_message(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reply = answering(monkeypatch, {"status": "fail", "why": "no data"})
        assert reply.failure is not None
        assert reply.failure.kind is FailureKind.RAISED
        assert reply.info == {"why": "no data"}


class TestInfo:
    def test_other_keys_of_the_result_are_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reply = answering(monkeypatch, {"loss": 1, "status": "ok", "auc": np.float32(0.5), "shape": (2, 3)})
        assert reply.info == {"auc": 0.5, "shape": [2, 3]}

    def test_values_that_are_not_json_are_left_out_and_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer = {"loss": 1, "model": object(), "nan": float("nan"), "ok": 1, 5: "five", "bytes": b"x"}
        reply = answering(monkeypatch, answer)
        assert reply.info == {"ok": 1, "5": "five", OURS: {"left_out": ["bytes", "model", "nan"]}}

    def test_keys_of_a_result_never_clash_with_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert answering(monkeypatch, {"loss": 1, "left_out": 5}).info == {"left_out": 5}
        assert answering(monkeypatch, {"loss": 1, OURS: 5}).info == {OURS: {"left_out": [OURS]}}

    def test_a_value_that_contains_itself_is_left_out(self) -> None:
        assert reply_of("returns", "loop").info == {OURS: {"left_out": ["info"]}}

    def test_many_metrics_are_checked_in_one_pass(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The values that do not fit are found in one pass."""
        reply = answering(monkeypatch, {"loss": 1, **{f"metric {at}": at for at in range(20_000)}})
        assert reply.loss == 1
        assert len(json.dumps({k: v for k, v in (reply.info or {}).items() if k != OURS})) < INFO_LIMIT_BYTES

    def test_the_largest_values_are_left_out_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer = {"loss": 1, "curve": [0.1] * 10_000, "note": "x" * 20_000, "small": 1}
        reply = answering(monkeypatch, answer)
        assert reply.info == {"small": 1, OURS: {"left_out": ["curve", "note"]}}
        assert len(json.dumps(reply.info)) <= INFO_LIMIT_BYTES


class TestExceptions:
    def test_the_traceback_starts_in_user_code(self) -> None:
        failure = reply_of("deep", "value").failure
        assert failure is not None
        assert failure.kind is FailureKind.RAISED
        assert failure.message == "ValueError: bad lr"
        assert failure.traceback is not None
        lines = failure.traceback.splitlines()
        assert lines[0].startswith("Traceback")
        assert "user_code.py" in lines[1]
        assert "in deep" in lines[1]
        assert "airflow_sparktune" not in failure.traceback

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("exits", "SystemExit: the data is not there"),
            ("interrupts", "KeyboardInterrupt"),
            ("recurses", "RecursionError: maximum recursion depth exceeded"),
        ],
    )
    def test_any_exception_fails_the_trial_but_not_the_worker(self, name: str, told: str) -> None:
        failure = reply_of(name).failure
        assert failure is not None
        assert failure.kind is FailureKind.RAISED
        assert failure.message.startswith(told)

    @pytest.mark.parametrize(("error", "named"), [("awkward", "Awkward"), ("unshowable", "Unshowable")])
    def test_an_exception_that_cannot_be_shown(self, error: str, named: str) -> None:
        failure = reply_of("deep", error).failure
        assert failure is not None
        assert named in failure.message
        assert "in deeper" in (failure.traceback or "")

    def test_a_result_that_exits_the_process_when_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        failure = answering(monkeypatch, user_code.Quits()).failure
        assert failure is not None
        assert failure.kind is FailureKind.NONSENSE

    def test_a_long_text_is_truncated(self) -> None:
        failure = reply_of("deep", "long").failure
        assert failure is not None
        assert len(failure.message) + len(failure.traceback or "") < 40_000

    def test_an_objective_that_cannot_be_loaded_fails_the_trial(self) -> None:
        failure = reply_of("plian").failure
        assert failure is not None
        assert "has no 'plian'" in failure.message

    def test_a_cancelled_trial_on_the_driver_has_no_reply(self) -> None:
        def cancelled() -> None:
            raise TrialCancelled

        with pytest.raises(TrialCancelled):
            loss_of(cancelled, seed=1)


class TestSeeds:
    def test_a_reused_worker_seeds_each_trial(self) -> None:
        first = reply_of("draws").loss
        random.random()
        np.random.rand()
        again = reply_of("draws").loss
        assert first == again == random.Random(TRIAL.seed).random()

    def test_numpy_is_seeded(self) -> None:
        one = loss_of(np.random.rand, seed=2**31 - 1)
        assert one is not None
        assert loss_of(np.random.rand, seed=2**31 - 1) == one

    def test_torch_is_seeded_if_it_is_loaded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seeds: list[int] = []

        class Torch:
            manual_seed = staticmethod(seeds.append)

        monkeypatch.setitem(sys.modules, "torch", Torch)  # type: ignore[arg-type]
        loss_of(lambda: 0, seed=5)
        assert seeds == [5]

    def test_a_library_imported_by_the_objective_is_seeded_in_a_new_worker(self) -> None:
        """The body of a decorated task imports its libraries itself."""
        code = (
            "import sys\n"
            "from airflow_sparktune.executor.evaluate import Call, run\n"
            "from airflow_sparktune.executor.imported import ImportedObjective\n"
            "from airflow_sparktune.executor.objective import TrialContext\n"
            "assert 'numpy' not in sys.modules\n"
            f"task = ImportedObjective('{HERE}:draws_with_numpy', {{}})\n"
            "call = Call(None, TrialContext(0, seed=5, attempt=1, tries=1))\n"
            "print(run(task, call)[0].loss, run(task, call)[0].loss)\n"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        np.random.seed(5)
        assert ran.stdout.split() == [str(float(np.random.rand()))] * 2


class TestTask:
    def test_the_objective_gets_the_extras_that_it_names(self) -> None:
        task = ImportedObjective(f"{HERE}:with_extras", {"data": "d"}, shared_data=Shared({"rows": 3}))
        reply, _ = run(task, Call({}, TRIAL))
        assert reply.info == {"got": ["d", 3, 99, 1, 1, {"rows": 3}]}

    def test_a_second_study_does_not_see_the_shared_data_of_the_first(self) -> None:
        for rows in (1, 2):
            task = ImportedObjective(f"{HERE}:with_extras", {"data": "d"}, shared_data=Shared(rows))
            reply, _ = run(task, Call({}, TRIAL))
            assert (reply.info or {})["got"][-1] == rows

    def test_an_objective_changes_only_its_own_copy_of_its_arguments(self) -> None:
        task = ImportedObjective(f"{HERE}:consumes", {"data": ["a", "b"]})
        call = Call({"x": {"y": 0.5}}, TRIAL)
        for _ in range(2):
            assert run(task, call)[0].loss == 0.5
        assert (call.params, task.kwargs) == ({"x": {"y": 0.5}}, {"data": ["a", "b"]})

    @pytest.mark.parametrize(("name", "told"), [("plain", None), ("plian", "has no 'plian'")])
    def test_check_reports_the_problem_of_the_objective(self, name: str, told: str | None) -> None:
        (text,) = check(Sent(ImportedObjective(f"{HERE}:{name}", {})), iter([0]))
        report = json.loads(text)
        assert report["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
        assert report["error"] is None if told is None else told in report["error"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        7,
        '{"run_s": NaN, "loss": 0.5, "failure": null, "info": null}',
        '{"run_s": -1e9, "loss": 0.5, "failure": null, "info": null}',
        '{"run_s": 1, "loss": null, "failure": null, "info": null}',
        '{"run_s": 1, "loss": Infinity, "failure": null, "info": null}',
        '{"run_s": 1, "loss": "low", "failure": null, "info": null}',
        '{"run_s": 1, "loss": 1e151, "failure": null, "info": null}',
        pytest.param(
            f'{{"run_s": 1, "loss": 1{"0" * 400}, "failure": null, "info": null}}', id="loss of 400 digits"
        ),
        pytest.param(
            f'{{"run_s": 1{"0" * 400}, "loss": 1, "failure": null, "info": null}}', id="run_s of 400 digits"
        ),
        '{"run_s": 1, "loss": 0.5, "failure": null, "info": 3}',
        '{"run_s": 1, "loss": 0.5, "failure": {"kind": "unknown"}, "info": null}',
        '{"loss": 0.5}',
        '{"run_s": 1, "state": "running"}',
        '{"run_s": 1, "state": "pruned", "loss": 0.5}',
        '{"run_s": 1, "state": "failed", "loss": 0.5}',
    ],
)
def test_an_invalid_reply_is_a_failed_trial(text: Any) -> None:
    """The trial fails with the reason, and the study continues."""
    reply = Reply.read(text)
    assert reply.loss is None
    assert reply.failure is not None
    assert reply.failure.kind is FailureKind.NONSENSE
    assert "must send a valid reply" in reply.failure.message
