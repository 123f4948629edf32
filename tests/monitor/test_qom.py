#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=120
"""The tree of objects on the human monitor, where addresses lead, CPUs and the balloon. What is meant to be as in QEMU also
passes with RAMJET_EMULATOR=qemu-system-x86_64."""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

EMU = vm.emulator()
QEMU = vm.is_qemu(EMU)
ARGS = ['-S', '-m', '1G,slots=4,maxmem=4G', '-smp', '2', '-kernel', guest.kernel(),
        '-object', 'memory-backend-ram,id=m1,size=128M', '-device', 'pc-dimm,id=d1,memdev=m1',
        '-object', 'memory-backend-ram,id=m2,size=128M', '-device', 'pc-dimm,memdev=m2',
        '-object', 'memory-backend-ram,id=free,size=2M'] + (['-accel', 'tcg', '-cpu', 'max'] if QEMU else [])


def ramjet_only():
    if QEMU:
        raise Skip('not meant to be as in QEMU')


def equal(got, want):
    assert got == want, f'got {got!r}, expected {want!r}'


def replies(v, rows):
    for line, want in rows:
        got = v.hmp(line)
        assert (want.search(got) if hasattr(want, 'search') else want == got.strip('\n')), f'{line!r}: got {got!r}, expected {want!r}'


def starts(text):
    return re.compile('^' + re.escape(text))


def tree(v):
    backend = '  /%s (memory-backend-ram)\n    /%s[0] (memory-region)'
    equal(v.hmp('info qom-tree /objects'), '/objects (container)\n' + '\n'.join(backend % (x, x) for x in ('free', 'm1', 'm2', 'pc.ram')))
    equal(v.hmp('info qom-tree objects'), v.hmp('info qom-tree /objects'))
    equal(v.hmp('info qom-tree //objects/'), v.hmp('info qom-tree /objects'))
    equal(v.hmp('info qom-tree /machine/peripheral'), '/peripheral (container)\n  /d1 (pc-dimm)')
    equal(v.hmp('info qom-tree d1'), '/d1 (pc-dimm)')
    whole = v.hmp('info qom-tree')
    equal(whole, v.hmp('info qom-tree /machine'))
    for line in ('  /peripheral (container)', '    /d1 (pc-dimm)', '  /peripheral-anon (container)\n    /device[0] (pc-dimm)',
                 '  /device-memory[0] (memory-region)', '  /unattached (container)', '/acpi-mem-hotplug[0] (memory-region)'):
        assert line in whole, f'{line!r} is not in {whole}'
    assert re.search(r'^    /device\[0\] \(max-x86_64-cpu\)$', whole, re.M), whole
    equal(v.hmp('info qom-tree /nosuch'), "Path '/nosuch' could not be resolved.")
    equal(v.hmp('info qom-tree a b'), 'qom-tree: extraneous characters at the end of line\nTry "help info qom-tree" for more information')


def tree_follows(v):
    """What comes and goes is in the tree, and only then."""
    assert 'gone' not in v.hmp('qom-list /objects')
    equal(v.hmp('object_add memory-backend-ram,id=gone,size=2M'), '')
    assert 'gone (child<memory-backend-ram>)' in v.hmp('qom-list /objects')
    equal(v.hmp('qom-get /objects/gone/gone[0] container'), '""')
    equal(v.hmp('device_add pc-dimm,id=dgone,memdev=gone,slot=3'), '')
    equal(v.hmp('qom-get /objects/gone/gone[0] container'), '"/machine/device-memory[0]"')
    equal(v.hmp('qom-get dgone slot'), '3')
    equal(v.hmp('qom-get dgone hotplugged'), 'true')
    equal(v.hmp('qom-get dgone realized'), 'true')


