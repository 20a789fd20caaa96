#!/bin/sh
# Known vulnerabilities of the versions in constraints.txt, as the advisories of PyPI tell them.
# Usage: sh tests/audit.sh VENV PYTHON     Status 1 where there is one; 0 with a word where nobody could be asked.
set -eu

venv=$1
root=$(cd "$(dirname "$0")/.." && pwd)
# Asked about one version first, as pip-audit will ask about all: a mirror without advisories answers otherwise.
if ! "$venv/bin/python" - "$root/constraints.txt" <<'PYTHON'
import re
import sys
import urllib.request

name, version = re.search(r"^([\w.-]+)==([\w.+-]+)", open(sys.argv[1]).read(), re.MULTILINE).groups()
try:
    with urllib.request.urlopen(f"https://pypi.org/pypi/{name}/{version}/json", timeout=10) as answer:
        sys.exit(b'"vulnerabilities"' not in answer.read())
except OSError:
    sys.exit(1)
PYTHON
then
    echo "audit: pypi.org gives no advisories here; NOTHING WAS AUDITED. Run make audit where it does." >&2
    exit 0
fi
[ -x "$venv-audit/bin/pip-audit" ] || {
    "$2" -m venv "$venv-audit"
    "$venv-audit/bin/python" -m pip install -q pip-audit==2.10.1
}
# Strict: a version that cannot be audited is an error as well.
exec "$venv-audit/bin/pip-audit" --strict --no-deps --disable-pip -r "$root/constraints.txt"
