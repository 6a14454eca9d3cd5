#!/bin/sh
# Build the documentation with the tools in $1, without network; a warning is an error.
#
# With $2, a minor version such as 0.2, build the folder of that version in the website $3, beside those of other
# versions; stable/ is a copy of the newest. Publish by putting the website on any server of static files.
set -eu
bin=$1 version=${2:-} site=${3:-docs/_build/site}

if [ -z "$version" ]; then
    "$bin/sphinx-build" -W --keep-going -q -b html docs docs/_build/html
    echo docs/_build/html/index.html
    exit
fi
release=$("$bin/python" -c 'from airflow_sparktune import __version__; print(__version__)')
case $release in
"$version".*) ;;
*)
    echo "VERSION must be that of the package, ${release%.*}, got $version" >&2
    exit 2
    ;;
esac
rm -rf "$site/$version" "$site/stable"
mkdir -p "$site"
"$bin/sphinx-build" -W --keep-going -q -b html docs "$site/$version"
rm -r "$site/$version/.doctrees"
cd "$site"
versions=$(ls -d [0-9]*.[0-9]* | sort -Vr)
cp -r "$(echo "$versions" | head -1)" stable
echo "globalThis.VERSIONS = [$(printf '"%s",' stable $versions)];" >versions.js
echo '<!doctype html><meta http-equiv="refresh" content="0; url=stable/"><a href="stable/">Documentation</a>' >index.html
echo "$site/$version/index.html"
