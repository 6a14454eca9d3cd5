"""A field that is declared once is checked, read and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import pytest

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel(JsonObject):
    WHAT: ClassVar[str] = "a wheel"

    size: int = stored(shape.whole, default=26, required=True)
    note: str | None = stored(shape.words, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bike(JsonObject):
    WHAT: ClassVar[str] = "a bike"

    colour: Colour = stored(Colour, key="paint")
    wheels: tuple[Wheel, ...] = stored(Wheel, many=True, default=())
    gears: tuple[int, ...] = stored(shape.whole, many=True, default=())
    owner: Mapping[str, str] = stored(shape.texts, default=dict)
    sold: float | None = stored(shape.moment, default=None, lenient=True)
    price: float | None = stored(shape.size, default=None, omitted=True)


WHOLE = {
    "paint": "red",
    "wheels": [{"size": 26, "note": None}, {"size": 28, "note": "flat"}],
    "gears": [1, 2],
    "owner": {"name": "ada"},
    "sold": 5.0,
}


def test_it_is_read_and_written() -> None:
    """Nested objects, lists and enums too, in the order of the fields."""
    bike = Bike.from_json(WHOLE)
    wheels = (Wheel(), Wheel(size=28, note="flat"))
    assert bike == Bike(colour=Colour.RED, wheels=wheels, gears=(1, 2), owner={"name": "ada"}, sold=5.0)
    assert list(bike.to_json().items()) == list(WHOLE.items())


def test_missing_and_unknown_keys() -> None:
    """A missing key has the default, an unknown one is ignored, and null is allowed for a default of None."""
    assert Bike.from_json({"paint": "red", "sold": None, "bell": 1}) == Bike(colour=Colour.RED)


def test_a_lenient_field_drops_what_does_not_fit() -> None:
    assert Bike.from_json({**WHOLE, "sold": "noon"}).sold is None


def test_an_omitted_field_is_written_if_it_is_set() -> None:
    assert Bike.from_json({**WHOLE, "price": 9.5}).to_json() == {**WHOLE, "price": 9.5}


def test_words_become_one_printable_line() -> None:
    assert Wheel.from_json({"size": 1, "note": "a\n\x1b[2Jb"}).note == "a [2Jb"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"paint": "blue"}, "paint of a bike cannot be 'blue'"),
        ({"paint": ["red"]}, "paint of a bike cannot be"),
        ({"paint": None}, "paint of a bike cannot be None"),
        ({"gears": [1, -1]}, "gears of a bike cannot be"),
        ({"gears": None}, "gears of a bike cannot be None"),
        ({"wheels": [{}]}, "size of a wheel cannot be None"),
        ({"wheels": [None]}, "a wheel cannot be None"),
        ({"owner": {"name": 1}}, "owner of a bike cannot be"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(changed: dict[str, Any], message: str) -> None:
    """The message names the field and the value."""
    with pytest.raises(ValueError, match=message):
        Bike.from_json({**WHOLE, **changed})
