"""A bare PySpark application: start a session, run a job on every slot, write the time into a file.

The file is argument 1.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

context = SparkSession.builder.getOrCreate().sparkContext
context.parallelize(range(context.defaultParallelism), context.defaultParallelism).mapPartitions(
    list
).collect()
Path(sys.argv[1]).write_text(str(time.time()))
