"""Valid and invalid user code; tests refer to it as `module:name`."""

import os
import random
import subprocess
import sys
import threading
from typing import Any


def plain(params: Any) -> float:
    return params["x"]


def with_extras(params: Any, data: str, trial: Any, shared_data: Any = None) -> dict[str, Any]:
    return {"loss": 1.0, "got": [data, trial.number, trial.seed, trial.attempt, trial.tries, shared_data]}


def with_defaults(params: Any, data: str = "small", *, trial: Any = None) -> float:
    return 1.0 if trial is not None else 0.0


def counted(params: Any, rows: int = 5) -> float:
    return float(rows)


def consumes(params: Any, data: list[str]) -> float:
    assert (data.pop(), data.pop()) == ("b", "a")
    return params.pop("x").pop("y")


def draws_with_numpy(params: Any) -> float:
    import numpy

    return float(numpy.random.rand())


def with_any(params: Any, **options: Any) -> dict[str, Any]:
    return {"loss": 0.0, "options": options}


def nothing() -> float:
    return 0.0


def keyword_only(*, params: Any) -> float:
    return 0.0


def variadic(*args: Any) -> float:
    return float(len(args))


class Callable:
    def __call__(self, params: Any) -> float:
        return 3.0


instance = Callable()
number = 5


class Hostile:
    """A value that raises on every access."""

    def __repr__(self) -> str:
        raise ValueError("no repr")

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):
            return object.__getattribute__(self, name)
        raise ValueError(f"no {name}")


def returns(params: Any) -> Any:
    """Return the value that a test has set."""
    return ANSWERS[params]


class Awkward(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Unshowable(Exception):
    """An exception like those of web clients, whose attributes are keys of the response."""

    def __getattr__(self, name: str) -> Any:
        return {}[name]


class Quits:
    """A result that exits the process when it is read."""

    def __float__(self) -> float:
        raise SystemExit("enough")

    __repr__ = __float__  # type: ignore[assignment]


def deep(params: Any) -> float:
    return deeper(params)


def deeper(params: Any) -> float:
    raise {
        "value": ValueError("bad lr"),
        "awkward": Awkward(),
        "unshowable": Unshowable(),
        "long": ValueError("x" * 10**6),
    }[params]


def exits(params: Any) -> float:
    sys.exit("the data is not there")


def interrupts(params: Any) -> float:
    raise KeyboardInterrupt


def recurses(params: Any) -> float:
    return recurses(params)


def draws(params: Any) -> float:
    return random.random()


def starts_a_thread(params: Any) -> float:
    threading.Thread(target=subprocess.run, args=(["true"],)).start()
    return 0.0


_loop: list[Any] = []
_loop.append(_loop)
ANSWERS: dict[Any, Any] = {"loop": {"loss": 1.0, "info": _loop}}


def holds(params: Any, trial: Any) -> dict[str, Any]:
    visible = os.environ["CUDA_VISIBLE_DEVICES"]
    return {"loss": 0.0, "cpus": trial.cpus, "gpus": list(trial.gpus), "visible": visible}