def lists(v):
    equal(v.hmp('qom-list'), '/')
    rows = v.hmp('qom-list /').splitlines()
    assert {'type (string)', 'objects (child<container>)'} <= set(rows) and any(x.startswith('machine (child<pc') for x in rows), rows
    equal(v.hmp('qom-list /machine/peripheral'), 'type (string)\nd1 (child<pc-dimm>)')
    equal(v.hmp('qom-list peripheral-anon'), 'type (string)\ndevice[0] (child<pc-dimm>)')
    of_dimm = set(v.hmp('qom-list /machine/peripheral/d1').splitlines())
    want = {'type (string)', 'realized (bool)', 'hotplugged (bool)', 'hotpluggable (bool)', 'memdev (link<memory-backend>)', 'node (uint32)',
            'addr (uint64)', 'slot (int32)', 'size (uint64)'}
    equal(want - of_dimm, set())
    of_backend = set(v.hmp('qom-list /objects/m1').splitlines())
    want = {'type (string)', 'share (bool)', 'size (int)', 'dump (bool)', 'prealloc-threads (int)', 'policy (HostMemPolicy)', 'prealloc (bool)',
            'reserve (bool)', 'host-nodes (int)', 'merge (bool)', 'm1[0] (child<memory-region>)'}
    equal(want - of_backend, set())
    of_region = set(v.hmp('qom-list /objects/m1/m1[0]').splitlines())
    equal(of_region, {'type (string)', 'container (link<memory-region>)', 'addr (uint64)', 'size (uint64)', 'priority (uint32)'})
    replies(v, (('qom-list /nosuch', "Error: Device '/nosuch' not found"), ('qom-list nosuch', "Error: Device 'nosuch' not found"),
                ('qom-list /objects/m1/size', "Error: Device '/objects/m1/size' not found"),
                ('qom-list device[0]', "Error: Path 'device[0]' is ambiguous"), ('qom-list ""', "Error: Path '' is ambiguous"),
                ('qom-list /machine x', 'qom-list: extraneous characters at the end of line\nTry "help qom-list" for more information')))


def values(v):
    replies(v, (('qom-get /objects/m1 size', '134217728'), ('qom-get m1 size', '134217728'), ('qom-get /objects/m1 share', 'false'),
                ('qom-get /objects/m1 policy', '"default"'), ('qom-get /objects/m1 host-nodes', '[\n]'), ('qom-get /objects/m1 type', '"memory-backend-ram"'),
                ('qom-get /machine/peripheral/d1 memdev', '"/objects/m1"'), ('qom-get d1 addr', '4294967296'), ('qom-get d1 slot', '0'),
                ('qom-get d1 node', '0'), ('qom-get d1 size', '134217728'), ('qom-get d1 type', '"pc-dimm"'), ('qom-get d1 hotplugged', 'false'),
                ('qom-get peripheral/d1 hotpluggable', 'true'), ('qom-get /machine/peripheral-anon/device[0] addr', '4429185024'),
                ('qom-get / machine', '"/machine"'), ('qom-get machine peripheral', '"/machine/peripheral"'), ('qom-get peripheral d1', '"/machine/peripheral/d1"'),
                ('qom-get /machine memory', '{\n    "size": 1073741824,\n    "slots": 4,\n    "max-size": 4294967296\n}'),
                ('qom-get /machine memory-backend', '"/objects/pc.ram"'), ('qom-get /objects/m1/m1[0] size', '134217728'),
                ('qom-get /objects/m2/m2[0] container', '"/machine/device-memory[0]"'), ('qom-get /objects/m2/m2[0] addr', '134217728'),
                ('qom-get /machine/device-memory[0] addr', '4294967296'), ('qom-get /machine/unattached/device[0] realized', 'true'),
                ('qom-get /objects/m1 nosuch', "Error: Property 'memory-backend-ram.nosuch' not found"),
                ('qom-get d1 nosuch', "Error: Property 'pc-dimm.nosuch' not found"),
                ('qom-get /nosuch size', "Error: Device '/nosuch' not found"),
                ('qom-get', 'qom-get: string expected\nTry "help qom-get" for more information'),
                ('qom-get /objects/m1', 'qom-get: string expected\nTry "help qom-get" for more information')))


