"""An objective that reads a secret, reports to its driver, and runs nowhere but in a pod."""

import socket
import time
from pathlib import Path


def quadratic(params, trial):
    if Path("/etc/keys/password").read_text() != "hunter2" or "-exec-" not in socket.gethostname():
        raise RuntimeError(f"trials must run in executor pods with their secret, got {socket.gethostname()}")
    loss = (params["x"] - 0.3) ** 2
    for step in range(1, 6):
        time.sleep(0.1)
        trial.report(step, loss + 1 / step)
    return loss


class OddAtThree:
    """Stops every trial with an odd number at step 3."""

    def stops(self, number, step, curves):
        return number % 2 == 1 and step == 3
