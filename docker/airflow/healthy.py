"""A health check: exit 0 if Airflow's API server says that a component is healthy.

python healthy.py http://api-server:8080 scheduler
"""

import json
import sys
from urllib.request import urlopen

server, component = sys.argv[1:]
with urlopen(f"{server}/api/v2/monitor/health", timeout=5) as answer:
    status = json.load(answer)[component]["status"]
sys.exit(0 if status == "healthy" else f"{component} is {status}")
