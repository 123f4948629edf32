#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=300
"""-icount shift=auto: the guest's time follows the host's, busy or idle, before and after a pause; align=on holds a guest back that is
ahead of the host's clock, and tells of one that is behind. RAMJET_EMULATOR=qemu-system-x86_64 runs the part that QEMU has, too."""
import os
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap, note  # noqa: E402

EMU = vm.emulator()
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
QEMU = vm.is_qemu(EMU)
BOUND = 3 if QEMU else 0.3 * SLOW  # seconds; QEMU promises "a few"
BASE = ['-m', '256M', '-nodefaults', '-kernel', guest.kernel()]
ROUNDS = int(40000 / SLOW)


def boot(*args):
    v = vm.VM(EMU, [*BASE, '-initrd', guest.initrd('icountauto'), '-append', 'console=ttyS0 quiet', *args])
    v.ready()
    return v


def uptime(v):
    """The guest's time and the host's, as near to each other as a console allows."""
    text = v.run('cat /proc/uptime')
    return float(text.split()[0]), time.time()


def follows(v, what, action):
    """Returns how long it was for the host."""
    guest0, host0 = uptime(v)
    action()
    guest1, host1 = uptime(v)
    went, passed = guest1 - guest0, host1 - host0
    note(f'{what}: {went:.2f} s for the guest, {passed:.2f} s for the host')
    assert passed > 0.3, f'{what}: too short to say anything'
    assert abs(went - passed) < BOUND + passed * 0.25, f'{what}: {went:.2f} s for the guest, {passed:.2f} s for the host'
    return passed


def busy_and_idle(*args):
    with boot('-icount', *args) as v:
        took = follows(v, 'busy', lambda: v.run(f'i=0; while [ $i -lt {ROUNDS} ]; do i=$((i + 1)); done', 100))
        follows(v, 'idle', lambda: v.run('sleep 2'))
        follows(v, 'both', lambda: v.run(f'sleep 1; i=0; while [ $i -lt {ROUNDS} ]; do i=$((i + 1)); done; sleep 1', 100))
        return took


def both_ways():
    plain = busy_and_idle('shift=auto')
    waits = busy_and_idle('shift=auto,align=on')
    assert waits < 3 * plain + 0.5 * SLOW, f'align=on: what takes {plain:.2f} s takes {waits:.2f} s'


def paused():
    """A pause is no time for the guest, and nothing that it has to catch up with."""
    with boot('-icount', 'shift=auto') as v:
        guest0, host0 = uptime(v)
        v.hmp('stop')
        time.sleep(3)
        v.hmp('cont')
        v.run('sleep 1')
        guest1, host1 = uptime(v)
        went, passed = guest1 - guest0, host1 - host0 - 3
        assert abs(went - passed) < BOUND + passed * 0.25, f'{went:.2f} s for the guest, {passed:.2f} s for the host'


def no_sleep():
    """sleep=off: idle time passes at once; the pace of busy time is kept."""
    with boot('-icount', 'shift=auto,sleep=off') as v:
        guest0, host0 = uptime(v)
        v.run('sleep 30')
        guest1, host1 = uptime(v)
        assert guest1 - guest0 >= 30 and host1 - host0 < 10 * SLOW, f'{guest1 - guest0} s took {host1 - host0} s'


def info():
    with boot('-icount', 'shift=auto') as v:
        text = v.hmp('info jit')
        assert "guest's clock" in text and 'an instruction is' in text, text


def aligned():
    if QEMU:
        raise Skip('-limit-time')
    early = ['-display', 'none', *BASE, '-machine', 'pc,unpack=guest', '-limit-time', '1500ms', '-serial', 'none']

    def run(*args):
        start = time.time()
        p = subprocess.run([*EMU, *early, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100 * SLOW)
        assert p.returncode == 122, f'status {p.returncode}: {p.stderr}'
        return time.time() - start, p.stderr

    took, said = run('-icount', 'shift=10,align=on')
    assert took >= 1.4 and 'behind' not in said, f'ahead of the host: {took:.2f} s for 1.5 s, {said!r}'
    took, said = run('-icount', 'shift=0,align=on', '-accel', 'tcg,backend=interp')
    assert "behind the host's clock" in said, f'behind it: {said!r}'


def main():
    t = Tap()
    t.case('busy and idle guests follow the host', both_ways)
    t.case('a pause', paused)
    if not QEMU:
        t.case('idle time passes at once', no_sleep)
        t.case('info jit', info)
    t.case('align=on with a number', aligned)
    t.done()


main()
