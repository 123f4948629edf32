# SPDX-License-Identifier: MIT
# ramjet-test: long timeout=600
"""The guest's log has no warning, oops or call trace that it does not also have under QEMU.

Both boot the same kernel and do the same plug and unplug; lines of level warning and worse are
compared with numbers and addresses taken out. Needs qemu-system-x86_64 (scripts/peer).
"""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import hotplug, vm  # noqa: E402
from testlib.tap import Skip, Tap, note  # noqa: E402


def complaints(emu, **kw):
    """The guest's lines of level 0 to 4 after a plug and an unplug: {normalized: as printed}."""
    with hotplug.Session(emu, append='', say=note, **kw) as s:
        s.boot()
        s.plug()
        s.unplug()
        raw = s.vm.run('dmesg -r')
        s.power_off()
    out = {}
    for line in raw.splitlines():
        m = re.match(r'<(\d+)>\[\s*[\d.]+\] (.*)', line)
        if not m:
            continue
        if int(m[1]) & 7 <= 4 or re.search(r'WARNING:|BUG:|Oops|Call Trace', m[2]):
            key = re.sub(r'0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+', 'N', m[2])
            out.setdefault(key, m[2])
    return out


def same(**kw):
    qemu = shutil.which('qemu-system-x86_64')
    if not qemu:
        raise Skip('no qemu-system-x86_64 to compare with (scripts/peer installs it)')
    ours, theirs = complaints(vm.emulator(), **kw), complaints([qemu], **kw)
    new = [v for k, v in ours.items() if k not in theirs]
    note(f'{len(ours)} lines of level warning or worse, under QEMU {len(theirs)}')
    assert not new, 'lines that QEMU does not cause:\n' + '\n'.join(new)


tap = Tap()
tap.case('amd64', same)
tap.case('cloud-amd64', same, flavour='cloud-amd64')
tap.case('amd64 from backports', same, suite='bookworm-backports')
tap.done()
