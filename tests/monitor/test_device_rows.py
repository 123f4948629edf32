#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=180
"""device_add, device_del and object_del with everything that can be wrong about them, on the monitor and on the command line: the
message has the phrase that scripts look for in QEMU's, the command line ends with status 1 and one `ramjet: ` line, and nothing
changes. Rows that are as in QEMU also pass with RAMJET_EMULATOR=qemu-system-x86_64."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Tap  # noqa: E402

EMU = vm.emulator()
QEMU = vm.is_qemu(EMU)
KERNEL = ['-kernel', guest.kernel()] + (['-accel', 'tcg', '-cpu', 'max'] if QEMU else [])
MEMORY = ['-m', '1G,slots=3,maxmem=4G']

# On a machine with m1 (256 MiB, in the DIMM d1 of slot 0), m2 (256 MiB), big (2 GiB), odd (5 MiB), free: command, phrase.
ROWS = [
    ('device_add', "Parameter 'driver' is missing"),
    ('device_add id=x,memdev=m2', "Parameter 'driver' is missing"),
    ('device_add id=x,memdev=m1,driver=pc-dimm', "can't use already busy memdev: m1"),
    ('device_add driver=pc-dimm,id=x,memdev=m1', "can't use already busy memdev: m1"),
    ('device_add pc-dimm,id=x', "'memdev' property must be set"),
    ('device_add pc-dimm,id=x,memdev=', "'memdev' property must be set" if not QEMU else ''),
    ('device_add pc-dimm,id=x,memdev=nosuch', "'nosuch' not found"),
    ('device_add pc-dimm,id=x,memdev=m1', "can't use already busy memdev: m1"),
    ('device_add pc-dimm,id=d1,memdev=m2', "Duplicate device ID 'd1'"),
    ('device_add pc-dimm,id=x,memdev=m2,slot=3', 'invalid slot number 3, valid range is [0-2]'),
    ('device_add pc-dimm,id=x,memdev=m2,slot=-2', 'invalid slot number -2, valid range is [0-2]'),
    ('device_add pc-dimm,id=x,memdev=m2,slot=0', 'slot 0 is busy'),
    ('device_add pc-dimm,id=x,memdev=big', 'not enough space, currently 0x10000000 in use of total space for memory devices 0xc0000000'),
    ('device_add pc-dimm,id=x,memdev=m2,addr=0x100000001', 'address must be aligned to 0x200000 bytes'),
    ('device_add pc-dimm,id=x,memdev=m2,addr=0x40000000', "can't add memory device [0x40000000:0x10000000], usable range for memory devices [0x100000000:0x180000000]"),
    ('device_add pc-dimm,id=x,memdev=m2,addr=0x100000000', "address range conflicts with memory device id='d1'"),
    ('device_add pc-dimm,id=x,memdev=m2,addr=0xfffffffff0000000', "can't add memory device"),
    ('device_add pc-dimm,id=x,memdev=odd', 'backend memory size must be multiple of 0x200000'),
    ('device_add pc-dimm,id=x,memdev=m2,node=1', "'DIMM property node has value 1' which exceeds the number of numa nodes: 1"),
    ('device_add pc-dimm,id=x,memdev=m2,foo=1', "Property 'pc-dimm.foo' not found"),
    ('device_add pc-dimm,id=x,memdev=m2,size=1G', "Property 'pc-dimm.size' is not writable" if not QEMU else 'pc-dimm.size'),
    ('device_add pc-dimm,id=x,memdev=m2,slot=abc', "'slot'" if QEMU else 'slot'),
    ('device_add pc-dimmx,id=x', "'pc-dimmx' is not a valid device model name"),
    ('device_add nvdimm,id=x,memdev=m2', 'nvdimm'),
    ('device_del', 'string expected'),
    ('device_del nosuch', "Device 'nosuch' not found"),
    ('device_del /machine/peripheral/nosuch', 'not found'),
    ('object_del', 'string expected'),
    ('object_del nosuch', "object 'nosuch' not found"),
    ('object_del m1', "object 'm1' is in use, can not be deleted"),
]
# Ramjet's own: more precise than QEMU.
OWN = [
    ('device_add pc-dimm,id=1x,memdev=m2', "Parameter 'id' expects an identifier"),
    ('device_add pc-dimm,id=x,memdev=d1', "'d1'"),
    ('device_del -w', "Device '-w' not found"),
]
# The same on the command line: options after -m, phrase.
LINES = [
    (['-device', 'pc-dimm,id=x'], "'memdev' property must be set"),
    (['-device', 'pc-dimm,id=x,memdev=nosuch'], "'nosuch' not found"),
    (['-object', 'memory-backend-ram,id=m,size=128M', '-device', 'pc-dimm,id=x,memdev=m', '-device', 'pc-dimm,id=y,memdev=m'],
     "can't use already busy memdev: m"),
    (['-object', 'memory-backend-ram,id=m,size=128M', '-object', 'memory-backend-ram,id=n,size=128M', '-device', 'pc-dimm,id=x,memdev=m',
      '-device', 'pc-dimm,id=x,memdev=n'], "Duplicate ID 'x' for device"),
    (['-object', 'memory-backend-ram,id=m,size=128M', '-device', 'pc-dimm,id=x,memdev=m,slot=9'], 'invalid slot number 9, valid range is [0-2]'),
    (['-object', 'memory-backend-ram,id=m,size=4G,reserve=off', '-device', 'pc-dimm,id=x,memdev=m'], 'not enough space, currently 0x0 in use'),
    (['-device', 'pc-dimmx'], "'pc-dimmx' is not a valid device model name"),
    (['-device', 'pc-dimm,id=1x'], "Parameter 'id' expects an identifier"),
]


def views(v):
    """What no refused command may change."""
    return [v.hmp(c) for c in ('info memory-devices', 'info memdev', 'info mtree', 'info memory_size_summary', 'info numa')]


def row(v, command, phrase):
    before = sorted('\n'.join(views(v)).split('\n'))
    out = v.hmp(command)
    assert phrase in out, f'{command}: got {out!r}, expected {phrase!r}'
    assert 'string expected' in phrase or out.startswith('Error: ') or QEMU, out
    assert sorted('\n'.join(views(v)).split('\n')) == before, f'{command} changed something'


def line(options, phrase):
    p = subprocess.run([*EMU, *KERNEL, *MEMORY, *options, '-S', '-display', 'none', '-nodefaults'], capture_output=True, timeout=60,
                       stdin=subprocess.DEVNULL)
    err = p.stderr.decode()
    assert p.returncode == 1, f'status {p.returncode}: {err}'
    assert phrase in err, f'got {err!r}, expected {phrase!r}'
    assert QEMU or err.startswith('ramjet: -'), f'the option is named: {err!r}'


def without_slots():
    with vm.VM(EMU, [*KERNEL, '-S', '-m', '1G,maxmem=2G']) as v:
        v.hmp('object_add memory-backend-ram,id=m,size=128M')
        assert "please specify the 'slots' option" in v.hmp('device_add pc-dimm,id=x,memdev=m')
        assert 'acpi-mem-hotplug' not in v.hmp('info mtree')
        assert 'device-memory' in v.hmp('info mtree')


def without_maxmem():
    with vm.VM(EMU, [*KERNEL, '-S', '-m', '1G']) as v:
        v.hmp('object_add memory-backend-ram,id=m,size=128M')
        out = v.hmp('device_add pc-dimm,id=x,memdev=m')
        assert 'Error: ' in out and ('slots' in out or 'memory hotplug' in out), out
        assert v.hmp('info numa').startswith('0 nodes')


def without_acpi():
    with vm.VM(EMU, [*KERNEL, '-S', *MEMORY, '-M', 'pc,acpi=off']) as v:
        v.hmp('object_add memory-backend-ram,id=m,size=128M')
        assert 'memory hotplug is not enabled: missing acpi device or acpi disabled' in v.hmp('device_add pc-dimm,id=x,memdev=m')


def all_taken():
    with vm.VM(EMU, [*KERNEL, '-S', *MEMORY]) as v:
        for n in range(4):
            v.hmp(f'object_add memory-backend-ram,id=m{n},size=128M')
        for n in range(3):
            assert v.hmp(f'device_add pc-dimm,id=d{n},memdev=m{n}') == ''
        assert 'no free slots available' in v.hmp('device_add pc-dimm,id=d3,memdev=m3')


def unnamed():
    """A DIMM without an id: listed as "", cannot be named by device_del, its backend is busy."""
    with vm.VM(EMU, [*KERNEL, '-S', *MEMORY]) as v:
        v.hmp('object_add memory-backend-ram,id=m,size=128M')
        assert v.hmp('device_add pc-dimm,memdev=m') == ''
        assert 'Memory device [dimm]: ""' in v.hmp('info memory-devices')
        assert 'in use' in v.hmp('object_del m')


def first_fit():
    """Placement: 128 MiB blocks where the size allows it, holes are filled again, an explicit address is obeyed."""
    with vm.VM(EMU, [*KERNEL, '-S', '-m', '1G,slots=8,maxmem=8G']) as v:
        def plug(n, size, extra=''):
            assert v.hmp(f'object_add memory-backend-ram,id=m{n},size={size}') == ''
            out = v.hmp(f'device_add pc-dimm,id=d{n},memdev=m{n}{extra}')
            assert out == '', out
            text = v.hmp('info memory-devices').split(f'"d{n}"')[1]
            return int(text.split('addr: ')[1].split()[0], 16)
        assert plug(1, '2M') == 0x100000000
        assert plug(2, '256M') == (0x100200000 if QEMU else 0x108000000)
        assert plug(3, '2M') == (0x110200000 if QEMU else 0x100200000)
        assert plug(4, '128M', ',addr=0x180000000') == 0x180000000
        assert QEMU or plug(5, '128M', ',addr=6656M') == 0x1a0000000


tap = Tap()
with vm.VM(EMU, [*KERNEL, '-S', *MEMORY]) as run:
    for name, size in (('m1', '256M'), ('m2', '256M'), ('big', '3G,reserve=off'), ('odd', '5M')):
        assert run.hmp(f'object_add memory-backend-ram,id={name},size={size}') == ''
    assert run.hmp('device_add pc-dimm,id=d1,memdev=m1') == ''
    for a, b in ROWS + ([] if QEMU else OWN):
        tap.case(a, row, run, a, b)
for a, b in LINES:
    tap.case(' '.join(a), line, a, b)
for f in (without_slots, without_maxmem, without_acpi, all_taken, unnamed, first_fit):
    tap.case(f.__name__.replace('_', ' '), f)
tap.done()