def every_value(v):
    """Each property that is listed, of each object that the tree shows, can be read."""
    ramjet_only()
    seen = 0
    todo = ['/']
    while todo:
        path = todo.pop()
        for line in v.hmp(f'qom-list {path}').splitlines():
            name, kind = line.rsplit(' ', 1)
            assert not v.hmp(f'qom-get {path} {name}').startswith('Error'), (path, name)
            seen += 1
            if kind.startswith('(child<'):
                todo.append(path.rstrip('/') + '/' + name)
    assert seen > 300, seen


def changes(v):
    replies(v, (('qom-set /objects/m1 merge off', ''), ('qom-get /objects/m1 merge', 'false'), ('qom-set -j /objects/m1 merge true', ''),
                ('qom-get /objects/m1 merge', 'true'), ('qom-set m1 dump false', ''), ('qom-get m1 dump', 'false'),
                ('qom-set m1 prealloc-threads 4', ''), ('qom-get m1 prealloc-threads', '4'), ('qom-set free prealloc on', ''), ('qom-get free prealloc', 'true'),
                ('qom-set /objects/m1 size 1', starts('Error: cannot change property size of memory-backend-ram')),
                ('qom-set /objects/m1 share true', starts('Error: cannot change property value')),
                ('qom-set /objects/m1 reserve off', starts('Error: cannot change property value')),
                ('qom-set /objects/m1 merge maybe', starts("Error: Parameter 'merge' expects 'on' or 'off'")),
                ('qom-set /objects/m1 prealloc-threads 0', "Error: property 'prealloc-threads' of memory-backend-ram doesn't take value '0'"),
                ('qom-set /objects/m1 prealloc-threads x', starts("Error: Parameter 'prealloc-threads' expects")),
                ('qom-set /objects/m1 type x', "Error: Property 'memory-backend-ram.type' is not writable"),
                ('qom-set /objects/m1 nosuch 1', "Error: Property 'memory-backend-ram.nosuch' not found"),
                ('qom-set /objects m1 3', "Error: Property 'container.m1' is not writable"),
                ('qom-set d1 slot 2', "Error: Attempt to set property 'slot' on device 'd1' (type 'pc-dimm') after it was realized"),
                ('qom-set d1 addr 2', "Error: Attempt to set property 'addr' on device 'd1' (type 'pc-dimm') after it was realized"),
                ('qom-set d1 memdev /objects/m1', "Error: Attempt to set link property 'memdev' on device 'd1' (type 'pc-dimm') after it was realized"),
                ('qom-set d1 size 2', "Error: Property 'pc-dimm.size' is not writable"),
                ('qom-set d1 hotplugged off', "Error: Property 'pc-dimm.hotplugged' is not writable"),
                ('qom-set d1 nosuch 2', "Error: Property 'pc-dimm.nosuch' not found"), ('qom-set /nosuch size 2', "Error: Device '/nosuch' not found"),
                ('qom-set', 'qom-set: string expected\nTry "help qom-set" for more information'),
                ('qom-set /objects/m1 merge', 'qom-set: string expected\nTry "help qom-set" for more information'),
                ('qom-get m1 merge', 'true'), ('qom-get d1 slot', '0'), ('qom-get m1 prealloc-threads', '4')))


def only_readers(v):
    ramjet_only()
    replies(v, (('qom-set d1 realized false', "Error: Property 'pc-dimm.realized' is not writable"),
                ('qom-set /machine/unattached/device[0] apic-id 1', "Error: Property 'max-x86_64-cpu.apic-id' is not writable"),
                ('qom-set /objects/m1/m1[0] size 1', "Error: Property 'memory-region.size' is not writable")))


def host_addresses(v):
    """The host's bytes there are the guest's."""
    for at, name in ((0x1000, 'pc.ram'), (0x100000000, 'm1'), (0x107ffffff, 'm1'), (0x108000000, 'm2')):
        m = re.fullmatch(rf'Host virtual address for {at:#x} \({re.escape(name)}\) is (0x[0-9a-f]+)', v.hmp(f'gpa2hva {at:#x}'))
        assert m, v.hmp(f'gpa2hva {at:#x}')
    replies(v, (('gpa2hva 0x900000000', re.compile('No memory is mapped at address 0x900000000')),
                ('gpa2hva 0xfec00000', re.compile('Memory at address 0xfec00000 is not RAM')),
                ('gpa2hva', re.compile('unexpected end of expression')), ('gpa2hva abc', re.compile("invalid char 'a' in expression")),
                ('gpa2hva $nosuch', re.compile('unknown register')),
                ('gpa2hva 0x1000 5', 'gpa2hva: extraneous characters at the end of line\nTry "help gpa2hva" for more information')))


