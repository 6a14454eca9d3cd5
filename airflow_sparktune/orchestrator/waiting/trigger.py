"""The trigger of a deferred task: it waits, and does nothing of what follows a result.

A trigger can neither emit asset events nor write task state, so its event resumes the task on a worker. All
that it knows is in its arguments, from which a restarted triggerer makes it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_sparktune import connections
from airflow_sparktune.orchestrator.waiting.watch import End, How, Waiting, Watch

connections.register()

# Storages and clusters are read in these threads, which all studies of a triggerer share.
_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="sparktune")
# After this time without an answer from storage or cluster, a worker is to ask. It has the task's arguments.
TROUBLE_S = 600.0


class StudyTrigger(BaseTrigger):
    """Waits for a study, or for its application, with a look every `poll_s` seconds."""

    def __init__(self, *, waiting: dict[str, Any], poll_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self._waiting = Waiting.from_json(waiting)
        self._poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments, from which any triggerer makes this trigger again."""
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        return name, {"waiting": self._waiting.to_json(), "poll_s": self._poll_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the end of the waiting as an event. A CancelledError must leave it, see `on_kill`."""
        end = await self._end()
        yield TriggerEvent(end.to_json())  # type: ignore[no-untyped-call]  # Airflow's

    async def on_kill(self) -> None:
        """End the application: a user has cleared the deferred task, or set its state.

        After a clear, the next try may have an application already. This ends the one of this trigger only.
        """
        if self._waiting.application is not None:
            await asyncio.to_thread(self._kill)  # not in the threads, which a slow storage may keep busy

    async def _end(self) -> End:
        watch = Watch(self._waiting, status=self._status if self._waiting.application else None)
        loop = asyncio.get_running_loop()
        answered, troubled = time.monotonic(), False
        while True:
            try:
                end = await loop.run_in_executor(_THREADS, watch.look)
                answered, troubled = time.monotonic(), False
            except Exception as error:  # noqa: BLE001 - of the storage, of Airflow's API, or of the provider
                if not troubled:
                    self.log.warning("cannot look for the end of the study now: %s", error)
                troubled = True
                if time.monotonic() - answered > TROUBLE_S:
                    return End(how=How.TROUBLE, detail=str(error))
            else:
                if end is not None:
                    return end
            await asyncio.sleep(self._poll_s)

    def _status(self) -> str | None:
        status: str | None = self._operator.ended_status(self._waiting.application)
        return status

    def _kill(self) -> None:
        self._operator.end_by_id(self._waiting.application)

    @cached_property
    def _operator(self) -> Any:
        # Imported on use, because a trigger of CollectStudyOperator needs no provider of Spark.
        from airflow_sparktune.orchestrator.waiting.deferrable import DeferrableOperator

        return DeferrableOperator.of(str(self._waiting.conn_id), str(self._waiting.application))
