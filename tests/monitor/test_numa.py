#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=240
"""-m, -numa, -machine memory-backend, -mem-path: a row for each text that is refused, with QEMU's words; what info numa, memdev,
ramblock, mtree and cmdline say of those accepted. Rows and formats that QEMU shares also pass with
RAMJET_EMULATOR=qemu-system-x86_64."""
import os
import re
import shlex
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

EMU = vm.emulator()
QEMU = vm.is_qemu(EMU)
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
KERNEL = ['-kernel', guest.kernel()]
DIR = tempfile.TemporaryDirectory(prefix='numa')
QUIET = ['-display', 'none', '-serial', 'none', '-monitor', 'none', '-S']
A = ['-object', 'memory-backend-ram,id=a,size=512M']
B = ['-object', 'memory-backend-ram,id=b,size=512M']
C = ['-object', 'memory-backend-ram,id=c,size=1G']
GIG = ['-m', '1G', '-smp', '4']
TWO = [*GIG, *A, *B, '-numa', 'node,memdev=a', '-numa', 'node,memdev=b']
THREE = [*TWO, '-numa', 'node']
NEEDS_NUMBER = 'expects a non-negative number below 2^64'


def m(text):
    return ['-m', text]


def numa(*texts):
    return [x for t in texts for x in ('-numa', t)]


