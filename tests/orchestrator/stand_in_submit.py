"""Stands in for spark-submit without a JVM; the environment variable STAND_IN sets its behaviour.

It writes the journal that a driver would write.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from pathlib import Path

import javaproperties

from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.errors import IncumbentBroken, ObjectiveError, PlatformError, StorageError, describe
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import Decided, StartsResolved
from airflow_sparktune.study.journal.follow import StudyFollower, read_study
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.promotion import put_on_record
from airflow_sparktune.study.retuning.decision import Decision, Measured, Outcome, Standing
from airflow_sparktune.study.retuning.starts import Basis, Incumbent
from airflow_sparktune.study.segments import read_segments
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.trial import Trial, TrialState

# spark-submit's output once the application is in the cluster.
SAID = {
    "detaches on YARN": "Submitted application application_1_0001",
    "waits on Kubernetes": "pod name: sparktune-1-driver",
    "waits on YARN": "Submitted application application_1_0001",
    "works on Kubernetes": "Deployed Spark application sparktune with application ID spark-1 and "
    "submission ID tuning:sparktune-1-driver into Kubernetes",
    "works on YARN": "Submitted application application_1_0001",
}


INCUMBENT = Measured(number=0, params={"x": 0}, n=5, mean=0.5, std_error=0.01)
WINNER = Measured(
    number=1, params={"x": 1}, n=5, mean=0.4, std_error=0.01, standing=Standing.WON, pairs=5,
    difference=0.1, difference_error=0.01, bound=0.05,
)  # fmt: skip
DECISIONS = {
    "keeps": Decision(
        outcome=Outcome.KEPT, reason="too little", params={"x": 0}, number=0, incumbent=INCUMBENT
    ),
    "replaces": Decision(
        outcome=Outcome.REPLACED, reason="trial 1 is better by 0.1", params={"x": 1}, number=1,
        incumbent=INCUMBENT, candidates=(WINNER,),
    ),
}  # fmt: skip


def main(arguments: list[str], behaviour: str) -> int:
    if "--kill" in arguments:
        sys.stdout.write(f"killed {arguments[arguments.index('--kill') + 1]}\n")
        return 0
    note = {"arguments": arguments, "cwd": str(Path.cwd()), "stdin": str(Path("/proc/self/fd/0").readlink())}
    note["environment"] = dict(os.environ)
    settings = Path(arguments[arguments.index("--properties-file") + 1])
    note["conf"], note["mode"] = javaproperties.loads(settings.read_text()), settings.stat().st_mode & 0o777
    if behaviour == "keeps the code":
        zips = arguments[arguments.index("--py-files") + 1].split(",")
        note["code"] = base64.b64encode(Path(zips[-1]).read_bytes()).decode()
    Path(os.environ["STAND_IN_NOTE"]).write_text(json.dumps(note))
    if behaviour in ("dies early", "fails to submit on YARN"):
        sys.stdout.write("Error: no such thing as a master\n")
        return 1
    if behaviour in SAID:
        sys.stdout.write(f"{SAID[behaviour]}\n")
        sys.stdout.flush()
    if behaviour.startswith("waits"):
        time.sleep(60)
    if behaviour.startswith("detaches"):
        return 0
    address = arguments[arguments.index("--study") + 1]
    return drive(address, behaviour)


def drive(address: str, behaviour: str) -> int:
    """Run the study at an address, or the segments of an application; return the driver's exit code."""
    segments = read_segments(address)
    if segments is None:
        return tune(address, Spec.from_json(json.loads(open_storage(address).read("spec.json"))), behaviour)
    codes = [0]
    for segment, spec in zip(segments.segments, segments.specs(), strict=True):
        own = address_of(address, segment.name)
        try:
            if segments.left(segment, read_study(own).study):
                codes.append(tune(own, spec, spec.objective_kwargs.get("does", behaviour)))
        except StorageError:  # the verdict cannot be written
            codes.append(1)
    return max(codes)


def tune(address: str, spec: Spec, behaviour: str) -> int:
    """Write the journal of a study; return the exit code of its driver."""
    if behaviour == "waits for a lane":
        return 1
    storage = open_storage(address)
    follower = StudyFollower(storage)
    follower.refresh()
    before = follower.study.spec
    same = before is None or not before.changed_identity(spec)
    recorder = Recorder.open(storage, follower, spec=spec, seed=1, dimensions=(), take_over=same)
    recorder.spark(application="app-1", master="local[2]", ui="http://driver:4040", history=None)
    if behaviour == "breaks the incumbent":
        error = IncumbentBroken("the incumbent failed on today's data: KeyError: 'age'")
        recorder.close(StopReason.ERROR, error=describe(error))
        return 1
    if behaviour == "fails with escapes":
        error = ObjectiveError("no\x1b[31m such\x07 module")
        # A journal that was written by others may contain this.
        recorder.close(StopReason.ERROR, error={**describe(error), "message": "no\x1b[31m such\x07 module"})
        return 1
    if behaviour == "finds no Spark":
        recorder.close(StopReason.ERROR, error=describe(PlatformError("Java must be there")))
        return 1
    if behaviour == "fails":
        error = ObjectiveError("the objective 'm:f' must be callable, got int")
        recorder.close(StopReason.ERROR, error=describe(error))
        return 1
    for number in range(recorder.study.finished, spec.max_evals):
        trial = Trial(number=number, params={"x": number}, point={"x": number}, start=recorder.now)
        recorder.trial(trial.ended(TrialState.OK, end=recorder.now, loss=float(number)))
        if behaviour == "dies at the second trial" and number == 1:
            recorder.commit()
            return 1
    if behaviour in DECISIONS:
        champions = Champions(spec.champions, spec.segment)
        champion = champions.current()
        basis = Basis(champion=champion.number if champion else None, moment=spec.moment or recorder.now)
        incumbent = Incumbent(source="champion", params=INCUMBENT.params)
        recorder.note(StartsResolved, incumbent=incumbent, basis=basis)
        recorder.note(Decided, decision=DECISIONS[behaviour])
        put_on_record(recorder.study, address, champions, at=recorder.now)
    recorder.close(StopReason.MAX_EVALS)
    if behaviour == "prints no text":
        os.write(1, b"\xff\xfe\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ["STAND_IN"]))
