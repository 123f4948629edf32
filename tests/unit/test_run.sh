#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The check runner itself: what it counts, its last line and its exit status, on a small tree of fake tests.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
bad=0

fresh() {
    rm -rf "$dir/t"
    mkdir -p "$dir/t/tests/unit" "$dir/t/scripts"
    cp "$top/tests/run" "$dir/t/tests/"
    printf '#!/bin/sh\nexit 0\n' >"$dir/t/scripts/lint"
    chmod +x "$dir/t/scripts/lint"
}
fake() { printf '%s\n' "$2" >"$dir/t/tests/unit/test_$1.sh"; }

expect() { # expect NAME STATUS LAST-LINE [OPTION...]
    name=$1 status=$2 last=$3
    shift 3
    out=$("$dir/t/tests/run" "$@" 2>&1)
    got=$?
    n=$((n + 1))
    if [ $got = "$status" ] && [ "$(printf '%s\n' "$out" | tail -n 1)" = "$last" ]; then
        echo "ok $n - $name"
    else
        bad=1
        echo "not ok $n - $name"
        printf 'status %s, expected %s and the last line "%s"\n%s\n' "$got" "$status" "$last" "$out" | sed 's/^/# /'
    fi
    fresh
}

fresh
expect 'lint alone' 0 '1 passed, 0 failed'
fake tap 'echo "ok 1 - a"; echo "ok 2 - b"; echo "1..2"'
expect 'TAP lines count' 0 '3 passed, 0 failed'
fake tap 'echo "ok 1 - a"; echo "not ok 2 - b"; echo "1..2"; exit 1'
expect 'a failed line' 1 '2 passed, 1 failed'
fake tap 'echo "ok 1 - a"; echo "1..2"'
expect 'fewer than planned' 1 '2 passed, 1 failed'
fake tap 'echo "ok 1 - a"; kill -SEGV $$'
expect 'a crash after a good line' 1 '2 passed, 1 failed'
fake tap 'echo "ok 1 - a # SKIP no such library"; echo "1..1"'
expect 'a skipped line' 0 '1 passed, 0 failed, 1 skipped'
fake plain 'echo no network; exit 77'
expect 'a skipped script' 0 '1 passed, 0 failed, 1 skipped'
fake plain 'exit 3'
expect 'a script without TAP fails by its status' 1 '1 passed, 1 failed'
fake slow '# ramjet-test: timeout=1
sleep 20'
expect 'a test that hangs' 1 '1 passed, 1 failed'
fake long '# ramjet-test: long
exit 1'
expect 'a long test is left out' 0 '1 passed, 0 failed'
fake long '# ramjet-test: long
exit 1'
expect 'a long test with --long' 1 '1 passed, 1 failed' --long
expect 'nothing chosen is a failure' 1 '0 passed, 0 failed' -k nothing-has-this-name
echo "1..$n"
exit $bad
