#!/bin/sh
# Install PyTorch into a virtual environment, unless it is there: torch.sh .venv
# By pip and apart from all else, for it is large: constraints.txt, and whoever installs the rest, leave it out.
set -eu
python=$1/bin/python
"$python" -c 'import torch' 2>/dev/null && exit 0
"$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null
echo "Installing PyTorch" >&2
"$python" -m pip install --quiet 'torch>=2.4,<3'
