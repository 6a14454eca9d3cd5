#!/bin/sh
# Lint the Dockerfiles with the tools in $1, and compose.yaml if docker compose is installed.
set -eu
"$1/hadolint" docker/*/Dockerfile
if docker compose version >/dev/null 2>&1; then
    values=$(mktemp)
    trap 'rm -f "$values"' EXIT
    sed 's/=$/=any/' docker/.env.example >"$values"
    docker compose --file docker/compose.yaml --env-file "$values" --profile '*' config --quiet
else
    echo "docker/compose.yaml is not checked: docker compose is not installed"
fi
