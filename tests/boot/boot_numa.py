# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400
"""NUMA as Linux sees it: nodes, their CPUs and memory, distances, a DIMM on a node; boot RAM of several backends that meet in
odd places; and DIMMs from files. With --long, and where QEMU is there, the kernel's lines about SRAT are the same under both."""
import hashlib
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import hotplug, vm  # noqa: E402
from testlib.tap import Skip, Tap, note  # noqa: E402

NODE = '/sys/devices/system/node/node'
EMU = vm.emulator()
TWO = ['-smp', '2', '-object', 'memory-backend-ram,id=a,size=300M', '-object', 'memory-backend-ram,id=b,size=724M',
       '-numa', 'node,memdev=a,cpus=0', '-numa', 'node,memdev=b,cpus=1', '-numa', 'dist,src=0,dst=1,val=25']
# RAM on both sides of 4 GiB, and a border of nodes on each side of the hole.
THREE = ['-smp', '3', '-object', 'memory-backend-ram,id=a,size=1234M', '-object', 'memory-backend-ram,id=b,size=2G',
         '-object', 'memory-backend-ram,id=c,size=1838M', '-numa', 'node,memdev=a,cpus=0', '-numa', 'node,memdev=b,cpus=1',
         '-numa', 'node,memdev=c,cpus=2', '-numa', 'node', '-numa', 'dist,src=0,dst=1,val=11', '-numa', 'dist,src=0,dst=2,val=12',
         '-numa', 'dist,src=1,dst=2,val=20', '-numa', 'dist,src=0,dst=3,val=30', '-numa', 'dist,src=1,dst=3,val=40',
         '-numa', 'dist,src=2,dst=3,val=254']


def mem_total(s, node):
    return int(re.search(r'MemTotal:\s+(\d+) kB', s.vm.run(f'cat {NODE}{node}/meminfo'))[1]) / 1024


def srat_lines(s):
    """The kernel's lines about the table, without times."""
    return re.findall(r'SRAT: (?:PXM|Node).*|NUMA: Node.*', s.vm.run('dmesg'))


def compare_with_qemu(ours, **kw):
    qemu = shutil.which('qemu-system-x86_64')
    if not qemu or vm.is_qemu(EMU) or not os.environ.get('RAMJET_LONG'):
        return
    with hotplug.Session([qemu], append='', say=note, **kw) as s:
        s.boot()
        theirs = srat_lines(s)
    note(f'{len(ours)} lines about SRAT as under QEMU')
    assert ours == theirs, f'ours {ours}, under QEMU {theirs}'


def two_nodes():
    kw = {'mem': '1G', 'slots': 2, 'maxmem': '4G', 'extra': TWO}
    with hotplug.Session(EMU, append='', say=note, **kw) as s:
        s.boot()
        lines = srat_lines(s)
        assert len([x for x in lines if 'hotplug' in x]) == 1, lines
        assert s.vm.run('cat /sys/devices/system/node/online') == '0-1'
        assert s.vm.run(f'cat {NODE}0/cpulist {NODE}1/cpulist').split() == ['0', '1']
        assert s.vm.run(f'cat {NODE}0/distance').split() == ['10', '25'] and s.vm.run(f'cat {NODE}1/distance').split() == ['25', '10']
        had = [mem_total(s, n) for n in (0, 1)]
        assert 200 < had[0] <= 300 and 600 < had[1] <= 724, had
        for n, size in ((1, '512M'), (0, '256M')):
            before = set(s.vm.run(f'ls {NODE}{n}').split())
            s.hmp(f'object_add memory-backend-ram,id=m{n},size={size}')
            s.hmp(f'device_add pc-dimm,id=d{n},memdev=m{n},node={n}')
            count = hotplug.megabytes(size) // 128
            new = s._until(f'the DIMM is on node {n}', lambda: len({x for x in s.vm.run(f'ls {NODE}{n}').split() if x.startswith('memory')}
                           - before) == count and {x for x in s.vm.run(f'ls {NODE}{n}').split() if x.startswith('memory')} - before, 30)
            s.online([int(x[6:]) for x in new])
            now = mem_total(s, n)
            assert abs(now - had[n] - hotplug.megabytes(size)) < 20, f'node {n}: from {had[n]} to {now} MiB'
        s.fill(1000)
        numa = s.hmp('info numa').split('\n')
        assert numa[:7] == ['2 nodes', 'node 0 cpus: 0', 'node 0 size: 556 MB', 'node 0 plugged: 256 MB', 'node 1 cpus: 1',
                            'node 1 size: 1236 MB', 'node 1 plugged: 512 MB'], numa
        s.free()
        s.hmp('device_del d1')
        s._until('the DIMM is gone', lambda: '"d1"' not in s.hmp('info memory-devices'), 60)
        assert 'node 1 plugged: 0 MB' in s.hmp('info numa')
        assert not s.kernel_trouble(), s.kernel_trouble()
        s.power_off()
    compare_with_qemu(lines, **kw)


