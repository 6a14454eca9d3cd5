#!/bin/sh
# Create a virtual environment ($1), and install the package with what its tests need, at the versions in
# constraints.txt: with uv if it is installed, otherwise with pip.
set -eu
venv=$1
what='.[atpe,examples,kubernetes,mlflow,pyspark,s3]'
groups='--group dev --group docs --group bench'

python=
for candidate in python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null &&
        "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Python 3.11, 3.12 or 3.13 is required, and none of them is on PATH; install one of them first" >&2
    exit 1
fi

if command -v uv >/dev/null; then
    [ -x "$venv/bin/python" ] || uv venv --quiet --python "$python" "$venv"
    uv pip install --quiet --python "$venv/bin/python" --constraint constraints.txt \
        --editable "$what" $groups
else
    [ -x "$venv/bin/pip" ] || "$python" -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --upgrade pip # older ones do not know dependency groups
    "$venv/bin/pip" install --quiet --constraint constraints.txt --editable "$what" $groups
fi
