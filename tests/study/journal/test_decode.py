"""What a study folder's JSON may hold."""

from __future__ import annotations

import pytest

from airflow_sparktune.study.journal.decode import decoded


@pytest.mark.parametrize(
    "text",
    [
        "1e999",
        "-1E+999",
        "[0.1, 1e309]",
        '{"deep": {"x": 1e4000}}',
        "1" * 301,
        f"[{'9' * 400}.5]",
        "1e301234567",
    ],
)
def test_a_number_beyond_a_float_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"too large for a float|within 1e300"):
        decoded(text.encode())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-999", 0.0),
        ("1e+99", 1e99),
        ("0.10000000000000000000000001", 0.1),
        ('"1e999 and E000"', "1e999 and E000"),
        (f'"{"7" * 400}"', "7" * 400),
        ('{"name1e000": 2}', {"name1e000": 2}),
    ],
)
def test_other_numbers_and_all_texts_are_kept(text: str, value: object) -> None:
    assert decoded(text.encode()) == value
