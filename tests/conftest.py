from __future__ import annotations

import logging
import os
import tempfile

# Before anything imports Airflow: no test reads or writes the user's own home of it.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="sparktune-tests-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
# It speaks of each connection that it closes, long after pytest has taken its streams away.
logging.getLogger("py4j").setLevel(logging.WARNING)
