#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=60
"""`memory` with a guest that does not run: the table, each form of the command, what is wrong with it; and a machine with nothing to
boot, which is there for its monitors only. What becomes of it in a guest: tests/boot/boot_dimm_states.py."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import vm  # noqa: E402
from testlib.tap import Tap  # noqa: E402

EMU = vm.emulator()


def equal(got, want):
    assert got == want, f'got {got!r}, expected {want!r}'


def machine(memory, *extra, **kw):
    return vm.VM(EMU, ['-S', '-m', memory, *extra], **kw)


def table():
    with machine('1G,slots=3,maxmem=4G') as v:
        equal(v.hmp('memory'), 'slot  id                 size  address        node  backend      the guest\n'
                               'boot RAM 1 GiB, plugged 0 bytes of 3 GiB; 3 of 3 slots free\n'
                               'free addresses: 0x100000000-0x27fffffff (6 GiB)\n'
                               'can be plugged now: one DIMM of up to 3 GiB (memory +SIZE)')
        equal(v.hmp('memory +512M'), 'dimm1: 512 MiB in slot 0 at 0x100000000')
        equal(v.hmp('object_add memory-backend-ram,id=m,size=128M'), '')
        equal(v.hmp('device_add pc-dimm,memdev=m,addr=0x130000000,slot=2'), '')
        text = v.hmp('memory')
        for row in (r'   0  dimm1 +512 MiB  0x100000000 +0  mem1 +\S.*', r'   2  \(unnamed\) +128 MiB  0x130000000 +0  m +\S.*',
                    'boot RAM 1 GiB, plugged 640 MiB of 3 GiB; 1 of 3 slots free',
                    r'free addresses: 0x120000000-0x12fffffff \(256 MiB\) 0x138000000-0x27fffffff \(5\.125 GiB\)',
                    r'can be plugged now: one DIMM of up to 2\.375 GiB \(memory \+SIZE\)'):
            assert re.search(f'^{row}$', text, re.M), f'{row}\n{text}'
        equal(v.hmp('memory +128'), 'dimm2: 128 MiB in slot 1 at 0x120000000')
        assert 'nothing can be plugged now: no slot is left' in v.hmp('memory')
    with machine('1G,slots=3,maxmem=1152M') as v:
        v.hmp('memory +128M')
        assert 'nothing can be plugged now: maxmem is reached' in v.hmp('memory')


# On a machine with nothing plugged: command, start of the answer.
WRONG = (
    ('memory +', 'memory +: not a size'), ('memory -', 'memory -: neither a DIMM nor a size'), ('memory 3X', 'memory 3X: not a size'),
    ('memory -nosuch', 'memory -nosuch: neither a DIMM nor a size'), ('memory +0', 'memory +0: not a size'), ('memory 0', 'memory 0: not a size'),
    ('memory ++1G', 'memory ++1G: not a size'), ('memory +-1G', 'memory +-1G: not a size'), ('memory + 1G', "memory: one argument at most (and node=N with +SIZE); '1G'"),
    ('memory +99999999999999999999G', 'memory +99999999999999999999G: not a size'), ('memory 100M', 'memory 100 MiB: boot RAM is 1 GiB and stays'),
    ('memory +1M', 'memory +1 MiB: backend memory size must be multiple of 0x200000'),
    ('memory +4G', 'not enough space, currently 0x0 in use of total space for memory devices 0xc0000000'),
    ('memory 9G', 'not enough space, currently 0x0 in use'), ('memory -1G', 'memory: there is no DIMM to remove'),
)


def wrong():
    with machine('1G,slots=3,maxmem=4G') as v:
        before = v.hmp('memory'), v.hmp('info memdev'), v.hmp('info mtree')
        for line, want in WRONG:
            got = v.hmp(line)
            assert got.startswith('Error: ' + want), f'{line}: {got}'
            equal((v.hmp('memory'), v.hmp('info memdev'), v.hmp('info mtree')), before)


NO_HOTPLUG = (('1G', (), 'the machine was started without maxmem (-m SIZE,slots=N,maxmem=SIZE)'),
              ('1G,maxmem=2G', (), 'the machine was started without slots (-m SIZE,slots=N,maxmem=SIZE)'),
              ('1G,slots=2,maxmem=2G', ('-machine', 'pc,acpi=off'), 'memory hotplug is not enabled: missing acpi device or acpi disabled'))


def without():
    for memory, extra, why in NO_HOTPLUG:
        with machine(memory, *extra) as v:
            equal(v.hmp('memory'), f'boot RAM 1 GiB; no memory can be plugged: {why}')
            for line in ('memory +512M', 'memory 1536M'):
                equal(v.hmp(line), f'Error: memory: {why}')
            equal(v.hmp('memory 1G'), 'the machine has 1 GiB already')
            assert 'mem1' not in v.hmp('info memdev')


def warnings():
    """Of sizes that Linux cannot use, and of DIMMs that are too large to be described; they are plugged all the same."""
    with machine('256M,slots=4,maxmem=64G') as v:
        for line, words in (('memory +100M', "DIMM 'dimm1': size 0x6400000 is not a multiple of 128 MiB: Linux will not use it"),
                            ('memory +16G', "DIMM 'dimm2': Linux needs 256 MiB of the 356 MiB that it has to describe it, and may run out of memory")):
            assert 'in slot' in v.hmp(line), line
            assert f'ramjet: warning: {words}\n' in v.stderr(), v.stderr()
        equal(v.hmp('object_add memory-backend-ram,id=m,size=128M'), '')
        equal(v.hmp('device_add pc-dimm,id=d,memdev=m,addr=0x700200000'), '')
        assert "DIMM 'd': address 0x700200000 is not a multiple of 128 MiB" in v.stderr()
        count = v.stderr().count('warning')
        v.hmp('memory +128M')
        equal(v.stderr().count('warning'), count)


ASKED = ': the guest is asked to let go of it (see \'memory\')'


def remove():
    """By name, by size, to a total; what is asked for already does not count; unnamed ones and more than a screenful, too."""
    with machine('1G,slots=256,maxmem=64G') as v:
        for _ in range(40):
            assert 'in slot' in v.hmp('memory +128M')
        equal(v.hmp('memory -dimm7'), 'dimm7' + ASKED)
        equal(v.hmp('memory -256M'), f'dimm40{ASKED}\ndimm39{ASKED}')
        got = v.hmp('memory -100M').split('\n')
        equal(got[0], 'Error: memory: no DIMMs add up to 100 MiB; DIMMs go as a whole:')
        equal((len(got), got[1], got[-1]), (22, '  dimm38: 128 MiB', "  and 17 more ('memory' shows all)"))
        v.hmp('object_add memory-backend-ram,id=u,size=384M')
        v.hmp('device_add pc-dimm,memdev=u')
        got = v.hmp('memory 1536M').split('\n')
        equal((got[0], len(got)), ('slot 40' + ASKED, 34))   # 384 MiB and 33 times 128 MiB: four stay
        equal(v.hmp('memory 1536M'), "the machine will have 1.5 GiB when the guest has let go of 4.875 GiB (see 'memory')")
        v.hmp('memory 1G')
        equal(v.hmp('memory -128M'), 'Error: memory: there is no DIMM that the guest was not asked for already')
    name = 'd' + 'x' * 300
    with machine('1G,slots=2,maxmem=4G') as v:
        v.hmp('object_add memory-backend-ram,id=m,size=128M')
        v.hmp(f'device_add pc-dimm,id={name},memdev=m')
        equal(v.hmp(f'memory -{name}'), name + ASKED)


# ---- nothing to boot

NOTHING = 'there is nothing to run: the machine was started without -kernel (firmware and disks are not there yet)'


def no_kernel():
    """What QMP clients do before they let a guest run works; `cont` says why it does not."""
    with machine('8M,slots=3,maxmem=4G', qmp=True, reboot=True) as v:
        equal(v.qmp('query-status')['return'], {'status': 'prelaunch', 'running': False})
        equal(v.qmp('object-add', **{'qom-type': 'memory-backend-ram', 'id': 'm', 'size': 128 << 20}), {'return': {}})
        equal(v.qmp('device_add', driver='pc-dimm', id='d', memdev='m'), {'return': {}})
        equal(v.qmp('query-memory-devices')['return'][0]['data']['addr'], 1 << 32)
        equal(v.qmp('cont')['error'], {'class': 'GenericError', 'desc': NOTHING})
        equal(v.hmp('cont'), 'Error: ' + NOTHING)
        equal(v.hmp('system_reset'), '')
        equal(v.hmp('info status'), 'VM status: paused (prelaunch)')
        equal(v.hmp('xp /1xb 0x100000000'), '0000000100000000: 0x00')
        equal(v.hmp('device_del d'), '')
        assert 'does not listen' in v.hmp('info memory-devices')
        v.hmp('quit')
        equal(v.wait_exit(10), 0)


def no_kernel_refused():
    for args, words in ((['-m', '1G'], 'nothing to boot: this version needs -kernel (firmware and disks are not there yet)\nWith -S the machine starts paused'),
                        (['-append', 'x', '-S'], '-append only allowed with -kernel option\n'),
                        (['-initrd', 'x', '-S'], '-initrd only allowed with -kernel option\n')):
        r = subprocess.run([*EMU, '-display', 'none', *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        assert r.returncode == 1 and r.stderr.startswith('ramjet: ' + words), f'{args}: {r.returncode}: {r.stderr}'


tap = Tap()
for f in (table, wrong, without, warnings, remove, no_kernel, no_kernel_refused):
    tap.case('memory: ' + f.__name__.replace('_', ' '), f)
tap.done()
