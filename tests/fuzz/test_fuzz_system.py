#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=600 every-build
"""A guest that runs random instructions in ring 0 and 3 with registers that point to RAM, devices and nowhere (tests/tcg/guest/fuzz_system.c):
it may end as it likes, the emulator must not crash or hang, and does the same whatever shape the engine works in: digests are equal
all the way. RAMJET_FUZZ_SEED chooses the first of RAMJET_FUZZ_RUNS seeds."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402

SEED = int(os.environ.get('RAMJET_FUZZ_SEED') or 1)
RUNS = int(os.environ.get('RAMJET_FUZZ_RUNS') or 60)
SLOW = float(os.environ.get('RAMJET_SLOW', '1'))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUEST = os.path.join(os.environ.get('RAMJET_BUILD', TOP + '/build/opt'), 'tests/tcg/guest/fuzz_system.bin')
SHAPES = ('max-insns=3,flush-every=50', 'backend=interp', 'one-insn=on', 'chain=off')
WANTED = {0: 'powered off, or a triple fault', 120: 'text', 121: 'all its instructions', 122: 'halted'}


def run(seed, *extra):
    """(exit status, digests)"""
    cmd = [*vm.emulator(), '-deterministic', '-seed', str(seed), '-machine', 'pc,unpack=guest,hpet=on', '-m', '64M,slots=2,maxmem=1G', '-nodefaults', '-vga', 'std', '-display', 'none',
           '-serial', 'null', '-no-reboot', '-limit-instructions', '200000', '-limit-time', '20s', '-device', 'isa-debug-exit,iobase=0x501,iosize=2', '-device', 'pvpanic',
           '-kernel', GUEST, '-digest-every', '20000', *extra]
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * SLOW)
    text = p.stderr.decode('latin1')
    assert p.returncode >= 0 and 'Sanitizer' not in text and 'runtime error' not in text, f'seed {seed}: {p.returncode}\n' + text[-3000:]
    return p.returncode, p.stdout.decode()


def fuzz():
    ends = {}
    for seed in range(SEED, SEED + RUNS):
        cpus = ['-smp', '2'] if seed % 5 == 0 else []
        first, shape = run(seed, *cpus), SHAPES[seed % len(SHAPES)]
        other = run(seed, *cpus, '-accel', 'tcg,' + shape)
        for a, b in zip(first[1].splitlines(), other[1].splitlines()):
            assert a == b, f'seed {seed}, {shape}: {a} became {b}'
        assert first == other, f'seed {seed}, {shape}: another end'
        ends[first[0]] = ends.get(first[0], 0) + 1
    note(f'{RUNS} runs: ' + ', '.join(f'{n} {WANTED.get(c, "status " + str(c))}' for c, n in sorted(ends.items())))
    assert ends.get(121, 0) > RUNS / 5, 'most guests live long'


tap = Tap()
tap.case('random instructions', fuzz)
tap.done()
