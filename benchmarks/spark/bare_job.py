"""A bare PySpark application: start a session, run one job, write the time into the file of argument 1."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

context = SparkSession.builder.getOrCreate().sparkContext
context.parallelize([0], 1).mapPartitions(list).collect()
Path(sys.argv[1]).write_text(str(time.time()))
