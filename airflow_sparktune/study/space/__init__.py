"""Search spaces in natural units, with a JSON form.

A space is made of dicts, lists and *dimensions*. Functions such as `uniform` build a dimension in Python; in
JSON a dimension is the object that a person would write by hand:

>>> space = {"lr": loguniform(1e-4, 1.0), "depth": randint(2, 12), "booster": choice(["gbtree", "dart"])}
>>> to_json(space)["lr"]
{'loguniform': [0.0001, 1.0]}
>>> parse(to_json(space)) == space
True
"""

from airflow_sparktune.study.space.builders import *  # noqa: F403 - `__all__` lists them
from airflow_sparktune.study.space.builders import __all__ as _builders
from airflow_sparktune.study.space.nodes import NUMBERS, Choice, Number, to_json, walk
from airflow_sparktune.study.space.parse import BUILDERS, parse

__all__ = ["BUILDERS", "NUMBERS", "Choice", "Number", "parse", "to_json", "walk", *_builders]
