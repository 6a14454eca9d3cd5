"""Large values that each host holds once: their buffers are in a file that Python workers map into memory.

The buffers are pickled out of band (PEP 574). A broadcast's file begins with the pickle of a
`BufferedObjective` and ends with the buffers. PySpark writes that file to each executor once and sends its
path to the workers.
"""

from __future__ import annotations

import mmap
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from airflow_sparktune.study.trial import Failure

T = TypeVar("T")

# A worker keeps the objectives of several studies as long as their broadcasts together are not larger.
KEPT_BYTES = 256 * 2**20

# Pickles a value without its buffers; returns the pickle and the index of the value's first buffer in the
# file. Returns None for a value that is small or has no buffers.
Pack = Callable[[Any], tuple[bytes, int] | None]

_pack: ContextVar[Pack | None] = ContextVar("pack", default=None)
_buffers: ContextVar[Sequence[memoryview]] = ContextVar("buffers", default=())


class Shared(Generic[T]):
    """Holds a value that all trials read: the value itself on the driver, a view of the file in a worker."""

    def __init__(self, value: T) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        pack = _pack.get()
        packed = pack(self.value) if pack is not None else None
        return (Shared, (self.value,)) if packed is None else (_unpack, packed)


class Lent(Shared[Any]):
    """Stands in a study's objective for the value that all studies of its application share.

    That value has a broadcast of its own (see `WithCommon`), so it is sent once.
    """

    def __init__(self) -> None:
        """Hold nothing: `value` is that of the broadcast that is open."""

    @property
    def value(self) -> Any:
        return _common.get().value

    def __reduce__(self) -> tuple[Any, ...]:
        return Lent, ()


_common: ContextVar[Shared[Any]] = ContextVar("common")


def shared(value: T) -> Shared[T]:
    """Let an objective for `hyperopt.fmin` close over a large value that each host holds once.

    Numpy arrays (also those in pandas and Arrow tables) are read-only in a trial. Torch tensors are writable;
    written pages are copied. A small value is pickled with the objective.

    >>> import airflow_sparktune
    >>> data = airflow_sparktune.shared({"x": [1, 2, 3]})
    >>> def objective(params):
    ...     return sum(data.value["x"]) * params["lr"]
    >>> objective({"lr": 0.5})
    3.0
    """
    return Shared(value)


@dataclass(frozen=True, slots=True)
class Span:
    """The position of a buffer in bytes, counted from the first buffer. A worker may write to its own copy
    if it is `writable`.
    """

    start: int
    size: int
    writable: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class BufferedObjective:
    """The content of a broadcast whose objective has large values.

    `head` is the objective's pickle without the buffers. The buffers are the last `size` bytes of the file at
    `path`, or of the broadcast's own file if `path` is None.
    """

    head: bytes
    spans: tuple[Span, ...]
    size: int
    path: str | None = None


class Broadcast(Protocol):
    """The attributes of pyspark's Broadcast that this package uses; an encrypted one has no `_path`."""

    _path: str

    @property
    def value(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class WithCommon:
    """A study's broadcast, and that of the value that all studies of its application share."""

    own: Broadcast
    common: Broadcast


@contextmanager
def packing(pack: Pack) -> Iterator[None]:
    """Pass each `Shared` value that is pickled in this context to `pack`, which takes its buffers."""
    token = _pack.set(pack)
    try:
        yield
    finally:
        _pack.reset(token)


@contextmanager
def opened(broadcast: Broadcast | WithCommon, *, studies: int | None = None) -> Iterator[Any]:
    """Yield the objective of a broadcast. Its buffers are mapped, also for values unpickled in this context.

    The objectives of the last `studies` studies are kept, of more than one up to KEPT_BYTES, because PySpark
    drops the broadcast of one while a trial of another runs. None keeps all.
    """
    if isinstance(broadcast, WithCommon):
        token = _common.set(_open_common(broadcast.common))
        try:
            with opened(broadcast.own, studies=studies) as objective:
                yield objective
        finally:
            _common.reset(token)
        return
    path = getattr(broadcast, "_path", None)
    if path is None:
        yield broadcast.value
        return
    loaded = _objectives.pop(path, None)
    # Dropped before another one is loaded, because the values may be large.
    while _objectives and studies is not None and len(_objectives) >= studies:
        del _objectives[next(iter(_objectives))]
    value, buffers = _objectives[path] = loaded or _load(broadcast.value, path)
    while studies is not None and len(_objectives) > 1 and sum(map(_size, _objectives)) > KEPT_BYTES:
        del _objectives[next(iter(_objectives))]
    buffered = _buffers.set(buffers)
    try:
        yield value
    finally:
        _buffers.reset(buffered)


def _open_common(broadcast: Broadcast) -> Shared[Any]:
    """Return what all studies of the application share; loaded once in a worker."""
    path = getattr(broadcast, "_path", None)
    if path is None:
        found: Shared[Any] = broadcast.value
        return found
    if path not in _commons:
        _commons[path] = _load(broadcast.value, path)[0]
    return _commons[path]


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:  # the lane has closed
        return 0


def with_advice(failure: Failure | None, broadcast: Broadcast | WithCommon) -> Failure | None:
    """Return the failure, with advice added if the trial wrote to read-only shared data."""
    if failure is None or "read-only" not in failure.message:
        return failure
    data = broadcast.common if isinstance(broadcast, WithCommon) else broadcast
    if not isinstance(data.value, BufferedObjective):
        return failure
    return Failure(
        failure.kind,
        f"{failure.message}; shared data is read-only because all trials on a host read the same copy: "
        "change a copy in the objective (array.copy(), frame.copy())",
        failure.traceback,
    )


# The objective of each study and its buffers, by the path of its broadcast. The last one used is the last.
_objectives: dict[str, tuple[Any, Sequence[memoryview]]] = {}
# The value that the studies of an application share, by the path of its broadcast.
_commons: dict[str, Shared[Any]] = {}


def _load(content: Any, path: str) -> tuple[Any, Sequence[memoryview]]:
    """Return the objective of a broadcast and its buffers; map the file if it has some."""
    if not isinstance(content, BufferedObjective):
        return content, ()
    with open(content.path or path, "rb") as file:  # noqa: PTH123 - mmap needs the descriptor
        # Private pages: other trials do not see what one trial writes.
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    data = mapped[len(mapped) - content.size :]
    views = [(data[span.start : span.start + span.size], span.writable) for span in content.spans]
    buffers = [view if writable else view.toreadonly() for view, writable in views]
    token = _buffers.set(buffers)
    try:
        return pickle.loads(content.head), buffers
    finally:
        _buffers.reset(token)


def _unpack(head: bytes, first: int) -> Shared[Any]:
    return Shared(pickle.loads(head, buffers=_buffers.get()[first:]))


def as_tensor(buffer: memoryview, dtype: str, shape: tuple[int, ...]) -> Any:
    """Return a torch tensor over a buffer. Torch is imported only where a tensor is unpickled."""
    import torch

    return torch.frombuffer(buffer, dtype=getattr(torch, dtype)).reshape(shape)
