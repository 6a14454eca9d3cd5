from __future__ import annotations

import uuid
from collections.abc import Iterator

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from tests.study.s3.faulty_proxy import FaultyProxy, faulty_proxy

BUCKET = "studies"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Return the URL of a real S3 server on loopback, which keeps objects in memory."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def proxy(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """Put a proxy between this process and the server, by environment variables of S3 clients."""
    with faulty_proxy(s3_server) as proxy:
        settings = {
            "AWS_ENDPOINT_URL": proxy.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        files = fsspec.get_filesystem_class("s3")
        files.clear_instance_cache()  # fsspec would reuse clients of the old environment
        files().makedirs(BUCKET, exist_ok=True)
        proxy.requests.clear()
        yield proxy
        files.clear_instance_cache()


@pytest.fixture
def address(proxy: FaultyProxy) -> str:
    """Return an address for a new study, behind the proxy."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"
