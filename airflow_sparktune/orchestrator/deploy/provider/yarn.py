"""Track and end an application on YARN."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook


# Seconds between two looks at a killed application.
KILL_POLL_S = 0.2


def choose_tracking(hook: SparkSubmitHook, *, durable: bool, asked: bool) -> tuple[bool, bool]:
    """Return whether a retry can reconnect, and whether the ResourceManager's API tracks the application.

    `durable` and `asked` are the task's arguments for both. If the API cannot be asked, a task that is
    durable by default is not, because the provider would refuse it. A study does not depend on a
    reconnection: the driver of a retry continues it and makes an earlier one stop.
    """
    hook._yarn_track_via_rm_api = True
    try:
        # The hook keeps what it finds: on_kill, a signal handler, must not ask for the connection.
        hook._validate_yarn_track_via_rm_api_config()
    except (ValueError, RuntimeError) as error:
        if durable and not asked:
            durable = False
            hook.log.info(
                "a retry will start a new driver, which continues the study; to let it reconnect to a "
                "running one, set yarn_resourcemanager_webapp_address in the extra of connection %r (%s)",
                hook._conn_id,
                error,
            )
    else:
        asked = asked or durable
    hook._yarn_track_via_rm_api = asked
    return durable, asked


def end_on_yarn(hook: SparkSubmitHook, *, stop: Callable[[], None], is_active: Callable[[str], bool]) -> None:
    """End an application by `stop`, a request to its ResourceManager, or by the yarn command if none is set.

    `is_active` tells whether a status is that of a running application.
    """
    application, why = hook._yarn_application_id, None
    if application is None or hook._yarn_rm_base_url is not None:
        stop()
        if application is not None and not _has_ended(hook, application, is_active):
            why = "it still runs after the request to its ResourceManager"
    else:
        try:
            hook.on_kill()  # the provider's operator would call only the ResourceManager
        except OSError as error:
            why = (
                f"this worker failed to ({error}); put yarn on its PATH, or set "
                f"yarn_resourcemanager_webapp_address in the extra of connection {hook._conn_id!r}"
            )
    if why is not None:
        hook.log.error("the YARN application %s must be stopped by hand, because %s", application, why)


def _has_ended(hook: SparkSubmitHook, application: str, is_active: Callable[[str], bool]) -> bool:
    """Return whether YARN ends a killed application in time; the provider does not look."""
    from airflow_sparktune.orchestrator.deploy import process

    until = time.monotonic() + process.GRACE_S
    while time.monotonic() < until:
        with suppress(RuntimeError):  # no answer
            if not is_active(hook.query_yarn_application_status(application)):
                return True
        time.sleep(KILL_POLL_S)
    return False
