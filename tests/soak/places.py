"""The storages of the soak's studies, and their faults."""

from __future__ import annotations

import random
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tests.study.s3.faulty_proxy import Fault, FaultyProxy, Request

BUCKET = "studies"
# A file takes a page of 4 kB there: twice the room for a thousand segments and as many of earlier attempts.
DISK_MB = 32


class Place(Protocol):
    """A storage; programs that use it need `environment`, and `troubles` counts its faults."""

    name: str
    environment: Mapping[str, str]
    troubles: Counter[str]

    def new_address(self) -> str:
        """Return an address for a new study."""

    def disturb(self, rng: random.Random, stop: threading.Event) -> None:
        """Inject faults until `stop` is set; the storage works again when this returns."""

    @property
    def settle_s(self) -> float:
        """Return for how long after a kill the storage may show an older state."""


class Disk:
    """A folder without faults."""

    name = "disk"
    environment: Mapping[str, str] = {}
    settle_s = 0.0

    def __init__(self, root: Path) -> None:
        self.troubles: Counter[str] = Counter()
        self._root = root

    def new_address(self) -> str:
        return str(self._root / uuid.uuid4().hex)

    def disturb(self, rng: random.Random, stop: threading.Event) -> None:
        stop.wait()


class SmallDisk(Disk):
    """A file system of some megabytes, which is full from time to time."""

    name = "full disk"

    def disturb(self, rng: random.Random, stop: threading.Event) -> None:
        ballast = self._root / "ballast"
        while not stop.wait(rng.uniform(1, 8)):
            # Unbuffered, because closing the file would try to write the buffer again.
            with ballast.open("wb", buffering=0) as file:
                for piece in (2**16, 2**12):
                    with suppress(OSError):
                        while file.write(b"\0" * piece):
                            pass
            self.troubles["disk full"] += 1
            stop.wait(rng.uniform(0.5, 6))
            ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Yield a tmpfs in `folder`; mounting it needs root."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)


class S3:
    """An S3 server behind a proxy, with single faults all the time and phases in which all requests fail."""

    name = "S3"
    # The lag of listings; the next attempt must not start sooner.
    settle_s = 2.0

    def __init__(self, proxy: FaultyProxy, environment: Mapping[str, str]) -> None:
        self.troubles: Counter[str] = Counter()
        self._proxy = proxy
        self.environment = environment

    def new_address(self) -> str:
        return f"s3://{BUCKET}/{uuid.uuid4().hex}"

    def disturb(self, rng: random.Random, stop: threading.Event) -> None:
        before = Counter(self._proxy.injected)
        single = [Fault.SLOW_DOWN, Fault.UNAVAILABLE, Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.NOT_YET]

        def now_and_then(request: Request) -> Fault | None:
            fault = rng.choice(single) if rng.random() < 0.03 else None
            return None if fault is Fault.NOT_YET and request.kind not in ("GET", "HEAD") else fault

        try:
            while not stop.is_set():
                self._proxy.choose = now_and_then
                if stop.wait(rng.uniform(2, 10)):
                    break
                self._phase(rng.choice(("outage", "expired", "slow", "lagging")), rng.uniform(1, 7), stop)
        finally:
            self._proxy.choose = lambda request: None
            self.troubles.update(
                {fault.name: count - before[fault] for fault, count in self._proxy.injected.items()}
            )

    def _phase(self, what: str, for_s: float, stop: threading.Event) -> None:
        proxy = self._proxy
        match what:
            case "outage":
                proxy.choose = lambda request: Fault.UNAVAILABLE
            case "expired":
                proxy.choose = lambda request: Fault.EXPIRED
            case "slow":
                proxy.delay_s = 2.0
            case "lagging":
                proxy.stale_s = self.settle_s
        self.troubles[f"phase: {what}"] += 1
        stop.wait(for_s)
        proxy.delay_s = proxy.stale_s = 0.0


@contextmanager
def in_trouble(place: Place, rng: random.Random) -> Iterator[None]:
    """Inject faults into a storage in this context."""
    stop = threading.Event()
    thread = threading.Thread(target=place.disturb, args=(rng, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        time.sleep(place.settle_s)