# Arguments, words on the first line of stderr. The exit status is 1.
AS_QEMU = (
    (m('1G,slots=3'), 'slots specified but no max-size'),
    (m('1G,slots=3,maxmem=512M'), 'invalid value of maxmem: maximum memory size (0x20000000) must be at least the initial memory size (0x40000000)'),
    (m('1G,slots=3,maxmem=1G'), 'invalid value of maxmem: memory slots were specified but maximum memory size (0x40000000) is equal to the '
     'initial memory size (0x40000000)'),
    (m('1G,maxmem=0'), 'invalid value of maxmem: maximum memory size (0x0) must be at least the initial memory size (0x40000000)'),
    (m('1G,maxmem=4096'), 'invalid value of maxmem: maximum memory size (0x1000) must be at least the initial memory size'),
    (m('1G,slots=257,maxmem=4G'), 'unsupported amount of memory slots: 257'),
    (m('1G,slots=-1,maxmem=4G'), 'unsupported amount of memory slots: 18446744073709551615'),
    (m('1G,slots=abc,maxmem=4G'), "Parameter 'slots' expects a number"),
    (m('1G,slots=,maxmem=4G'), "Parameter 'slots' expects a number"),
    (m('1G,slots=99999999999999999999,maxmem=4G'), "Value '99999999999999999999' is too large for parameter 'slots'"),
    (m('1G,slots=3,maxmem=4X'), f"Parameter 'maxmem' {NEEDS_NUMBER}"),
    (m('1X'), f"Parameter 'size' {NEEDS_NUMBER}"),
    (m('size='), f"Parameter 'size' {NEEDS_NUMBER}"),
    (m('1e3'), f"Parameter 'size' {NEEDS_NUMBER}"),
    (m('1.5'), f"Parameter 'size' {NEEDS_NUMBER}"),
    (m('1G,maxmem=16E'), "Value '16E' is out of range for parameter 'maxmem'"),
    (m('-1'), "Value '-1' is out of range for parameter 'size'"),
    (m('1G,maxmem=-1'), "Value '-1' is out of range for parameter 'maxmem'"),
    (m('99999999999999999999'), "Value '99999999999999999999' is out of range for parameter 'size'"),
    (m('1G,bogus=1'), "Invalid parameter 'bogus'"),
    (m('1G,maxmem=5000000001'), 'aligned to multiple of 4096 bytes'),
    (m('1G,maxmem=100T'), 'Address space limit 0xffffffffff < 0x6'),
    (m('1G,slots=1,maxmem=100T'), 'phys-bits too low (40)'),
    (m('1000000T'), "cannot set up guest memory 'pc.ram': Cannot allocate memory"),
    ([*GIG, *numa('node')], 'total memory for NUMA nodes (0x0) should equal RAM size (0x40000000)'),
    ([*GIG, *A, *numa('node,memdev=a')], 'total memory for NUMA nodes (0x20000000) should equal RAM size (0x40000000)'),
    ([*GIG, *A, *numa('node,memdev=a', 'node')], 'total memory for NUMA nodes (0x20000000) should equal RAM size (0x40000000)'),
    ([*GIG, *numa('node,mem=1G')], 'Parameter -numa node,mem is not supported by this machine type'),
    ([*GIG, *numa('node,memdev=nosuch')], 'memdev=nosuch is ambiguous'),
    ([*GIG, *A, *numa('node,memdev=a', 'node,memdev=a')], "memory backend a can't be used multiple times."),
    ([*GIG, *A, *numa('node,memdev=a,nodeid=200')], 'Max number of NUMA nodes reached: 200'),
    ([*GIG, *A, *numa('node,memdev=a,nodeid=128')], 'Max number of NUMA nodes reached: 128'),
    ([*GIG, *A, *B, *numa('node,memdev=a,nodeid=1', 'node,memdev=b')], 'Duplicate NUMA nodeid: 1'),
    ([*GIG, *A, *B, *numa('node,memdev=a', 'node,memdev=b,nodeid=2')], 'numa: Node ID missing: 1'),
    ([*GIG, *numa('node,nodeid=x')], "Parameter 'nodeid' expects a uint64 value"),
    ([*GIG, *numa('node,bogus=x')], "Invalid parameter 'bogus'"),
    ([*GIG, *numa('nod,nodeid=0')], "Parameter 'type' does not accept value 'nod'"),
    ([*GIG, *numa('memdev=a')], "Parameter 'type' is missing"),
    ([*GIG, *numa('')], "Parameter 'type' is missing"),
    ([*GIG, *numa('node,cpus=0-9')], 'CPU index (4) should be smaller than maxcpus (4)'),
    ([*GIG, *numa('node,cpus=7')], 'CPU index (7) should be smaller than maxcpus (4)'),
    ([*GIG, *numa('node,cpus=1-0')], "Parameter 'cpus' expects a uint64 value or range"),
    ([*GIG, *numa('node,cpus=x')], "Parameter 'cpus' expects a uint64 value or range"),
    ([*GIG, *numa('node,cpus=0', 'node,cpus=0')], 'CPU is already assigned to node-id: 0'),
    ([*THREE, *numa('dist,src=0,dst=1,val=20')], 'The distance between node 0 and 2 is missing, at least one distance value between each '
     'nodes should be provided.'),
    ([*THREE, *numa('dist,src=0,dst=1,val=20', 'dist,src=1,dst=0,val=21', 'dist,src=0,dst=2,val=30', 'dist,src=1,dst=2,val=40')],
     'At least one asymmetrical pair of distances is given, please provide distances for both directions of all node pairs.'),
    ([*TWO, *numa('dist,src=0,dst=1,val=9')], "NUMA distance (9) is invalid, it shouldn't be less than 10."),
    ([*TWO, *numa('dist,src=1,dst=1,val=11')], 'Local distance of node 1 should be 10.'),
    ([*TWO, *numa('dist,src=0,dst=1,val=256')], "Parameter 'val' expects uint8_t"),
    ([*TWO, *numa('dist,src=0,dst=5,val=20')], 'Source/Destination NUMA node is missing.'),
    ([*TWO, *numa('dist,src=200,dst=1,val=20')], "Parameter 'src' expects an integer between 0 and 127"),
    ([*TWO, *numa('dist,src=x,dst=1,val=20')], "Parameter 'src' expects a uint64 value"),
    ([*TWO, *numa('dist,src=0,dst=1')], "Parameter 'val' is missing"),
    ([*TWO, *numa('dist,dst=1,val=20')], "Parameter 'src' is missing"),
    ([*TWO, *numa('cpu,socket-id=0')], 'Missing mandatory node-id property'),
    ([*TWO, *numa('cpu,node-id=7,socket-id=0')], 'Invalid node-id=7, NUMA node must be defined with -numa node,nodeid=ID'),
    ([*TWO, *numa('cpu,node-id=0,socket-id=9')], 'no match found'),
    ([*TWO, *numa('cpu,node-id=0,core-id=9')], 'no match found'),
    ([*TWO, *numa('cpu,node-id=0,socket-id=0', 'cpu,node-id=1,core-id=1')], 'CPU is already assigned to node-id: 0'),
    ([*GIG, *A, '-machine', 'pc,memory-backend=a'], 'Machine memory size does not match the size of the memory backend'),
    ([*GIG, '-machine', 'pc,memory-backend=nosuch'], "Memory backend 'nosuch' not found"),
    ([*GIG, '-object', 'memory-backend-ram,id=pc.ram,size=1G'], "object's id 'pc.ram' is reserved for the default RAM backend, it can't be used "
     'for any other purposes'),
    ([*GIG, *A, '-object', 'memory-backend-ram,id=c,size=1G', *numa('node,memdev=c'), '-machine', 'pc,memory-backend=c'], "mutually exclusive"),
    ([*GIG, '-mem-path', '/nosuch/dir/x'], "can't open backing store /nosuch/dir/x for guest RAM: No such file or directory"),
)


