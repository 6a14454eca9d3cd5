#!/bin/sh
# Build the release files into dist/ with the tools in $1. Two builds must be equal, the metadata must be valid, and
# Airflow must run the demo in a new environment that contains only the wheel and its dependencies.
set -eu
tools=$PWD/$1
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

rm -rf dist build/release
mkdir -p build/release
for folder in dist build/release/again; do
    "$tools/hatchling" build --directory "$folder" >/dev/null
done
for file in dist/*; do
    cmp "$file" "build/release/again/${file#dist/}"
done
"$tools/python" - dist/*.whl <<'CHECK'
import sys, zipfile
from packaging.metadata import Metadata

with zipfile.ZipFile(sys.argv[1]) as wheel:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    Metadata.from_email(wheel.read(name))  # raises for metadata that a package index would refuse
CHECK

unset PYTHONPATH # or the demo might import the sources instead of the wheel
cd build/release
wheel=$(echo ../../dist/*.whl)
if command -v uv >/dev/null; then
    uv venv --quiet --python "$tools/python" venv
    uv pip install --quiet --python venv/bin/python --constraint ../../constraints.txt "$wheel[examples,pyspark]"
else
    "$tools/python" -m venv venv
    venv/bin/pip install --quiet --constraint ../../constraints.txt "$wheel[examples,pyspark]"
fi
AIRFLOW_HOME=$PWD/airflow
. ../../tools/airflow_env.sh
AIRFLOW__CORE__DAGS_FOLDER=$(venv/bin/python -c 'import airflow_sparktune; print(*airflow_sparktune.__path__)')/example_dags
PATH=$PWD/venv/bin:$PATH
if ! { airflow db migrate && airflow dags test retune_digits; } >demo.log 2>&1; then
    tail -50 demo.log >&2
    exit 1
fi
grep 'test accuracy' demo.log
cd ../..
sha256sum dist/*
