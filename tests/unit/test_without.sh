#!/bin/sh
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=300
#
# A build without any of the optional libraries, and each single one left out with RAMJET_LONG: it builds without a warning,
# and what needs the library refuses by name.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
libraries="capstone zlib sdl2 lzma lz4 zstd jansson xxhash vterm"
n=0
bad=0

check() { # check NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then
        echo "ok $n - $1"
    else
        bad=1
        echo "not ok $n - $1"
        tail -n 20 "$dir/log"
    fi
}
build() { # build "LIBRARIES"
    rm -rf "$dir/build"
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make MODE=dbg B="$dir/build" WITHOUT="$1" programs >"$dir/log" 2>&1
    check "builds without $1" $?
}
refuses() { # refuses WORDS OPTION...
    words=$1
    shift
    timeout 20 "$dir/build/ramjet" "$@" </dev/null >"$dir/log" 2>&1
    [ $? = 1 ] && grep -q "$words" "$dir/log"
    check "$*: $words" $?
}

build "$libraries"
refuses 'libjansson' -S -display none -qmp stdio
refuses 'no SDL2' -S -display sdl
refuses 'libxxhash' -icount shift=0 -digest-at 1000 -display none -kernel README.md
if [ -n "${RAMJET_LONG:-}" ]; then
    for library in $libraries; do
        build "$library"
    done
fi
echo "1..$n"
exit $bad