def refused(args, words):
    r = subprocess.run([*EMU, *QUIET, *args, *KERNEL], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20 * SLOW)
    line = r.stderr.split('\n')[0]
    assert r.returncode == 1, f'exit status {r.returncode}: {r.stderr!r}'
    assert words in line, f'{words!r} is not in {line!r}'
    assert QEMU or line.startswith('ramjet: '), repr(line)
    assert not r.stdout.strip(), r.stdout


def lines(text):
    return [x.rstrip() for x in text.replace('\r', '').split('\n') if x.strip()]


# Arguments, info numa without the lines "plugged: 0 MB".
NODES = (
    ([*GIG], ['0 nodes']),
    (['-m', '1G,maxmem=2G', '-smp', '2'], ['1 nodes', 'node 0 cpus: 0 1', 'node 0 size: 1024 MB']),
    ([*TWO], ['2 nodes', 'node 0 cpus: 0 1 2 3', 'node 0 size: 512 MB', 'node 1 cpus:', 'node 1 size: 512 MB']),
    ([*GIG, *A, *B, *numa('node,memdev=a,cpus=0-1', 'node,memdev=b,cpus=2,cpus=3')],
     ['2 nodes', 'node 0 cpus: 0 1', 'node 0 size: 512 MB', 'node 1 cpus: 2 3', 'node 1 size: 512 MB']),
    ([*GIG, *A, *B, *numa('node,memdev=b,nodeid=1,cpus=0', 'node,memdev=a,nodeid=0')],
     ['2 nodes', 'node 0 cpus: 1 2 3', 'node 0 size: 512 MB', 'node 1 cpus: 0', 'node 1 size: 512 MB']),
    ([*GIG, *C, *numa('node', 'node,memdev=c')], ['2 nodes', 'node 0 cpus: 0 1 2 3', 'node 0 size: 0 MB', 'node 1 cpus:', 'node 1 size: 1024 MB']),
    ([*TWO, *numa('cpu,node-id=1,core-id=2', 'cpu,node-id=0,core-id=0,thread-id=0', 'cpu,node-id=0,core-id=1', 'cpu,node-id=1,core-id=3')],
     ['2 nodes', 'node 0 cpus: 0 1', 'node 0 size: 512 MB', 'node 1 cpus: 2 3', 'node 1 size: 512 MB']),
    (['-m', '1G', '-smp', '4,sockets=2', *A, *B, *numa('node,memdev=a', 'node,memdev=b')],
     ['2 nodes', 'node 0 cpus: 0 1', 'node 0 size: 512 MB', 'node 1 cpus: 2 3', 'node 1 size: 512 MB']),
    (['-machine', 'pc,memory-backend=c', *C, '-smp', '1'], ['0 nodes']),
)


def nodes(args, want):
    with vm.VM(EMU, ['-S', *args, *KERNEL]) as v:
        got = [x for x in lines(v.hmp('info numa')) if not x.endswith('plugged: 0 MB')]
        assert got == want, got
        total = sum(int(x.split()[3]) for x in got if ' size: ' in x)
        assert not total or v.hmp('info memory_size_summary').startswith(f'base memory: {total << 20}')