def host_bytes():
    text = b'there it is: 0123456789'
    with tempfile.NamedTemporaryFile() as f:
        f.write(bytes(4096) + text)
        f.truncate(128 << 20)
        f.flush()
        with vm.VM(EMU, [*ARGS, '-object', f'memory-backend-file,id=mf,size=128M,share=on,mem-path={f.name}',
                         '-device', 'pc-dimm,id=df,memdev=mf,addr=0x120000000']) as v:
            host = int(re.search(r'is (0x[0-9a-f]+)', v.hmp('gpa2hva 0x120001000'))[1], 16)
            with open(f'/proc/{v.p.pid}/mem', 'rb', 0) as m:
                m.seek(host)
                equal(m.read(len(text)), text)
            row = v.hmp(f'xp /{len(text)}xb 0x120001000')
            equal(bytes(int(x, 16) for x in re.findall(r'0x([0-9a-f]{2})\b', row)), text)


def guest_addresses(v):
    replies(v, (('gva2gpa 0x1000', 'gpa: 0x1000'), ('gva2gpa', re.compile('unexpected end of expression')),
                ('gva2gpa 0x1000 5', 'gva2gpa: extraneous characters at the end of line\nTry "help gva2gpa" for more information')))
    if not QEMU: # the kernel is entered with page tables that map the start
        replies(v, (('gva2gpa 0xffff800000000000', 'Unmapped'), ('gva2gpa $rip', re.compile('^gpa: 0x1000000$'))))


def cpus(v):
    row = '  type: "max-x86_64-cpu"\n  vcpus_count: "1"\n  qom_path: "/machine/unattached/device[%s]"\n  CPUInstance Properties:\n' \
          '    node-id: "0"\n    socket-id: "0"\n    core-id: "%d"\n    thread-id: "0"'
    text = v.hmp('info hotpluggable-cpus')
    paths = re.findall(r'device\[(\d+)\]', text)
    equal(text, '\n'.join(['Hotpluggable CPUs:', row % (paths[0], 1), row % (0, 0)]))
    for n in paths:
        equal(v.hmp(f'qom-get /machine/unattached/device[{n}] type'), '"max-x86_64-cpu"')


def saves():
    """memsave and pmemsave write the bytes that xp shows; what cannot be read leaves no file."""
    text = b'there it is: 0123456789'
    with tempfile.TemporaryDirectory() as d:
        with open(d + '/ram', 'wb') as f:
            f.write(bytes(4090) + text)
            f.truncate(128 << 20)
        with vm.VM(EMU, [*ARGS, '-object', f'memory-backend-file,id=mf,size=128M,share=on,mem-path={d}/ram',
                         '-device', 'pc-dimm,id=df,memdev=mf,addr=0x120000000'], qmp=True) as v:
            equal(v.hmp(f'pmemsave 0x120000ffa {len(text)} "{d}/a"'), '')
            equal(open(d + '/a', 'rb').read(), text)
            equal(v.qmp('pmemsave', val=0x120000000, size=8192, filename=d + '/b'), {'return': {}})
            equal(open(d + '/b', 'rb').read(), (bytes(4090) + text).ljust(8192, b'\0'))
            equal(v.hmp(f'pmemsave 0 0x100100 "{d}/low"'), '')                    # across the hole at 640 KiB
            equal(os.path.getsize(d + '/low'), 0x100100)
            equal(v.hmp(f'memsave 0x1000000 16 "{d}/v"'), '')
            row = v.hmp('x /16xb 0x1000000')
            equal(open(d + '/v', 'rb').read(), bytes(int(x, 16) for x in re.findall(r'0x([0-9a-f]{2})\b', row)))
            assert v.hmp(f'pmemsave 0 16 "{d}/nosuch/x"').startswith(f"Error: Could not open '{d}/nosuch/x'")
            if QEMU:
                return
            assert v.hmp(f'memsave 0xffff800000000000 16 "{d}/no"').startswith('Error: Invalid addr 0xffff800000000000/size 16 specified')
            for text in ('0x7fffffffffffffff 16', '0 0x7fffffffffffffff', '0xffffffffffffffff 2'):
                assert v.hmp(f'pmemsave {text} "{d}/no"').startswith('Error: Invalid addr'), text
            assert 'is not a number' in v.hmp(f'pmemsave -1 5 "{d}/no"')
            assert 'GenericError' == v.qmp('memsave', val=0, size=-1, filename=d + '/no')['error']['class']
            assert 'GenericError' == v.qmp('memsave', val=0, size=1, filename=d + '/no', **{'cpu-index': 2})['error']['class']
            assert not os.path.exists(d + '/no')


