# SPDX-License-Identifier: MIT
# ramjet-test: timeout=200
"""-machine kaslr=on: Debian's kernel at a virtual address that the seed chooses, and not with nokaslr or by default."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402

LINKED = 'ffffffff81000000'


def text(*args, words='', **kernel):
    """Where the kernel's text begins."""
    args = ['-m', '256M,slots=1,maxmem=1G', '-kernel', guest.kernel(**kernel), '-initrd', guest.initrd(), '-append', f'console=ttyS0 quiet {words}', *args]
    with vm.VM(vm.emulator(), args) as v:
        v.ready(60)
        where = v.run("awk '$3 == \"_text\" { print $1 }' /proc/kallsyms").strip()
        v.hmp('memory +128M')
        end = time.time() + 20 * v.slow
        while ': mapped' not in v.hmp('info memory-devices'):   # its page tables are understood there, too
            assert time.time() < end, v.hmp('info memory-devices')
            time.sleep(0.05)
    return where


def moved(**kernel):
    first, again, other = text('-seed', '1', '-machine', 'kaslr=on', **kernel), text('-seed', '1', '-machine', 'kaslr=on', **kernel), text('-seed', '2', '-machine', 'kaslr=on', **kernel)
    note(f'{first}, {other}')
    assert first == again != other and LINKED not in (first, other)
    assert int(first, 16) % (2 << 20) == 0 and int(first, 16) >= 0xffffffff81000000


def stays():
    assert text() == text('-machine', 'kaslr=on', words='nokaslr') == LINKED


tap = Tap()
tap.case('moved by the seed', moved)
tap.case('6.12', moved, suite='bookworm-backports')
tap.case('not moved', stays)
tap.done()
