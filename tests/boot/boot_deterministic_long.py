#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: long timeout=2400
"""The long form of boot_deterministic: twenty runs with the same digests, then every shape of blocks and the interpreter over the
whole boot, the sanitizer build where there is one, and planted differences in a kernel's boot found to the instruction.
"""
import os
import re
import subprocess
import sys
import tempfile

import boot_deterministic as short
from testlib import guest, tap

RUNS = 20


def many(where, want):
    for _ in range(RUNS - 1):
        short.same(where, want, [])
    tap.note(f'{RUNS} runs, one digest')


def asan(where, want):
    emulator = short.TOP + '/build/asan/ramjet'
    if not os.path.exists(emulator):
        raise tap.Skip('build/asan is not built')
    mine = short.EMU[:]
    try:
        short.EMU[:] = [emulator]
        short.same(where, want, [], 4 * short.EVERY)
    finally:
        short.EMU[:] = mine


def planted(where, what, at):
    """A flipped bit in a kernel's boot: the script finds the instruction and the place."""
    script = f'{where}/planted'
    with open(script, 'w') as f:
        f.write(f'{at} flip {what}\n')
    a = ' '.join(f"'{x}'" for x in short.command(['-serial', 'null', '-initrd', guest.initrd()]))
    p = subprocess.run([short.TOP + '/scripts/first-difference', '--max', '400000000', a, f"{a} -script '{script}'"],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600 * short.SLOW)
    text = p.stdout.decode()
    assert p.returncode == 1, text
    found = re.search(r'equal at (\d+), different at (\d+)', text)   # the first boundary that has the count: an instruction may count more than one
    assert found and at <= int(found[1]) <= at + 2 and int(found[2]) == int(found[1]) + 1, text
    return text


def planted_ram(where):
    text = planted(where, '0x2345678.5', 123456789)
    assert re.search(r'0x2345678: 0x\w\w and 0x\w\w \(bit 5\)', text), text


def planted_register(where):
    assert 'cpu0' in planted(where, 'rsp.4', 234567890)


def main():
    t = tap.Tap()
    with tempfile.TemporaryDirectory(prefix='determ') as where:
        want = t.case('a scripted boot', short.first, where, [])
        if want:
            t.case(f'{RUNS} times', many, where, want)
            for accel in ('one-insn=on', 'chain=off', 'flush-every=333', 'tb-size=8', 'max-insns=3,chain=off,flush-every=777', 'backend=interp'):
                t.case(accel, short.same, where, want, ['-accel', 'tcg,' + accel])
            t.case('built with the address sanitizer', asan, where, want)
        want = t.case('a scripted boot, -smp 2', short.first, where, ['-smp', '2'])
        if want:
            for accel in ('one-insn=on', 'chain=off,flush-every=333', 'backend=interp'):
                t.case(accel + ', -smp 2', short.same, where, want, ['-smp', '2', '-accel', 'tcg,' + accel])
        t.case('a planted bit of memory is found', planted_ram, where)
        t.case('a planted bit of a register is found', planted_register, where)
    t.done()


if __name__ == '__main__':
    sys.exit(main())
