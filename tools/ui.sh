#!/bin/sh
# Start Airflow with the example DAGs. Airflow prints its address and the password of its user.
set -eu
AIRFLOW_HOME=$PWD/.airflow
. ./tools/airflow_env.sh
exec airflow standalone
