#!/bin/sh
# Print the home of Java 17 or newer: from JAVA_HOME, PATH or the usual folders. As root on a Debian-like machine,
# install Java if none is found.
set -eu

release() { # prints the release of the Java in folder $1, or 0 if there is none
    [ -x "$1/bin/java" ] || { echo 0; return; }
    "$1/bin/java" -version 2>&1 | sed -nE 's/.* version "(1\.)?([0-9]+).*/\2/p' | head -n 1 | grep . || echo 0
}

search() {
    on_path=$(command -v java || true)
    [ -z "$on_path" ] || on_path=$(dirname "$(dirname "$(readlink -f "$on_path")")")
    for home in "${JAVA_HOME:-}" "$on_path" /usr/lib/jvm/* /opt/java/* /opt/homebrew/opt/openjdk* \
        /Library/Java/JavaVirtualMachines/*/Contents/Home "$HOME/.sdkman/candidates/java/current"; do
        if [ -n "$home" ] && [ "$(release "$home")" -ge 17 ]; then
            echo "$home"
            return 0
        fi
    done
    return 1
}

search && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "No Java 17 or newer found; installing default-jre-headless" >&2
    { apt-get update -q && apt-get install -qy --no-install-recommends default-jre-headless; } >&2
    search && exit 0
fi
if command -v apt-get >/dev/null; then
    way_out='type: sudo apt-get install default-jre-headless'
elif command -v brew >/dev/null; then
    way_out='type: brew install openjdk'
elif command -v dnf >/dev/null; then
    way_out='type: sudo dnf install java-latest-openjdk-headless'
else
    way_out='install one, and set JAVA_HOME to its folder'
fi
echo "Spark needs Java 17 or newer, and none was found; $way_out" >&2
exit 1
