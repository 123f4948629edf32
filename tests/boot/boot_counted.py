#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400
"""With counted time (-icount) a boot of Debian's kernel is the same to the last byte of its console, time stamps included, whatever
the block shapes, forced flushes, evictions and the backend. Fails when block shape, TLB contents or translations become visible.
"""
import hashlib
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EMU = (os.environ.get('RAMJET_EMULATOR') or os.environ.get('RAMJET_BUILD', TOP + '/build/opt') + '/ramjet').split()
SLOW = float(os.environ.get('RAMJET_SLOW', '1'))
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, tap  # noqa: E402


def console(extra):
    cmd = EMU + ['-icount', 'shift=1,sleep=off', '-rtc', 'base=2026-01-01', '-m', '512M,slots=3,maxmem=2G', '-nodefaults', '-display', 'none', '-no-reboot',
                 '-serial', 'stdio', '-kernel', guest.kernel(), '-initrd', guest.initrd('counted', {}, 'cat /proc/interrupts; poweroff -f'),
                 '-append', 'console=ttyS0 panic=-1'] + extra
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300 * SLOW)
    assert p.returncode == 0 and b'Power down' in p.stdout, f'exit {p.returncode}: {p.stderr.decode()[-300:]} {p.stdout.decode()[-300:]}'
    return p.stdout


def same(want, extra):
    got = console(extra)
    for n, (a, b) in enumerate(zip(want.splitlines(), got.splitlines())):
        assert a == b, f'line {n + 1}: {a.decode()!r} became {b.decode()!r}'
    assert want == got, f'{len(want)} bytes became {len(got)}'


def main():
    t = tap.Tap()
    for smp in (['-smp', '1'], ['-smp', '2']):
        want = t.case(f'a counted boot, {" ".join(smp)}', console, smp)
        if not want:
            continue
        tap.note('sha256 ' + hashlib.sha256(want).hexdigest())
        for what, accel in (('again', ''), ('one instruction a block', ',one-insn=on'), ('forced flushes, no links', ',flush-every=333,chain=off'),
                            ('a small code buffer, short blocks', ',tb-size=16,max-insns=5'), ('the interpreter', ',backend=interp')):
            if smp[1] == '2' and what not in ('forced flushes, no links', 'the interpreter'):
                continue
            t.case(f'{what}, {" ".join(smp)}', same, want, smp + ['-accel', 'tcg' + accel])
    t.done()


main()
