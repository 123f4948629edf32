#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The gate gates: plant one violation of each kind in a small copy of the tree, and expect lint to name
# it at its line; then expect it to say nothing about the same tree without them.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
status=0

# A tree of the right shape: the tools, and one clean file in each of three layers.
fresh() {
    rm -rf "$dir/t"
    mkdir -p "$dir/t/scripts" "$dir/t/util" "$dir/t/softmmu" "$dir/t/hw/misc" "$dir/t/hw/pc" "$dir/t/tcg/interp"
    cp "$top/Makefile" "$dir/t/"
    cp "$top/scripts/lint" "$top/scripts/sources" "$top/scripts/bin2c" "$dir/t/scripts/"
    header util/low.h 'int low_get(void);'
    header softmmu/mid.h '#include "util/low.h"'
    header softmmu/tlb.h '#include <stdint.h>'
    header hw/pc/top.h '#include "softmmu/mid.h"'
    source_file util/low.c '#include "util/low.h"
static int low_count;
int low_get(void) { return ++low_count; }'
    source_file hw/misc/chip.c '#include "softmmu/mid.h"
struct chip { int value; };
typedef int (*chip_fn)(struct chip *c);
static const char *const names[] = { "a", "b" };
static const struct { const char *name; int (*read)(void); } table[] = { { "x", low_get } };
enum { CHIP_ONE, CHIP_TWO };
int chip_sum(struct chip *c, int (*add)(int, int));
int chip_sum(struct chip *c, int (*add)(int, int))
{
    static const int bias = 3;
    return c->value + bias + table[0].read() + names[0][0];
}'
    "$dir/t/scripts/sources" --write
}
header() { printf '// SPDX-License-Identifier: MIT\n#pragma once\n%s\n' "$2" >"$dir/t/$1"; }
source_file() { printf '// SPDX-License-Identifier: MIT\n%s\n' "$2" >"$dir/t/$1"; }

report() { # report OK NAME [DETAIL]
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        echo "$3" | sed 's/^/# /'
        status=1
    fi
}

# expect NAME FILE:LINE WORDS: lint fails and prints that finding, and only that one.
expect() {
    "$dir/t/scripts/sources" --write
    expect_as_listed "$@"
}
expect_as_listed() {
    out=$("$dir/t/scripts/lint" ${objects:-} 2>/dev/null)
    rc=$?
    lines=$(printf '%s\n' "$out" | grep -c .)
    [ $rc = 1 ] && [ "$lines" = 1 ] && printf '%s\n' "$out" | grep -q "^$2: .*$3"
    report $? "$1" "status $rc, expected $2: ... $3, got: $out"
    fresh
}

fresh
out=$("$dir/t/scripts/lint" 2>/dev/null)
report $? 'a clean tree passes' "$out"

source_file softmmu/up.c '#include "hw/pc/top.h"'
expect 'upward include' softmmu/up.c:2 'upward include'

source_file hw/misc/side.c '#include "hw/timer/pit.h"'
mkdir -p "$dir/t/hw/timer"
header hw/timer/pit.h 'int pit_get(void);'
expect 'include of the same layer in another folder' hw/misc/side.c:2 'upward include'

source_file tcg/interp/peek.c '#include "softmmu/mid.h"'
expect 'a backend reads more of softmmu/ than the TLB layout' tcg/interp/peek.c:2 'softmmu/tlb.h'

source_file util/where.c '#include "low.h"'
expect 'include that is not from the top' util/where.c:2 'not a path from the top'

header util/needs.h 'uint32_t needs_get(void);'
expect 'header that does not compile alone' util/needs.h:3 'does not compile alone'

source_file hw/misc/state.c 'int state_get(void);
static int counter;
int state_get(void) { return ++counter; }'
expect 'mutable static variable' hw/misc/state.c:3 'counter'

source_file hw/misc/state.c '
static const char *names[] = { "a" };
const char **state_names(void);
const char **state_names(void) { return names; }'
expect 'mutable array of pointers to const' hw/misc/state.c:3 'names'

source_file hw/misc/state.c 'struct s { int a; };
struct s shared = { 1 };'
expect 'mutable global struct' hw/misc/state.c:3 'shared'

source_file hw/misc/state.c 'static int (*hook)(int);
int (**state_hook(void))(int);
int (**state_hook(void))(int) { return &hook; }'
expect 'mutable function pointer' hw/misc/state.c:2 'hook'

source_file hw/misc/state.c 'int next(void);
int next(void)
{
    static int serial = 1;
    return serial++;
}'
expect 'static variable in a function' hw/misc/state.c:5 'serial'

# Hidden from the parser by a macro: the object file tells.
source_file hw/misc/state.c '#define COUNTER(name) static int name
COUNTER(hidden);
int hidden_get(void);
int hidden_get(void) { return ++hidden; }'
mkdir -p "$dir/t/build/opt/hw/misc"
gcc -c -o "$dir/t/build/opt/hw/misc/state.o" "$dir/t/hw/misc/state.c"
objects="--objects $dir/t/build/opt" expect 'mutable variable seen only in the object' hw/misc/state.c:5 'hidden is writable'

printf 'int bare;\n' >"$dir/t/util/bare.c"
expect 'no SPDX line' util/bare.c:1 'SPDX'

source_file util/blank.c 'int blank_get(void);  '
expect 'trailing blanks' util/blank.c:2 'trailing'

source_file util/tab.c "$(printf 'int tab_get(\tvoid);')"
expect 'tab' util/tab.c:2 'tab'

source_file util/ref.c "// see .$(echo ./shared)/DESIGN.md"
expect 'reference to the workplace' util/ref.c:2 'outside the repository'

source_file util/unlisted.c 'int unlisted_get(void);'
expect_as_listed 'source that sources.mk lacks' util/unlisted.c:1 'not listed'

source_file util/gone.c 'int gone_get(void);'
"$dir/t/scripts/sources" --write
rm "$dir/t/util/gone.c"
expect_as_listed 'source that is not there' sources.mk:1 'does not exist'

mkdir -p "$dir/t/hw/odd"
source_file hw/odd/thing.c 'int thing_get(void);'
expect 'folder without a layer' hw/odd/thing.c:1 'no layer'

echo "1..$n"
exit $status
