#!/bin/sh
# Run the tests of driver and executor that need Spark, and two studies on a standalone cluster, with another Spark
# release ($1), in an environment without Airflow. Further arguments go to pytest in place of this selection.
set -eu
release=$1
shift
venv=.spark/$release
python=${PYTHON:-$(.venv/bin/python -c 'import sys; print(sys.executable)')}

if [ ! -e "$venv/.installed" ]; then
    mkdir -p .spark
    # The versions that CI installs, without those of Spark and its dependencies.
    grep -vE '^(pyspark|pyspark-client|py4j|googleapis-common-protos|grpcio.*|protobuf)==' constraints.txt > .spark/constraints.txt
    libraries='click hyperopt fsspec javaproperties numpy optuna psutil pyyaml rich setuptools'
    tests='hypothesis httpx pytest pytest-timeout pandas lightgbm scikit-learn'
    if command -v uv >/dev/null; then
        uv venv --quiet --allow-existing --python "$python" "$venv"
        install="uv pip install --quiet --python $venv/bin/python"
    else
        "$python" -m venv "$venv"
        install="$venv/bin/pip install --quiet"
    fi
    $install --constraint .spark/constraints.txt "pyspark==$release" $libraries $tests
    $install --no-deps --editable .
    touch "$venv/.installed"
fi

cluster=tests/integration/test_standalone.py
[ $# -gt 0 ] || set -- tests/driver tests/executor "$cluster::test_study_on_a_cluster" \
    "$cluster::test_a_trial_has_the_cores_and_the_gpu_that_it_asks_for"
PATH=$PWD/$venv/bin:$PATH
export PATH
unset SPARK_HOME PYSPARK_PYTHON
exec pytest -m 'integration and not soak' "$@"
