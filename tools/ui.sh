#!/bin/sh
# Start Airflow with the example DAGs; it prints where it listens and the password of its user.
set -eu
AIRFLOW_HOME=$PWD/.airflow
. ./tools/airflow_env.sh
exec airflow standalone
