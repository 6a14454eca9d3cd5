"""A report of a running trial, and how it travels: frames of bounded size over TCP, after a challenge.

A frame is its length in four bytes, then JSON. Both ends first prove that they know the study's secret. Until
then, messages have fixed sizes and nothing is parsed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# Imported by name before user code runs: an objective may replace attributes of a module.
from json import dumps, loads
from typing import Any, ClassVar, Protocol

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored

MOST_BYTES = 16_384
LENGTH_BYTES = 4
# The challenge: the driver sends a nonce; the worker sends the study's key, a nonce and its proof; the driver
# sends its proof.
NONCE_BYTES, KEY_BYTES, PROOF_BYTES = 32, 16, 32


@dataclass(frozen=True, slots=True)
class Report(JsonObject):
    """A report of a trial at a step. With `maximize`, `loss` is a score."""

    WHAT: ClassVar[str] = "a report"

    trial: int = stored(shape.whole)
    attempt: int = stored(shape.whole)
    tries: int = stored(shape.whole)
    step: int = stored(shape.whole)
    loss: float = stored(shape.number)
    metrics: Mapping[str, float] = stored(shape.numbers, default=dict)


class Answer(StrEnum):
    """The answer to a report. `refused` is for a trial, or a try of it, that does not run."""

    CONTINUE = "continue"
    STOP = "stop"
    REFUSED = "refused"


# Answers a report at once; called in any thread.
Receive = Callable[[Report], Answer]


class Reports(Protocol):
    """Takes the reports of trials."""

    def answer(self, report: Report) -> Answer | None:
        """Return the answer to a report, or None if the driver cannot be reached."""


@dataclass(frozen=True, slots=True)
class Door:
    """The address for the reports of a study, and the secret to prove. It travels in the broadcast only."""

    host: str
    port: int
    key: bytes
    secret: bytes = field(repr=False)


def proof(secret: bytes, side: bytes, *nonces: bytes) -> bytes:
    """Return the proof of `side` (driver or worker) that it knows the secret, valid for these nonces only."""
    return hmac.new(secret, side + b"".join(nonces), hashlib.sha256).digest()


def framed(value: Any) -> bytes:
    """Return a value as a frame; raises ValueError if it is too large."""
    data = dumps(value, allow_nan=False, separators=(",", ":")).encode()
    return require_size(len(data)).to_bytes(LENGTH_BYTES, "big") + data


def require_size(size: int) -> int:
    """Return the size of a frame's content; raises ValueError if it is too large."""
    if size > MOST_BYTES:
        raise ValueError(
            f"a report must be at most {MOST_BYTES} bytes long, got {size}; report fewer metrics"
        )
    return size


def unframed(data: bytes) -> Any:
    """Return the value in a frame's content; raises ValueError."""
    try:
        return loads(data)
    except RecursionError as error:
        raise ValueError("a report must not be nested") from error
