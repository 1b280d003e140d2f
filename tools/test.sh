#!/bin/sh
# What `make test` does: every check, then every test. All of them run, whatever the first one says.
#
#     tools/test.sh FOLDER [pytest's arguments]
#
# FOLDER is the virtual environment.
set -u
cd "$(dirname "$0")/.."
bin=$1/bin
shift
PATH=$PATH:/usr/sbin:/sbin
export PATH

failed=
check() {
    printf '== %s\n' "$*"
    "$bin/$@" || failed="${failed:+$failed; }$*"
}

check ruff check .
check ruff format --check .
check mypy
check lint-imports
check python tools/check_tree.py
if [ -n "$failed" ]; then
    printf '== these checks failed: %s\n' "$failed"
fi

printf '== pytest\n'
"$bin/python" -m pytest -n 2 --dist loadgroup "$@"
status=$?
[ -z "$failed" ] || [ "$status" != 0 ] || status=1
exit "$status"
