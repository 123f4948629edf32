#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=180
"""What the guest finds before it runs: where the hotplug window is, and the ACPI tables that describe it; and which error wins when a
DIMM has several faults. What is meant to be as in QEMU also passes with RAMJET_EMULATOR=qemu-system-x86_64."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

EMU = vm.emulator()
QEMU = vm.is_qemu(EMU)
KERNEL = ['-kernel', guest.kernel()] + (['-accel', 'tcg', '-cpu', 'max'] if QEMU else [])


def ramjet_only():
    if QEMU:
        raise Skip('not meant to be as in QEMU')


def equal(got, want):
    assert got == want, f'got {got!r}, expected {want!r}'


def machine(*args):
    return vm.VM(EMU, ['-S', *KERNEL, *args])


# ---- where the window is

# -m ,slots=3,maxmem=32G: base. Its end: base + (maxmem - size) + 3 GiB.
BASES = (('1G', 0x100000000), ('2G', 0x100000000), ('2815M', 0x100000000), ('2816M', 0x100000000), ('3G', 0x100000000), ('3584M', 0x140000000),
         ('4G', 0x140000000), ('4608M', 0x180000000), ('6400M', 0x200000000))


def mebibytes(text):
    return int(text[:-1]) << (10 if text[-1] == 'G' else 0)


def window(size, base):
    with machine('-m', f'{size},slots=3,maxmem=32G') as v:
        end = base + ((32 << 10) - mebibytes(size) + (3 << 10) << 20)
        tree = v.hmp('info mtree')
        assert f'{base:016x}-{end - 1:016x} (prio 0, i/o): device-memory' in tree, re.findall('.*device-memory.*', tree)
        assert '0000000000000a00-0000000000000a17 (prio 0, i/o): acpi-mem-hotplug' in tree
        low = mebibytes(size) if mebibytes(size) < 3584 else 3072
        assert f'0000000000000000-{(low << 20) - 1:016x} ' in tree


def no_slots():
    """maxmem alone: a window and a node, but no registers; without maxmem neither."""
    with machine('-m', '1G,maxmem=2G') as v:
        assert v.hmp('info numa').startswith('1 nodes') and 'device-memory' in v.hmp('info mtree')
        assert 'acpi-mem-hotplug' not in v.hmp('info mtree')
        v.hmp('object_add memory-backend-ram,id=m,size=128M')
        assert "no slots where allocated, please specify the 'slots' option" in v.hmp('device_add pc-dimm,id=x,memdev=m')
        assert 'invalid slot number 0, ' in v.hmp('device_add pc-dimm,id=x,memdev=m,slot=0')


# ---- which error wins

SETUP = ('object_add memory-backend-ram,id=m1,size=256M', 'device_add pc-dimm,id=d1,memdev=m1', 'object_add memory-backend-ram,id=m2,size=256M',
         'object_add memory-backend-ram,id=big,size=3G,reserve=off', 'object_add memory-backend-ram,id=odd,size=5M',
         'object_add memory-backend-ram,id=bigodd,size=3221225473,reserve=off')
# Each row has the fault of its message and one of those that come later.
ORDER = (
    ('foo,id=d1', "'foo' is not a valid device model name"),
    ('pc-dimm,id=d1,foo=1', "Duplicate device ID 'd1'"), ('pc-dimm,id=d1,memdev=nosuch', "Duplicate device ID 'd1'"),
    ('pc-dimm,id=d1,slot=9', "Duplicate device ID 'd1'"),
    ('pc-dimm,id=x,foo=1,slot=9', "Property 'pc-dimm.foo' not found"), ('pc-dimm,id=x,memdev=nosuch,slot=9', "Device 'nosuch' not found"),
    ('pc-dimm,id=x,slot=9', 'invalid slot number 9, valid range is [0-2]'), ('pc-dimm,id=x,slot=0', 'slot 0 is busy'),
    ('pc-dimm,id=x,memdev=big,slot=9', 'invalid slot number 9'), ('pc-dimm,id=x,memdev=m1,slot=0', 'slot 0 is busy'),
    ('pc-dimm,id=x,addr=0x1', "'memdev' property must be set"), ('pc-dimm,id=x,memdev=bigodd', 'not enough space'),
    ('pc-dimm,id=x,memdev=big,addr=0x1', 'not enough space'), ('pc-dimm,id=x,memdev=odd,addr=0x100000001', 'backend memory size must be multiple of 0x200000'),
    ('pc-dimm,id=x,memdev=m2,addr=0x1', 'address must be aligned to 0x200000 bytes'), ('pc-dimm,id=x,memdev=m1,addr=0x100000001', 'address must be aligned'),
    ('pc-dimm,id=x,memdev=m2,addr=0x40000000,node=7', "can't add memory device [0x40000000:0x10000000]"),
    ('pc-dimm,id=x,memdev=m1,addr=0x40000000', "can't add memory device"),
    ('pc-dimm,id=x,memdev=m2,addr=0x100000000,node=7', "address range conflicts with memory device id='d1'"),
    ('pc-dimm,id=x,memdev=m1,addr=0x100000000', 'address range conflicts'),
    ('pc-dimm,id=x,memdev=m1,node=7', "'DIMM property node has value 7' which exceeds the number of numa nodes: 1"),
    ('pc-dimm,id=x,memdev=m1', "can't use already busy memdev: m1"),
    ('pc-dimm,id=x,memdev=m2,slot=4294967296', "Parameter 'slot' expects int32_t"), ('pc-dimm,id=x,memdev=m2,slot=', "Parameter 'slot' expects integer"),
    ('pc-dimm,id=x,memdev=m2,node=4294967296', "Parameter 'node' expects uint32_t"),
)


def order():
    with machine('-m', '1G,slots=3,maxmem=4G') as v:
        for line in SETUP:
            equal(v.hmp(line), '')
        for text, words in ORDER:
            got = v.hmp('device_add ' + text)
            assert got.startswith('Error: ' + words), f'{text}: got {got!r}, expected {words!r}'
        equal(v.hmp('device_add pc-dimm,id=x,memdev=/objects/m2,slot=0x1'), '')       # the path that monitors show; a slot in hex
        assert 'slot: 1\n' in v.hmp('info memory-devices')


def fragmented():
    """Room in all, but no gap that is large enough; and align= of a file, which its size and address must have."""
    with tempfile.NamedTemporaryFile() as f, machine('-m', '1G,slots=3,maxmem=3G') as v:
        f.truncate(256 << 20)
        for n, addr in ((1, 0x166000000), (2, 0x1d0000000)):
            equal(v.hmp(f'object_add memory-backend-ram,id=m{n},size=2M'), '')
            equal(v.hmp(f'device_add pc-dimm,id=d{n},memdev=m{n},addr={addr:#x}'), '')
        equal(v.hmp('object_add memory-backend-ram,id=m3,size=2044M,reserve=off'), '')
        assert 'memory fragmented due to alignments' in v.hmp('device_add pc-dimm,id=d3,memdev=m3')
        equal(v.hmp(f'object_add memory-backend-file,id=a,size=128M,align=1G,mem-path={f.name}'), '')
        assert 'must be multiple of 0x40000000' in v.hmp('device_add pc-dimm,id=a,memdev=a')
        equal(v.hmp(f'object_add memory-backend-file,id=b,size=256M,align=256M,mem-path={f.name}'), '')
        assert 'address must be aligned to 0x10000000 bytes' in v.hmp('device_add pc-dimm,id=b,memdev=b,addr=0x108000000')
        equal(re.findall('"(.*)"', v.hmp('info memory-devices')), ['d1', 'd2'])


# ---- what a machine's options say about all backends

def machine_flags():
    with machine('-machine', 'pc,usb=off,vmport=off,hmat=off,mem-merge=off,dump-guest-core=off', '-object', 'memory-backend-ram,id=a,size=1M,merge=on') as v:
        text = v.hmp('info memdev')
        for name, merge in (('pc.ram', 'false'), ('a', 'true')):
            assert re.search(rf'memory backend: {name}\n  size:  \d+\n  merge: {merge}\n  dump: false\n', text), text
        if not QEMU:
            assert '-machine mem-merge=off,dump-guest-core=off' in v.hmp('info cmdline')


# ---- ACPI tables, read from the guest's memory

class Tables:
    """{signature: bytes}, several of one signature: SSDT, SSDT2..."""

    def __init__(self, v):
        self.v, self.tables = v, {}
        bios = self.read(0xe0000, 0x20000)
        at = [i for i in range(0, len(bios), 16) if bios[i:i + 8] == b'RSD PTR ' and not sum(bios[i:i + 20]) & 255]
        equal(len(at), 1)
        rsdp = bios[at[0]:at[0] + 36]
        wide = rsdp[15] >= 2 and int.from_bytes(rsdp[24:32], 'little')
        root = self.table(int.from_bytes(rsdp[24:32] if wide else rsdp[16:20], 'little'))
        equal(root[:4], b'XSDT' if wide else b'RSDT')
        step = 8 if wide else 4
        for i in range(36, len(root), step):
            self.add(self.table(int.from_bytes(root[i:i + step], 'little')))
        fadt = self.tables['FACP']
        self.add(self.table(int.from_bytes(fadt[40:44], 'little')))

    def read(self, at, size):
        words = re.findall(r' (0x[0-9a-f]+)', self.v.hmp(f'xp /{size // 8 + 1}xg {at:#x}'))
        return b''.join(int(x, 16).to_bytes(8, 'little') for x in words)[:size]

    def table(self, at):
        size = int.from_bytes(self.read(at, 8)[4:8], 'little')
        data = self.read(at, size)
        assert not sum(data) & 255, f'checksum of {data[:4]}'
        return data

    def add(self, table):
        name = table[:4].decode()
        n = sum(x.rstrip('0123456789') == name for x in self.tables)
        self.tables[name + (str(n + 1) if n else '')] = table


def number(data, at, size=4):
    return int.from_bytes(data[at:at + size], 'little')


def memory_entries(srat):
    at, out = 48, []
    while at < len(srat):
        if srat[at] == 1:
            out.append((number(srat, at + 8, 8), number(srat, at + 16, 8), number(srat, at + 28), number(srat, at + 2)))
        at += srat[at + 1]
    return out


def fixed_tables():
    ramjet_only()                                          # QEMU's are loaded by its firmware
    with machine('-m', '1G,slots=3,maxmem=4G') as v:
        t = Tables(v).tables
        fadt, madt = t['FACP'], t['APIC']
        equal((number(fadt, 46, 2), number(fadt, 80), fadt[92]), (9, 0xafe0, 4))      # SCI, GPE0 block and its length
        equal((number(fadt, 84), fadt[93]), (0, 0))                                   # no GPE1
        overrides = [madt[i:i + 10] for i in range(44, len(madt)) if madt[i:i + 2] == b'\x02\x0a' and madt[i + 3] == 9]
        assert any(number(x, 4) == 9 and number(x, 8, 2) & 15 == 13 for x in overrides), overrides # level, active high
        equal(memory_entries(t['SRAT']), [(0, 0xa0000, 1, 0), (0x100000, 0x3ff00000, 1, 0), (0, 0, 0, 0), (0x100000000, 0x180000000, 3, 0)])
        assert 'SLIT' not in t
    with machine('-m', '1G') as v:
        assert 'SRAT' not in Tables(v).tables
    with machine('-m', '1G,maxmem=2G') as v:
        assert memory_entries(Tables(v).tables['SRAT'])[-1] == (0x100000000, 0x40000000, 3, 0)
    halves = [x for n in 'ab' for x in ('-object', f'memory-backend-ram,id={n},size=512M', '-numa', f'node,memdev={n}')]
    with machine('-m', '1G,slots=1,maxmem=2G', *halves, '-numa', 'dist,src=0,dst=1,val=20') as v:
        t = Tables(v).tables
        equal(memory_entries(t['SRAT'])[-1], (0x100000000, 0x80000000, 3, 1))         # on the highest node
        equal(t['SLIT'][44:], bytes((10, 20, 20, 10)))


def disassembled(v, d):
    text = ''
    for name, data in Tables(v).tables.items():
        if name.rstrip('0123456789') in ('DSDT', 'SSDT'):
            with open(f'{d}/{name}.aml', 'wb') as f:
                f.write(data)
            subprocess.run(['iasl', '-d', f'{name}.aml'], cwd=d, check=True, capture_output=True, timeout=60)
            with open(f'{d}/{name}.dsl') as f:
                text += f.read()
    return text


def methods():
    ramjet_only()
    if not shutil.which('iasl'):
        raise Skip('no iasl')
    for slots in (3, 256):
        with tempfile.TemporaryDirectory() as d, machine('-m', f'1G,slots={slots},maxmem=4G') as v:
            text = disassembled(v, d)
        for words in ('Name (_HID, "PNP0A06"', 'Name (_UID, "Memory hotplug resources")', 'Name (_UID, "DIMM devices")',
                      'OperationRegion (HPMR, SystemIO, 0x0A00, 0x18)', f'MDNR, 0x{slots:04X})', 'Mutex (MLCK',
                      'Field (HPMR, ByteAcc, NoLock, WriteAsZeros)', 'Method (_E03', 'MSCN ()'):
            assert words in text.replace(r'\_SB.PCI0.MHPD.HPMR', 'HPMR'), f'{words!r} is not in the tables of {slots} slots'
        order_of_fields = re.findall(r'\b(MRBL|MRBH|MRLL|MRLH|MPX|MES|MINS|MRMV|MEJ|MSEL|MOEV|MOSC)\s*,\s+(\d+)', text)
        equal(order_of_fields, [(x, '32') for x in ('MRBL', 'MRBH', 'MRLL', 'MRLH', 'MPX')] + [(x, '1') for x in ('MES', 'MINS', 'MRMV', 'MEJ')] +
              [(x, '32') for x in ('MSEL', 'MOEV', 'MOSC')])
        devices = re.findall(r'Device \(MP([0-9A-F]{2})\)\s*\{(.*?)Method \(_EJ0', text, re.S)
        equal([int(n, 16) for n, _ in devices], list(range(slots)))
        for n, body in devices:
            assert f'Name (_UID, "0x{n}")' in body and 'EisaId ("PNP0C80")' in body, body
            for name in ('_CRS', '_STA', '_PXM', '_OST'):
                assert f'Method ({name}' in body, f'MP{n} has no {name}'
    with tempfile.TemporaryDirectory() as d, machine('-m', '1G,maxmem=4G') as v:
        text = disassembled(v, d)
        assert 'PNP0C80' not in text and 'HPMR' not in text, 'no slots: no registers'


tap = Tap()
for row in BASES:
    tap.case(f'the window of -m {row[0]},slots=3,maxmem=32G', window, *row)
for f in (no_slots, order, fragmented, machine_flags, fixed_tables, methods):
    tap.case(f.__name__.replace('_', ' '), f)
tap.done()