def plugged():
    args = ['-S', '-m', '1G,slots=2,maxmem=4G', '-smp', '4', *TWO[4:], *KERNEL]
    with vm.VM(EMU, args) as v:
        for cmd in ('object_add memory-backend-ram,id=m,size=256M', 'device_add pc-dimm,id=d,memdev=m,node=1',
                    'object_add memory-backend-ram,id=n,size=256M'):
            assert v.hmp(cmd) == '', cmd
        got = v.hmp('device_add pc-dimm,memdev=n,node=2')
        assert "Error: 'DIMM property node has value 2' which exceeds the number of numa nodes: 2" in got, got
        want = ['node 0 size: 512 MB', 'node 0 plugged: 0 MB', 'node 1 size: 768 MB', 'node 1 plugged: 256 MB']
        assert [x for x in lines(v.hmp('info numa')) if 'MB' in x] == want, v.hmp('info numa')
        for name in ('a', 'b'):
            got = v.hmp(f'object_del {name}')
            assert f"object '{name}' is in use, can not be deleted" in got, got
            got = v.hmp(f'device_add pc-dimm,memdev={name}')
            assert f"can't use already busy memdev: {name}" in got, got


def default_backend():
    with vm.VM(EMU, ['-S', '-m', '1G', *KERNEL]) as v:
        assert 'memory backend: pc.ram' in v.hmp('info memdev') and f'size:  {1 << 30}' in v.hmp('info memdev')
        got = v.hmp('object_del pc.ram')
        assert "object 'pc.ram' is in use, can not be deleted" in got or QEMU, got


def machine_backend():
    with vm.VM(EMU, ['-S', *C, '-machine', 'pc,memory-backend=c', *KERNEL]) as v:
        assert v.hmp('info memory_size_summary').startswith(f'base memory: {1 << 30}')
        assert 'pc.ram' not in v.hmp('info memdev')
        assert "object 'c' is in use, can not be deleted" in v.hmp('object_del c') or QEMU


def mem_path():
    with vm.VM(EMU, ['-S', '-m', '128M', '-mem-path', DIR.name, *KERNEL]) as v:
        assert re.search(r'memory backend: pc.ram\s+size:  134217728', v.hmp('info memdev')), v.hmp('info memdev')
        maps = open(f'/proc/{v.p.pid}/maps').read()
        assert DIR.name in maps and not os.listdir(DIR.name), 'not from an unlinked file of the directory'
    with vm.VM(EMU, ['-S', '-m', '128M', '-mem-prealloc', *KERNEL]) as v:
        assert 'prealloc: true' in v.hmp('info memdev')
        v.hmp('info status')
        rss = int(re.search(r'VmRSS:\s+(\d+)', open(f'/proc/{v.p.pid}/status').read())[1])
        assert rss > 120 << 10, f'{rss} KiB resident'
    path = DIR.name + '/ram'
    with open(path, 'wb') as f:
        f.truncate(128 << 20)
    with vm.VM(EMU, ['-S', '-m', '128M', '-mem-path', path, *KERNEL]) as v:
        v.hmp('info status')
        assert path in open(f'/proc/{v.p.pid}/maps').read()


def mtree():
    args = ['-S', '-m', '5G', '-object', 'memory-backend-ram,id=a,size=1G', '-object', 'memory-backend-ram,id=b,size=4G',
            *numa('node,memdev=a', 'node,memdev=b'), *KERNEL]
    with vm.VM(EMU, args) as v:
        tree, flat = v.hmp('info mtree'), v.hmp('info mtree -f')
        for want in ('0000000000000000-00000000bfffffff (prio 0, i/o): alias ram-below-4g @pc.ram 0000000000000000-00000000bfffffff',
                     '0000000100000000-000000017fffffff (prio 0, i/o): alias ram-above-4g @pc.ram 00000000c0000000-000000013fffffff',
                     '0000000000000000-000000003fffffff (prio 0, ram): a', '0000000040000000-000000013fffffff (prio 0, ram): b'):
            assert want in tree, f'{want}\n{tree}'
        for want in ('0000000040000000-00000000bfffffff (prio 0, ram): b\n', '0000000100000000-000000017fffffff (prio 0, ram): b @0000000080000000'):
            assert want in flat.replace('\r', ''), f'{want}\n{flat}'
        blocks = lines(v.hmp('info ramblock'))
        assert re.fullmatch(r' +Block Name +PSize +Offset +Used +Total +HVA +RO', blocks[0]), blocks[0]
        assert any(re.fullmatch(r' +b +4 KiB +0x[0-9a-f]{16} 0x0000000100000000 0x0000000100000000 0x[0-9a-f]{16} +rw', x) for x in blocks), blocks
    with vm.VM(EMU, ['-S', '-m', '1G', *KERNEL]) as v:
        assert '(prio 0, ram): alias ram-below-4g @pc.ram 0000000000000000-000000003fffffff' in v.hmp('info mtree')
        assert any(' pc.ram ' in x and '0x0000000040000000' in x for x in lines(v.hmp('info ramblock')))


