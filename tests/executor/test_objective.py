from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import WAYS, TrialContext, load, load_objective
from airflow_sparktune.study.signature import EXTRAS

HERE = "tests.executor.user_code"


def loaded(name: str, **kwargs: Any) -> Any:
    return load_objective(f"{HERE}:{name}", kwargs=kwargs, extras=EXTRAS)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a package `churn` with a module `train`."""

    def write(source: str) -> None:
        (tmp_path / "churn").mkdir()
        (tmp_path / "churn" / "__init__.py").touch()
        (tmp_path / "churn" / "train.py").write_text(source)

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in ("churn", "churn.train"):
        sys.modules.pop(name, None)


class TestLoading:
    def test_a_misspelled_module(self) -> None:
        with pytest.raises(ObjectiveError) as raised:
            load("chrun.train:loss")
        assert str(raised.value) == (
            "'chrun.train:loss' must be importable where trials run, got: no module named 'chrun'; check the "
            f"spelling, or {WAYS}"
        )
        assert not raised.value.retryable

    def test_a_misspelled_module_of_a_package(self, module: Any) -> None:
        module("")
        with pytest.raises(ObjectiveError, match=r"no module named 'churn\.trian'; check the spelling"):
            load("churn.trian:loss")

    @pytest.mark.parametrize("missing", ["xgboots", "churn.helpers"])
    def test_a_module_that_imports_what_is_missing(self, module: Any, missing: str) -> None:
        module(f"import {missing}\ndef loss(params): return 0.0\n")
        with pytest.raises(
            ObjectiveError, match=rf"churn\.train imports '{missing}', which is not .*py_files"
        ):
            load("churn.train:loss")

    def test_a_syntax_error_names_the_line(self, module: Any) -> None:
        module("x = 1\ndef loss(params)\n    return 0.0\n")
        with pytest.raises(
            ObjectiveError, match=r"SyntaxError: expected ':' .*train\.py, line 2\); correct that"
        ):
            load("churn.train:loss")

    @pytest.mark.parametrize(
        ("line", "told"),
        [("1 / 0", "ZeroDivisionError: division by zero"), ("raise SystemExit('no data')", "SystemExit: no")],
    )
    def test_a_module_that_fails_when_it_is_imported(self, module: Any, line: str, told: str) -> None:
        module(f"x = 1\n{line}\n")
        with pytest.raises(ObjectiveError, match=rf"{told}.*train\.py, line 2\); correct what"):
            load("churn.train:loss")

    def test_a_name_missing_in_the_module(self) -> None:
        with pytest.raises(ObjectiveError, match=r"but .*user_code.py\) has no 'plian'; check the spelling"):
            load(f"{HERE}:plian")


class TestSignatures:
    def test_not_callable(self) -> None:
        with pytest.raises(ObjectiveError, match="must be callable, got int; name a function"):
            loaded("number")

    @pytest.mark.parametrize("name", ["nothing", "keyword_only"])
    def test_a_function_without_a_parameter_for_the_params(self, name: str) -> None:
        with pytest.raises(ObjectiveError, match="must take the params as its first argument") as raised:
            loaded(name)
        assert "write def objective(params)" in str(raised.value)

    def test_a_missing_argument(self) -> None:
        with pytest.raises(ObjectiveError, match=r"got objective_kwargs \[\].*required argument: 'data'"):
            loaded("with_extras")

    def test_an_unexpected_argument(self) -> None:
        with pytest.raises(ObjectiveError, match="unexpected keyword argument 'rows'"):
            loaded("plain", rows=5)

    @pytest.mark.parametrize("name", ["trial", "params"])
    def test_an_argument_reserved_for_the_driver(self, name: str) -> None:
        with pytest.raises(ObjectiveError, match=f"multiple values for .*argument '{name}'"):
            loaded("with_defaults", **{name: 5})

    @pytest.mark.parametrize(
        ("name", "kwargs", "wants"),
        [
            ("plain", {}, set()),
            ("with_extras", {"data": "s3://lake"}, {"trial", "shared_data"}),
            ("with_defaults", {}, {"trial"}),
            ("with_any", {"anything": 1}, set()),
            ("variadic", {}, set()),
            ("instance", {}, set()),
            ("Callable", {}, None),
        ],
    )
    def test_an_objective_wants_the_extras_that_it_names(
        self, name: str, kwargs: dict[str, Any], wants: set[str] | None
    ) -> None:
        if wants is None:
            with pytest.raises(ObjectiveError, match="must take the params"):
                loaded(name)
        else:
            assert loaded(name, **kwargs).wants == wants

    def test_a_number_that_a_template_made_text(self) -> None:
        """The check on a worker finds it too, with the arguments of the search and of the confirmation."""
        message = "must be a number as in the signature .*; .* set render_template_as_native_obj=True"
        for task in (
            ImportedObjective(f"{HERE}:counted", {"rows": "3"}),
            ImportedObjective(f"{HERE}:counted", {"rows": 3}, confirm_kwargs={"rows": "9"}),
        ):
            with pytest.raises(ObjectiveError, match=message):
                task.load()
        ImportedObjective(f"{HERE}:counted", {"rows": 3}).load()

    def test_an_objective_gets_params_kwargs_and_extras(self) -> None:
        trial = TrialContext(4, 99, 2, 1)
        objective = loaded("with_extras", data="s3://lake")
        found = objective({"x": 1}, kwargs={"data": "s3://lake"}, trial=trial, shared_data=[7])
        assert found["got"] == ["s3://lake", 4, 99, 2, 1, [7]]

    def test_a_builtin_without_a_signature_is_accepted(self) -> None:
        assert load_objective("builtins:max", kwargs={}, extras=EXTRAS).wants == set()
