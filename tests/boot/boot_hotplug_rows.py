#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=300
"""The life of a DIMM under Debian's kernel as programs see it by QMP: what the guest answers at each step, in which order, and what a
guest without ACPI or without its driver leaves unanswered. With RAMJET_EMULATOR=qemu-system-x86_64 the rows that are QEMU's hold, too."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import hotplug, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402

EMU = vm.emulator()
QEMU = vm.is_qemu(EMU)
MIB = 1 << 20
SYSMEM = '/sys/devices/system/memory'


def equal(got, want):
    assert got == want, f'got {got!r}, expected {want!r}'


class Guest:
    def __init__(self, append='', reboot=False):
        self.s = hotplug.Session(EMU, flavour='cloud-amd64', say=note, append=append)
        self.v = self.s.vm = vm.VM(EMU, self.s.args, qmp=True, reboot=reboot)
        self.v.ready()
        self.q('query-status')

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.s.close()

    def q(self, execute, **arguments):
        r = self.v.qmp(execute, **{k.replace('qom_', 'qom-'): x for k, x in arguments.items()})
        assert 'return' in r, (execute, arguments, r)
        return r['return']

    def plug(self, n, mib=128):
        self.q('object-add', qom_type='memory-backend-ram', id=f'm{n}', size=mib * MIB)
        self.q('device_add', driver='pc-dimm', id=f'd{n}', memdev=f'm{n}')

    def seen(self, count, timeout=20):
        """The next `count` events about memory, as (name, source/status or device); there are no others within a moment."""
        end, names = time.time() + timeout * self.v.slow, ('ACPI_DEVICE_OST', 'DEVICE_DELETED', 'DEVICE_UNPLUG_GUEST_ERROR', 'RESET')
        while True:
            self.q('query-status')
            mine = [e for e in self.v.events if e['event'] in names]
            if len(mine) >= count or time.time() > end:
                break
            self.v._pump(0.05)
        time.sleep(0.2)
        self.q('query-status')
        mine = [e for e in self.v.events if e['event'] in names]
        self.v.events.clear()
        out = []
        for e in mine:
            d = e.get('data', {})
            if e['event'] == 'ACPI_DEVICE_OST':
                i = d['info']
                equal(i['slot-type'], 'DIMM')
                out.append((i.get('device'), i['source'], i['status']))
            else:
                out.append((e['event'], d.get('device')))
        return out

    def ids(self):
        return [x['data'].get('id') for x in self.q('query-memory-devices')]

    def ospm(self, slot=0):
        return self.q('query-acpi-ospm-status')[slot]

    def blocks(self, last):
        """Waits until the last memory block is there; the states of blocks 32 and up."""
        self.v.run(f'for i in $(seq 100); do [ -e {SYSMEM}/memory{last} ] && break; sleep 0.1; done')
        return self.v.run(f'cat {SYSMEM}/memory3[2-9]/state').split()


def life(g):
    total = g.s.mem_total()
    g.v.run(f'echo offline > {SYSMEM}/auto_online_blocks')
    g.plug(1, 256)
    equal(g.seen(1), [('d1', 1, 0)])
    equal(g.blocks(33), ['offline', 'offline'])
    equal(g.s.mem_total(), total)                          # offline memory is not counted
    equal([g.ospm()[x] for x in ('device', 'slot', 'source', 'status')], ['d1', '0', 1, 0])
    assert re.search('Normal Movable', g.v.run(f'cat {SYSMEM}/memory32/valid_zones'))
    g.q('device_del', id='d1')
    equal(g.seen(3), [('d1', 3, 0x84), ('DEVICE_DELETED', 'd1'), (None, 3, 0)])
    equal(g.ids(), [])
    g.q('object-del', id='m1')


def movable_and_kernel(g):
    g.plug(1)
    equal(g.seen(1), [('d1', 1, 0)])
    g.blocks(32)
    g.s.online({32}, 'online_kernel')
    g.v.run('mkdir -p /dirs; mount -t tmpfs none /dirs 2>/dev/null; for i in $(seq 1 4000); do mkdir -p /dirs/$i; done; '
            'dd if=/dev/zero of=/dirs/fill bs=1M count=820 2>/dev/null; for i in $(seq 4001 9000); do mkdir -p /dirs/$i; done')
    g.q('device_del', id='d1')
    got = g.seen(3, 60)
    equal(got, [('d1', 3, 0x84), ('d1', 3, 0x82)] + ([] if QEMU else [('DEVICE_UNPLUG_GUEST_ERROR', 'd1')]))
    equal(g.ids(), ['d1'])
    assert 'Offline failed' in g.v.run('dmesg | tail -n 20'), 'the guest says why'
    r = g.v.qmp('object-del', id='m1')
    assert "object 'm1' is in use, can not be deleted" in r['error']['desc'], r
    g.v.run('umount /dirs')


def by_the_guest(g):
    """The guest ejects by itself; a DIMM asked for several times while paused goes once."""
    g.plug(2)
    equal(g.seen(1), [('d2', 1, 0)])
    eject = g.v.run('for i in /sys/bus/acpi/devices/PNP0C80:*; do [ "$(cat $i/path)" = "\\_SB_.MHPC.MP01" ] && echo $i; done; true')
    assert 'PNP0C80' in eject, eject
    g.v.run(f'echo 1 > {eject.split()[-1]}/eject')
    equal(g.seen(3), [('d2', 3, 0x84), ('DEVICE_DELETED', 'd2'), (None, 0x103, 0)])
    g.plug(3)
    equal(g.seen(1), [('d3', 1, 0)])
    g.q('stop')
    for _ in range(3):
        equal(g.q('device_del', id='d3'), {})
    equal(g.seen(0), [])
    g.q('cont')
    equal(g.seen(3), [('d3', 3, 0x84), ('DEVICE_DELETED', 'd3'), (None, 3, 0)])


def refused_memory(g):
    """Linux says 1/0 to memory that it cannot use."""
    g.q('object-add', qom_type='memory-backend-ram', id='odd', size=130 * MIB)
    g.q('device_add', driver='pc-dimm', id='odd', memdev='odd')
    equal(g.seen(1), [('odd', 1, 0)])
    assert 'unaligned hotplug range' in g.v.run('dmesg | tail -n 20')
    g.q('device_del', id='odd')
    equal(g.seen(3), [('odd', 3, 0x84), ('DEVICE_DELETED', 'odd'), (None, 3, 0)])


def all_with_acpi():
    with Guest() as g:
        for f in (life, movable_and_kernel, by_the_guest, refused_memory):
            try:
                f(g)
            except AssertionError as e:
                raise AssertionError(f'{f.__name__}: {e}') from e
        interrupts = g.v.run('cat /sys/firmware/acpi/interrupts/gpe03')
        assert re.match(r'\s*[1-9]\d* .*enabled', interrupts), interrupts
        assert int(g.v.run(f'cat {SYSMEM}/block_size_bytes'), 16) == 128 * MIB
        assert 'hypervisor' in g.v.run('grep -m1 flags /proc/cpuinfo') or QEMU


def reset_keeps():
    """DIMMs stay over a reset, in their slots and at their addresses, and the boot scan finds them; no old request ejects them."""
    with Guest(reboot=True) as g:
        g.plug(1)
        equal(g.seen(1), [('d1', 1, 0)])
        before = g.q('query-memory-devices')[0]['data']
        at = len(g.v.buf)
        g.q('system_reset')
        g.q('device_del', id='d1')                         # nobody listens yet
        g.v.expect('MARK init-reached', after=at)
        assert ('RESET', None) in g.seen(1)
        if QEMU:
            return                                         # its request stays latched in the slot
        time.sleep(0.5)
        after = [x['data'] for x in g.q('query-memory-devices')]
        if after:                                          # the guest was asked again when it began to listen, or not at all
            equal({k: after[0][k] for k in ('slot', 'addr')}, {k: before[k] for k in ('slot', 'addr')})
        g.plug(2)
        assert g.seen(1)[0][0] == 'd2'
        time.sleep(0.5)
        equal(g.ids(), [x['id'] for x in after] + ['d2'])


def no_driver():
    with Guest('acpi_no_memhotplug') as g:
        g.plug(1)
        equal(g.seen(1), [('d1', 1, 0)])                   # although it did nothing
        equal(g.v.run(f'ls -d {SYSMEM}/memory3[2-9] 2>/dev/null; true'), '')
        g.q('device_del', id='d1')
        equal(g.seen(3)[-2:], [('DEVICE_DELETED', 'd1'), (None, 3, 0)])


def no_acpi():
    with Guest('acpi=off') as g:
        g.plug(1)
        equal(g.q('device_del', id='d1'), {})
        equal(g.seen(0), [])
        equal((g.ids(), g.ospm()['source']), (['d1'], 0))
        if not QEMU:
            assert 'does not listen' in g.v.hmp('info memory-devices'), g.v.hmp('info memory-devices')


tap = Tap()
tap.case('the guest answers each step', all_with_acpi)
tap.case('a reset keeps DIMMs', reset_keeps)
tap.case('a guest without the driver', no_driver)
tap.case('a guest without ACPI', no_acpi)
tap.done()
