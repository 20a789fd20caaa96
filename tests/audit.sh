#!/bin/sh
# Known vulnerabilities of the versions in constraints.txt, as the advisories of PyPI tell them.
# Usage: sh tests/audit.sh VENV PYTHON     Status 1 where there is one; 0 with a word where nobody could be asked.
set -eu

venv=$1
root=$(cd "$(dirname "$0")/.." && pwd)
if ! "$venv/bin/python" - <<'PYTHON'
import sys
import urllib.request

try:
    with urllib.request.urlopen("https://pypi.org/pypi/pip/json", timeout=10) as answer:
        sys.exit(b'"vulnerabilities"' not in answer.read())
except OSError:
    sys.exit(1)
PYTHON
then
    echo "audit: pypi.org does not answer with advisories from here; NOTHING WAS AUDITED. Run make audit where it does." >&2
    exit 0
fi
[ -x "$venv-audit/bin/pip-audit" ] || {
    "$2" -m venv "$venv-audit"
    "$venv-audit/bin/python" -m pip install -q pip-audit==2.10.1
}
exec "$venv-audit/bin/pip-audit" --no-deps --disable-pip -r "$root/constraints.txt"
