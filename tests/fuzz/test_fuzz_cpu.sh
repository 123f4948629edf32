#!/bin/sh
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=600
#
# The differential test of the CPU (fuzz_cpu.c) with fixed seeds: a fixed number of random instruction sequences on this
# host and on both backends, each tested row of the decode table at least once. TAP.
FUZZ="${RAMJET_BUILD:-build/opt}/tests/fuzz/fuzz_cpu"
SLOW="${RAMJET_SLOW:-1}"

if [ ! -x "$FUZZ" ]; then
    echo "1..0 # SKIP $FUZZ is not built"
    exit 77
fi
if [ "$(uname -m)" != x86_64 ]; then
    echo "1..0 # SKIP this host is not x86-64"
    exit 77
fi

n=0
failed=0
run() { # name, options
    name=$1
    shift
    n=$((n + 1))
    if out=$("$FUZZ" "$@" 2>&1); then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        echo "$out" | grep -v '^not tested' | head -150
        failed=1
    fi
    echo "$out" | grep '^# seed'
}
count() { echo $(($1 / SLOW)); }

echo 1..8
run 'the host agrees with itself' --backend native --seed 1 --time 0 --count "$(count 30000)"
run 'sequences of up to 12 on both backends, every row' --seed 1 --time 0 --count "$(count 250000)" --coverage
run 'sequences of up to 48' --seed 2 --time 0 --count "$(count 60000)" --max-insns 48
run 'single instructions' --seed 3 --time 0 --count "$(count 150000)" --max-insns 1
run '32-bit code, every row' --seed 4 --time 0 --count "$(count 200000)" --compat --coverage
run 'translations of one instruction' --seed 5 --time 0 --count "$(count 60000)" --block 1
run 'slices of five instructions' --seed 6 --time 0 --count "$(count 40000)" --quantum 5
run 'a flush at every block entry, no links' --seed 7 --time 0 --count "$(count 60000)" --flush 1 --no-chain
exit $failed
