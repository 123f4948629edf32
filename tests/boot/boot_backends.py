# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400
"""Debian with DIMMs of a shared file, a memfd and a temporary file: what the guest writes to its tmpfs is in the file, and all come out
again."""
import mmap
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import hotplug, vm  # noqa: E402
from testlib.tap import Skip, Tap, note  # noqa: E402


def room(d):
    s = os.statvfs(d)
    return s.f_bavail * s.f_frsize


def three_backends():
    shm = '/dev/shm' if os.path.isdir('/dev/shm') and room('/dev/shm') > 2 << 30 else None  # else a disk
    if not shm and room(tempfile.gettempdir()) < 2 << 30:
        raise Skip(f'less than 2 GiB of room in {tempfile.gettempdir()}')
    with tempfile.TemporaryDirectory(dir=shm) as d, hotplug.Session(vm.emulator(), say=note) as s:
        s.boot()
        s.plug(1, '512M', f'memory-backend-file,mem-path={d}/dimm,share=on')
        s.plug(2, '256M', 'memory-backend-memfd')
        s.plug(3, '256M', f'memory-backend-file,mem-path={d},prealloc=on,prealloc-threads=2')
        assert os.listdir(d) == ['dimm'] and os.path.getsize(d + '/dimm') == 512 << 20
        s.fill(900)
        with open(d + '/dimm', 'rb') as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            assert m.find(hotplug.pattern()[1024:2048]) >= 0, "the guest's file is not in the file behind the DIMM"
        s.free()
        for n, size in ((2, '256M'), (1, '512M'), (3, '256M')):
            s.unplug(n, size)
        assert 'memory backend: mem' not in s.hmp('info memdev')
        assert os.listdir(d) == ['dimm']
        assert not s.kernel_trouble(), s.kernel_trouble()
        s.power_off()


tap = Tap()
tap.case('DIMMs of a file, a memfd and a temporary file', three_backends)
tap.done()
