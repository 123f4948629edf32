#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=300
"""Verdicts of a real guest: Debian's kernel panics, its own driver tells pvpanic, and the exit status follows -action; a guest
leaves by isa-debug-exit with a code. A replay of the recording ends alike.
"""
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLOW = float(os.environ.get('RAMJET_SLOW', '1'))
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, tap, vm  # noqa: E402

PANIC = 'insmod /pvpanic.ko; insmod /pvpanic-mmio.ko; cat /sys/bus/acpi/devices/QEMU0001:00/physical_node/driver/uevent; echo c > /proc/sysrq-trigger'
CODE = 'dd if=/code of=/dev/port bs=1 seek=1281 count=1; echo WENT ON; poweroff -f'


def run(where, init, files, *extra):
    cmd = [*vm.emulator(), '-deterministic', '-nodefaults', '-display', 'none', '-m', '128M', '-no-reboot', '-kernel', guest.kernel(),
           '-initrd', guest.initrd('panic', files, init), '-append', 'console=ttyS0 quiet panic=1', '-serial', f'file:{where}/out', *extra]
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100 * SLOW)
    with open(where + '/out', 'rb') as f:
        return p.returncode, p.stderr, f.read().decode('latin1')


def once(where, status, init, files, *extra):
    first = run(where, init, files, *extra)
    assert first[0] == status, f'status {first[0]}: {first[1][-300:]} {first[2][-300:]}'
    return first


def twice(where, status, init, files, *extra):
    """Recorded, and replayed."""
    first = once(where, status, init, files, *extra, '-record', where + '/recording')
    again = run(where, init, files, *extra, '-script', where + '/recording')
    assert again[0] == status and again[2] == first[2], f'the replay: status {again[0]}: {again[1][-300:]}'
    return first


def panics(where):
    files = {f'/{m}.ko': guest.module(m) for m in ('pvpanic', 'pvpanic-mmio')}
    for action, status, check in (('exit-failure', 1, twice), ('shutdown', 0, once), ('none', 0, once)):
        _, err, console = check(where, status, PANIC, files, '-device', 'pvpanic', '-action', 'panic=' + action)
        assert "the guest's kernel has panicked" in err and 'Kernel panic' in console, f'{action}: {err[-200:]} {console[-300:]}'
        assert ('Rebooting in' in console) == (action == 'none'), f'{action}: {console[-300:]}'
    _, err, console = once(where, 0, PANIC, files, '-action', 'panic=exit-failure')
    assert 'panicked' not in err and 'Rebooting in' in console, f'without the device: {err[-200:]} {console[-300:]}'


def codes(where):
    for code in (0, 100):
        console = twice(where, code * 2 + 1, CODE, {'/code': bytes([code])}, '-device', 'isa-debug-exit')[2]
        assert 'WENT ON' not in console, console[-200:]


def main():
    t = tap.Tap()
    with tempfile.TemporaryDirectory(prefix='panic') as where:
        t.case("a panic that Linux's driver reports", panics, where)
        t.case('isa-debug-exit', codes, where)
    t.done()


if __name__ == '__main__':
    sys.exit(main())
