from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from tests.soak.places import BUCKET, S3, Disk, Place, small_disk
from tests.study.s3.faulty_proxy import faulty_proxy


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Place]]:
    """Yield a disk, a small disk, and an S3 server that other processes reach through a proxy."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**keys, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    files = fsspec.get_filesystem_class("s3")
    files.clear_instance_cache()  # fsspec caches clients although the environment has changed
    files().makedirs(BUCKET, exist_ok=True)
    (tmp_path / "disk").mkdir()
    with faulty_proxy(url) as proxy, small_disk(tmp_path / "small") as small:
        yield [Disk(tmp_path / "disk"), small, S3(proxy, {**keys, "AWS_ENDPOINT_URL": proxy.url})]
    files.clear_instance_cache()
    server.stop()
