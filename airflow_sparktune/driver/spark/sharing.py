"""Broadcast an objective so that its large values reach each host once (see executor.shared)."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO

from pyspark import Broadcast, SparkContext
from pyspark.cloudpickle import CloudPickler

from airflow_sparktune.executor.shared import BufferedObjective, Span, as_tensor, packing

# Smaller buffers stay in the pickle. So do all buffers of a value that add up to less than MIN_VALUE_BYTES.
MIN_BUFFER_BYTES = 65_536
MIN_VALUE_BYTES = 1_048_576
# The alignment of data that processors and numpy prefer.
_ALIGNMENT = 64


def broadcast(context: SparkContext, make: Callable[[], Any]) -> SharingBroadcast:
    """Create an objective and broadcast it; raises PicklingError."""
    buffers = _Buffers()
    # An encrypted file cannot be mapped, so everything stays in the pickle.
    with nullcontext() if context._encryption_enabled else packing(buffers.pack):
        return SharingBroadcast(context, make(), buffers)


class SharingBroadcast(Broadcast[Any]):  # type: ignore[misc]  # pyspark's, without types
    """A broadcast whose file holds the buffers after the pickle; with a local master, in a file of their own.

    The JVM does not read that file. It would otherwise keep a copy of it for executors on other hosts.
    """

    def __init__(self, context: SparkContext, objective: Any, buffers: _Buffers) -> None:
        self._buffers = buffers
        self._own_file: Path | None = None
        self._folder = context._temp_dir if context.master.startswith("local") else None
        super().__init__(context, objective, context._pickled_broadcast_vars)
        del self._buffers  # the driver's last reference to the values

    def dump(self, value: Any, f: BinaryIO) -> None:
        """Write the file of the broadcast, and close it."""
        try:
            head = pickle.dumps(value, protocol=5)
        except Exception as error:
            raise pickle.PicklingError(f"{type(error).__name__}: {error}") from error
        buffers = self._buffers
        if not buffers.spans:
            f.write(head)
        elif self._folder is not None:
            with NamedTemporaryFile(delete=False, dir=self._folder) as own:
                buffers.write(own)
            self._own_file = Path(own.name)
            pickle.dump(BufferedObjective(head, tuple(buffers.spans), buffers.size, own.name), f, protocol=5)
        else:
            header = pickle.dumps(BufferedObjective(head, tuple(buffers.spans), buffers.size), protocol=5)
            f.write(header + bytes(-len(header) % _ALIGNMENT))
            buffers.write(f)
        f.close()

    def close(self) -> None:
        """Remove the separate file of the buffers. Processes that have mapped it keep their view."""
        if self._own_file is not None:
            self._own_file.unlink(missing_ok=True)


class _Buffers:
    """Collects the large buffers of shared values."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.size = 0
        self._contents: list[memoryview] = []

    def pack(self, value: Any) -> tuple[bytes, int] | None:
        """Return a pickle without the value's large buffers and its first buffer's index; None if small."""
        pickled = io.BytesIO()
        pickler = _Pickler(pickled)
        pickler.dump(value)
        if sum(content.nbytes for content, _ in pickler.kept) < MIN_VALUE_BYTES:
            return None
        first = len(self.spans)
        for content, writable in pickler.kept:
            self.spans.append(Span(self.size, content.nbytes, writable))
            self._contents.append(content)
            self.size += content.nbytes + -content.nbytes % _ALIGNMENT
        return pickled.getvalue(), first

    def write(self, file: Any) -> None:
        """Write the aligned buffers."""
        for content in self._contents:
            file.write(content)
            file.write(bytes(-content.nbytes % _ALIGNMENT))


class _Pickler(CloudPickler):  # type: ignore[misc]  # as above
    """Moves large buffers from the pickle to `kept`, each with a flag that says if it is writable."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5, buffer_callback=self._keep)
        self.kept: list[tuple[memoryview, bool]] = []
        self._tensors: set[int] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Reduce a torch tensor to a buffer; torch's own pickle would contain the tensor's bytes."""
        torch = sys.modules.get("torch")
        if torch is None or type(obj) is not torch.Tensor or not _is_plain(obj, torch):
            return super().reducer_override(obj)
        buffer = pickle.PickleBuffer(obj.reshape(-1).view(torch.uint8).numpy())
        self._tensors.add(id(buffer))
        return as_tensor, (buffer, str(obj.dtype).removeprefix("torch."), tuple(obj.shape))

    def _keep(self, buffer: pickle.PickleBuffer) -> bool:
        """Return whether the buffer stays in the pickle."""
        content = buffer.raw()
        if content.nbytes < MIN_BUFFER_BYTES:
            return True
        self.kept.append((content, id(buffer) in self._tensors))
        return False


def _is_plain(tensor: Any, torch: Any) -> bool:
    return (
        tensor.nbytes >= MIN_BUFFER_BYTES
        and tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and tensor.is_contiguous()
        and not (tensor.requires_grad or tensor.is_conj() or tensor.is_neg() or tensor.is_quantized)
    )
