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


def pool(kib):
    try:
        with open(f'/sys/kernel/mm/hugepages/hugepages-{kib}kB/free_hugepages') as f:
            return int(f.read())
    except FileNotFoundError:
        return 0


def huge_pages(kib, size):
    """A hot-plugged DIMM of huge pages of the host: the guest uses it, and the pages go back."""
    need, free = hotplug.megabytes(size) * 1024 // kib, pool(kib)
    if free < need:
        raise Skip(f'{need} free huge pages of {kib} kB are needed, there are {free} (hugepages-{kib}kB/nr_hugepages)')
    with hotplug.Session(vm.emulator(), flavour='cloud-amd64', say=note) as s:
        s.boot()
        s.plug(1, size, f'memory-backend-memfd,hugetlb=on,hugetlbsize={kib}k')
        s.fill(700 + hotplug.megabytes(size) // 2)
        assert pool(kib) < free, 'no huge page was taken'
        s.free()
        s.unplug(1, size)
        assert pool(kib) == free, 'a page is missing'
        assert not s.kernel_trouble(), s.kernel_trouble()
        s.power_off()
    assert pool(kib) == free


tap = Tap()
tap.case('DIMMs of a file, a memfd and a temporary file', three_backends)
tap.case('a DIMM of huge pages of 2 MiB', huge_pages, 2048, '512M')
tap.case('a DIMM of a huge page of 1 GiB', huge_pages, 1048576, '1G')
tap.done()