def others(v):
    equal(v.hmp('info uuid'), '00000000-0000-0000-0000-000000000000')
    assert v.hmp('info kvm').startswith('kvm support: ')
    equal(v.hmp('info name'), '')
    for line in ('device_add pc-dimm,help', 'device_add pc-dimm,id=x,help', 'object_add memory-backend-ram,help',
                 'object_add memory-backend-ram,id=x,size=1G,help'):
        got = v.hmp(line)
        assert re.match(r'(pc-dimm|memory-backend-ram) options:\n', got) and re.search(r'^  (memdev|size)=<', got, re.M), f'{line}: {got}'
    if not QEMU:
        equal(v.hmp('device_add pc-dimm,?'), v.hmp('device_add pc-dimm,help'))
    assert 'name "pc-dimm"' in v.hmp('device_add help')
    assert "memory backend: x" not in v.hmp('info memdev')


def balloon(v):
    equal(v.hmp('info balloon'), 'Error: No balloon device has been activated')
    equal(v.hmp('balloon 512'), 'Error: No balloon device has been activated')
    equal(v.hmp('info balloon x'), 'balloon: extraneous characters at the end of line\nTry "help info balloon" for more information')
    equal(v.hmp('info nosuch').split('\n')[0], "unknown command: 'info nosuch'")


def buses(v):
    text = v.hmp('info pci')
    for words in ('  Bus  0, device   0, function 0:\n    Host bridge: PCI device 8086:1237\n', '    ISA bridge: PCI device 8086:7000\n',
                  '  Bus  0, device   1, function 3:\n    Bridge: PCI device 8086:7113\n'):
        assert words in text, f'{words!r} is not in {text}'
    assert re.search(r'BAR0: 32 bit prefetchable memory (at 0x[0-9a-f]{8} \[0x[0-9a-f]{8}\]|\(not mapped\))$', text, re.M), text
    if not QEMU:
        assert v.hmp('info roms')
        tree, all_ = v.hmp('info mtree'), v.hmp('info mtree -D')
        assert '[disabled]' not in tree and 'alias pam @pc.ram' in all_ and '[disabled]' in all_
        assert v.hmp('info mtree -x').startswith("Error: info mtree: unknown option '-x'")
        equal(v.hmp('info mtree -D -f'), v.hmp('info mtree -f'))


def helps(v):
    for name in ('qom-list', 'qom-get', 'qom-set', 'gpa2hva', 'gva2gpa'):
        assert re.match(rf'{name} .* -- ', v.hmp(f'help {name}')), v.hmp(f'help {name}')
    for name in ('qom-tree', 'hotpluggable-cpus', 'balloon'):
        assert re.match(rf'info {name} .*-- ', v.hmp(f'help info {name}')), v.hmp(f'help info {name}')


tap = Tap()
tap.case('qom: host bytes', host_bytes)
tap.case('qom: saves', saves)
with vm.VM(EMU, ARGS) as shared:
    for f in (tree, lists, values, every_value, changes, only_readers, host_addresses, guest_addresses, cpus, others, balloon, buses, helps, tree_follows):
        tap.case('qom: ' + f.__name__.replace('_', ' '), f, shared)
tap.done()
