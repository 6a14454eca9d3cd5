from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator

import pytest

from tests.containers.engine import docker_engine
from tests.containers.stack import Stack, running_stack

for name in ("httpx", "botocore", "aiobotocore"):  # they log each request
    logging.getLogger(name).setLevel(logging.WARNING)

collect_ignore = ["stand_ins"]  # files that run inside containers


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not os.environ.get("SPARKTUNE_REQUIRE_CONTAINERS"):
        pytest.skip(
            "the whole stack in containers takes some minutes; SPARKTUNE_REQUIRE_CONTAINERS=1 brings it up"
        )
    # A CI that gives up sends SIGTERM: clean up as after SIGINT.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with docker_engine(), running_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack
        if request.session.testsfailed:
            logging.getLogger(__name__).error(stack.compose("logs", "--tail", "60"))


@pytest.fixture
def keys(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process read the studies on the stack's object storage."""
    keys = {"AWS_ACCESS_KEY_ID": "sparktune", "AWS_SECRET_ACCESS_KEY": stack.secrets["S3_SECRET_KEY"]}
    for name, value in {**keys, "AWS_ENDPOINT_URL": stack.s3, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