def around_the_hole():
    kw = {'mem': '5G', 'slots': 1, 'maxmem': '6G', 'extra': THREE}
    with hotplug.Session(EMU, append='', say=note, **kw) as s:
        s.boot()
        lines = srat_lines(s)
        assert any('0x100000000-0x10d1fffff' in x for x in lines), lines
        assert s.vm.run(f'cat {NODE}2/distance').split() == ['12', '20', '10']
        sizes = [mem_total(s, n) for n in (0, 1, 2)]
        assert all(want - 120 < got <= want for got, want in zip(sizes, (1234, 2048, 1838))), sizes
        # node 3 has neither CPUs nor memory so far: a DIMM brings it online, with its distances
        s.hmp('object_add memory-backend-ram,id=m,size=256M')
        s.hmp('device_add pc-dimm,memdev=m,node=3')
        s._until('node 3', lambda: s.vm.sh(f'cat {NODE}2/distance')[0].split() == ['12', '20', '10', '254'], 30)
        # each node's own memory, filled through a tmpfs that is bound to it, reads back
        s.vm.run('mkdir -p /n && cp /pattern /p')
        for n in (0, 1, 2):
            s.vm.run(f'mount -t tmpfs -o mpol=bind:{n} none /n && for i in 1 2 3 4 5 6 7 8; do cat /p /p /p /p /p /p /p /p > /n/$i; done')
            sums = set(s.vm.run('md5sum /n/*').split()[::2])
            assert sums == {hashlib.md5(hotplug.pattern() * 8).hexdigest()}, f'node {n}: {sums}'
            # the kernel adds its CPUs' counts up once a second, or when they are large
            s._until(f'4 MiB on node {n}', lambda: int(re.search(r'Shmem:\s+(\d+)', s.vm.run(f'cat {NODE}{n}/meminfo'))[1]) >= 4096, 20)
            s.vm.run('umount /n')
        assert not s.kernel_trouble(), s.kernel_trouble()
        s.power_off()
    compare_with_qemu(lines, **kw)


def small_first_node():
    """The kernel lies across the border of two backends."""
    extra = ['-object', 'memory-backend-ram,id=a,size=28M', '-object', 'memory-backend-memfd,id=b,size=228M', '-numa', 'node,memdev=a',
             '-numa', 'node,memdev=b', '-accel', 'tcg']
    with hotplug.Session(EMU, mem='256M', slots=1, maxmem='1G', extra=extra, say=note) as s:
        s.boot()
        assert s.vm.run('cat /sys/devices/system/node/has_cpu') == '0'
        assert not s.kernel_trouble(), s.kernel_trouble()
        s.power_off()


def example_from_the_manual():
    """-m 6GB,slots=4,maxmem=10G with two DIMMs from files: 3 GiB of them, and next to nothing on the host's disk."""
    if vm.is_qemu(EMU):
        raise Skip('QEMU does not take GB')
    with tempfile.TemporaryDirectory(prefix='numa') as d:
        extra = ['-object', f'memory-backend-file,id=mem1,share=on,mem-path={d}/one,size=1G,align=2M',
                 '-device', 'pc-dimm,id=dimm1,memdev=mem1', '-object', f'memory-backend-file,id=mem2,share=on,mem-path={d}/two,size=2G',
                 '-device', 'pc-dimm,id=dimm2,memdev=mem2']
        with hotplug.Session(EMU, mem='6GB', slots=4, maxmem='10G', extra=extra, say=note) as s:
            s.boot()
            listed = s.hmp('info memory-devices')
            assert re.findall(r'addr: (0x[0-9a-f]+)', listed) == ['0x1c0000000', '0x200000000'], listed
            assert s.hmp('info memory_size_summary').split() == ['base', 'memory:', str(6 << 30), 'plugged', 'memory:', str(3 << 30)]
            offline = [b for b in s.blocks() if s.vm.run(f'cat {hotplug.SYSMEM}/memory{b}/state') == 'offline']
            assert len(offline) == 24, offline
            s.online(offline)
            assert s.mem_total() > 8.7 * 1024, s.mem_total()
            assert not s.kernel_trouble(), s.kernel_trouble()
            s.power_off()
        for name, size in (('one', 1), ('two', 2)):
            st = os.stat(f'{d}/{name}')
            assert st.st_size == size << 30 and st.st_blocks * 512 < 200 << 20, (name, st.st_size, st.st_blocks)


tap = Tap()
tap.case('two nodes, a DIMM on each', two_nodes)
tap.case('nodes on both sides of 4 GiB', around_the_hole)
tap.case('a node that ends inside the kernel', small_first_node)
tap.case("the manual's -m 6GB,slots=4,maxmem=10G with DIMMs from files", example_from_the_manual)
tap.done()