def cmdline():
    """What it prints starts a machine that says the same."""
    if QEMU:
        raise Skip('QEMU has no info cmdline')
    path = DIR.name + "/one, two's"
    doubled = path.replace(',', ',,')
    args = ['-m', '1G,slots=4,maxmem=8G', '-smp', '2', *TWO[4:], *numa('dist,src=0,dst=1,val=42')]
    with vm.VM(EMU, ['-S', *args, *KERNEL]) as v:
        for cmd in ('object_add memory-backend-ram,id=m,size=256M,merge=off', 'device_add pc-dimm,id=d,memdev=m,node=1,slot=2',
                    f'object_add memory-backend-file,id=f,size=128M,share=on,mem-path={doubled}', 'device_add pc-dimm,memdev=f,addr=0x140000000'):
            got = v.hmp(cmd)
            assert 'rror' not in got, f'{cmd}: {got}'
        said = v.hmp('info cmdline')
        before = [v.hmp(f'info {x}') for x in ('memory-devices', 'memdev', 'numa', 'cmdline')]
    words = shlex.split(said.replace('\r', ''))
    with vm.VM(EMU, ['-S', '-smp', '2', *words, *KERNEL]) as v:
        after = [v.hmp(f'info {x}') for x in ('memory-devices', 'memdev', 'numa', 'cmdline')]
    after[0] = after[0].replace('hotplugged: false', 'hotplugged: true')
    strip = [re.sub(r'\n  (state|reason): [^\n]*', '', x) for x in (before[0], after[0])]
    assert strip[0] == strip[1], strip
    assert before[1:] == after[1:], (before, after)
    for text in (['-m', '1G'], ['-machine', 'pc,memory-backend=c', *C], ['-m', '128M', '-mem-path', DIR.name, '-mem-prealloc']):
        with vm.VM(EMU, ['-S', *text, *KERNEL]) as v:
            said = v.hmp('info cmdline').replace('\r', '')
        with vm.VM(EMU, ['-S', *shlex.split(said), *KERNEL]) as v:
            assert v.hmp('info cmdline').replace('\r', '') == said, said


def most_nodes():
    """128 nodes, the most there are, with 8 MiB each."""
    args = ['-m', '1G', '-smp', '1']
    for i in range(128):
        args += ['-object', f'memory-backend-ram,id=n{i},size=8M', '-numa', f'node,memdev=n{i}']
    with vm.VM(EMU, ['-S', *args, *KERNEL]) as v:
        text = lines(v.hmp('info numa'))
        assert text[0] == '128 nodes' and text.count('node 127 size: 8 MB') == 1, text[0]
    refused([*args, *numa('node')], 'Max number of NUMA nodes reached: 128')


tap = Tap()
for row in AS_QEMU:
    tap.case('refused: ' + ' '.join(row[0]), refused, *row)
for row in NODES:
    tap.case('nodes: ' + ' '.join(row[0]), nodes, *row)
tap.case('a DIMM counts on its node; backends of nodes are busy', plugged)
tap.case('boot RAM is a backend', default_backend)
tap.case('-machine memory-backend', machine_backend)
tap.case('-mem-path and -mem-prealloc', mem_path)
tap.case('info mtree and ramblock', mtree)
tap.case('info cmdline', cmdline)
tap.case('128 nodes', most_nodes)
tap.done()
