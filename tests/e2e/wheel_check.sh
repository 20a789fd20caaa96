#!/bin/sh
# The wheel, installed in an environment of its own and run from another directory.
# Usage: sh tests/e2e/wheel_check.sh PYTHON     (from anywhere; PYTHON is 3.11 or newer)
set -eu

fail() {
    echo "wheel-check: $*" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: sh tests/e2e/wheel_check.sh PYTHON"
command -v "$1" >/dev/null 2>&1 || fail "no python named $1"
base_python=$(command -v "$1")
case $base_python in
    /*) ;;
    *) base_python=$PWD/$base_python ;;
esac
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
unset PYTHONPATH PYTHONHOME || :

# Build from a copy, so that nothing of an older build in the checkout gets into the wheel.
mkdir "$scratch/source" "$scratch/wheel" "$scratch/elsewhere"
(cd "$root" && cp -R setup.py pyproject.toml README.md LICENSE configs pipeline transforms "$scratch/source")
"$base_python" -m venv "$scratch/venv" || fail "no environment could be made with $base_python"
python=$scratch/venv/bin/python
"$python" -m pip install -q -c "$root/constraints.txt" pip setuptools wheel || fail "pip could not be prepared"
"$python" -m pip wheel -q --no-deps --no-build-isolation --no-index -w "$scratch/wheel" "$scratch/source" \
    || fail "the wheel could not be built"
wheel=$(find "$scratch/wheel" -name 'copydesk-*.whl')
[ -f "$wheel" ] || fail "not one wheel was built but: $wheel"

"$python" - "$wheel" <<'PYTHON' || fail "the wheel's top-level names are not exactly pipeline and transforms"
import sys
import zipfile

names = {name.partition("/")[0] for name in zipfile.ZipFile(sys.argv[1]).namelist()}
names = {name for name in names if not name.endswith(".dist-info")}
if names != {"pipeline", "transforms"}:
    sys.exit(f"found: {', '.join(sorted(names))}")
PYTHON

"$python" -m pip install -q -c "$root/constraints.txt" torch==2.13.0 || fail "torch could not be installed"
"$python" -m pip install -q -c "$root/constraints.txt" "$wheel" || fail "the wheel could not be installed"

cd "$scratch/elsewhere"
"$python" - <<'PYTHON' || fail "the packages are not imported from the environment's site-packages"
import sys
import sysconfig
from pathlib import Path

import pipeline
import transforms

site = Path(sysconfig.get_path("purelib")).resolve()
for package in (pipeline, transforms):
    place = Path(package.__path__[0]).resolve()
    if place.parent != site:
        sys.exit(f"{package.__name__} comes from {place}, not from {site}")
PYTHON

copydesk=$scratch/venv/bin/copydesk
"$copydesk" --help >help.txt || fail "copydesk --help ended with status $?"
grep -q "copydesk run pages/ -o out" help.txt || fail "copydesk --help shows no examples"
"$copydesk" config --config nightly >nightly.toml || fail "copydesk config --config nightly ended with status $?"
grep -q "max_failures = 0.05" nightly.toml || fail "copydesk config --config nightly does not print that configuration"

mkdir pages
cat >pages/bridge.txt <<'TEXT'
Home
News
Sign in

Harbour bridge to close for nine weeks

The bridge over the harbour will close on 1 May for repairs to its bearings, the council said on Monday evening.

Ferries will run every ten minutes while it is shut, and buses will go by way of the northern quay.
TEXT
cat >pages/library.html <<'HTML'
<!doctype html>
<html lang="en"><head><title>Library opens on Saturdays again</title></head>
<body><nav><a href="/">Home</a> <a href="/news">News</a></nav>
<article><h1>Library opens on Saturdays again</h1>
<p>The library in the old town hall will open on Saturdays again from next month, the head librarian said.</p>
<p>Volunteers will lend books between ten and two, and the reading room stays open until four.</p></article>
</body></html>
HTML
"$copydesk" run pages -o out --set embed.model=hashing >run.txt 2>&1 || {
    status=$?
    cat run.txt >&2
    fail "copydesk run ended with status $status"
}
for name in _SUCCESS manifest.json report.html stories teasers pages segments members clusters failures; do
    [ -e "out/$name" ] || fail "copydesk run wrote no $name"
done
"$python" - <<'PYTHON' || fail "the tables do not hold the two pages"
import sys

import pyarrow.parquet as pq

ids = sorted(pq.read_table("out/pages").column("id").to_pylist())
if ids != ["bridge", "library"]:
    sys.exit(f"pages: {ids}")
PYTHON
echo "wheel-check: $(basename "$wheel") works from another directory"
