#!/bin/sh
# Install Docker's engine, client and compose from Debian's packages, as root, unless they are installed.
set -eu
command -v dockerd >/dev/null && docker compose version >/dev/null 2>&1 && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "Docker with compose is required, and was not found; install it first" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
{
    timeout 300 apt-get -o Acquire::Retries=3 update -q
    timeout 600 apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 install -qy --no-install-recommends \
        docker.io docker-cli docker-buildx docker-compose iptables iproute2
} >&2
