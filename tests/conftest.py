from __future__ import annotations

import os
import tempfile

# Before anything imports Airflow: no test reads or writes the user's own home of it.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="sparktune-tests-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
