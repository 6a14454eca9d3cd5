#!/bin/sh
# Install PyTorch into a virtual environment, unless it is installed: torch.sh .venv
# It is installed separately, and not in constraints.txt, because it is large.
set -eu
python=$1/bin/python
"$python" -c 'import torch' 2>/dev/null && exit 0
"$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null
echo "Installing PyTorch" >&2
"$python" -m pip install --quiet 'torch>=2.4,<3'
