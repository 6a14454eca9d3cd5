"""An objective that checks what its pod has."""

import os
import time
from pathlib import Path


def quadratic(params, *, sleep=0.0):
    password = Path(os.environ["KEYS"], "password").read_text()
    if password != os.environ["DB_PASSWORD"]:
        raise RuntimeError(f"the mounted secret must be that of the environment, got {password!r}")
    time.sleep(sleep)
    return (params["x"] - 0.3) ** 2
