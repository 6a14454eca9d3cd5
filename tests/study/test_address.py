from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from airflow_sparktune.study.address import part, study_address

# Ids as Airflow creates them, and ids that look like replaced ones.
IDS = st.one_of(
    st.text(min_size=1),
    st.text("ab:./-_0", min_size=1, max_size=12),
    st.text("ab:./-_0", min_size=1, max_size=12).map(part),
    st.text("ab", min_size=95, max_size=130),
)


@given(IDS)
@example(".")
@example("..")
@example("...")
@example("")
@example("../../etc/passwd")
@example("a" * 300)
def test_a_part_is_a_safe_name(text: str) -> None:
    """A part is a single folder name for any id: no separator, no parent folder, not too long."""
    name = part(text)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
    assert name.strip(".")
    assert len(name) <= 110


@given(IDS, IDS)
@example("a:b", part("a:b"))
@example(part("a:b"), part(part("a:b")))
@example("a" * 101, part("a" * 101))
@example("..", part(".."))
def test_different_ids_have_different_parts(one: str, other: str) -> None:
    """Two ids never share a folder, even if one looks like the replacement of the other."""
    assume(one != other)
    assert part(one) != part(other)


@pytest.mark.parametrize("text", ["churn", "tune", "group.tune", "manual__2026-01-01", "a-b_c.d", "x" * 100])
def test_a_safe_id_is_unchanged(text: str) -> None:
    """Valid ids are unchanged."""
    assert part(text) == text


INSTANCES = st.fixed_dictionaries(
    {
        "dag_id": st.sampled_from(["a", "b", "a/b", "g0"]),
        "task_id": st.sampled_from(["a", "b", "b/a", "0"]),
        "run_id": st.sampled_from(["r", "r/0", "r/g0", "g0"]),
        "map_index": st.integers(-1, 2),
        "generation": st.integers(0, 2),
    }
)


@given(INSTANCES, INSTANCES)
def test_different_task_instances_have_different_addresses(
    one: dict[str, int], other: dict[str, int]
) -> None:
    """Studies differ by dag, task, run, map index and generation, and none is inside another."""
    assume(one != other)
    here, there = (study_address("/data", **each) for each in (one, other))
    assert here != there
    assert not f"{here}/".startswith(f"{there}/")


@pytest.mark.parametrize(
    ("storage", "folder"),
    [
        ("/data", "/data/d/t/r/g0"),
        ("/data/", "/data/d/t/r/g0"),
        ("/", "/d/t/r/g0"),
        ("s3://bucket/studies/", "s3://bucket/studies/d/t/r/g0"),
        ("s3://bucket", "s3://bucket/d/t/r/g0"),
        ("memory://", "memory:///d/t/r/g0"),
        ("file:///", "file:///d/t/r/g0"),
    ],
)
def test_an_address_starts_with_the_storage(storage: str, folder: str) -> None:
    """A slash at the end of the storage makes no difference; a scheme without a path stays valid."""
    assert study_address(storage, dag_id="d", task_id="t", run_id="r") == folder
