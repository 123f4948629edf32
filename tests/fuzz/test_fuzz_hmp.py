#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=300
"""Random and mutated lines for the human monitor of a paused machine: it answers each with a prompt, and is as sound afterwards.
RAMJET_FUZZ_SEED and RAMJET_FUZZ_LINES choose others."""
import os
import random
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402

SEED = int(os.environ.get('RAMJET_FUZZ_SEED') or 1)
LINES = int(os.environ.get('RAMJET_FUZZ_LINES') or 4000)
GOOD = ['help', 'help info', 'info', 'info status', 'info registers -a', 'info mtree', 'info mtree -f', 'info memory-devices', 'info memdev',
        'info numa', 'info memory_size_summary', 'info mem', 'info tlb', 'info chardev', 'info qtree', 'info pic', 'info jit', 'info cpus',
        'x /8xb 0x1000', 'x /5i $rip', 'xp /4xg 0x100000000', 'xp /16xw 0xfed00000', 'print $rip + 4 * (3 - 1)', 'p /x -1 & 0xff',
        'object_add memory-backend-ram,id=m1,size=2M', 'object_add memory-backend-ram,id=m2,size=128M,share=on,policy=default',
        'object_del m1', 'object_del -w m2', 'device_add pc-dimm,id=d1,memdev=m1', 'device_add pc-dimm,id=d2,memdev=m2,slot=1,addr=0x110000000,node=0',
        'device_del d1', 'memory', 'memory +128M', 'memory -dimm1', 'memory 1G', 'memory -128M', 'memory 1152M', 'system_reset',
        'qom-list /machine/peripheral/d1', 'qom-list /machine/unattached', 'qom-list d2', 'qom-get /objects/m1 size', 'qom-get /machine memory', 'qom-get m2 m2[0]',
        'qom-set /objects/m2 merge off', 'qom-set -j m2 dump true', 'qom-set m2 prealloc-threads 3', 'qom-set d1 slot 1', 'info qom-tree', 'info qom-tree /objects',
        'gpa2hva 0x100000000', 'gva2gpa $rip', 'info hotpluggable-cpus', 'info balloon', 'info cmdline', 'info ramblock', 'device_add pc-dimm,help',
        'object_add memory-backend-memfd,help']
PARTS = ['\t', '  ', ',', ',,', '=', '/', '-', '+', '"', "'", '$', '%', '%n%s', '0x', '0xffffffffffffffff', '18446744073709551616', '-1', '99999999999G', '1.5G',
         '\x01', '\x1b[A', '\x7f', '\xff', '\xc3\xa9', '(' * 200, ')' * 3, 'A' * 300, 'id=', 'size=', 'memdev=', 'slot=', 'addr=', 'node=', 'pc-dimm', 'memory-backend-ram', 'on', 'off']


def mutated(r):
    s = r.choice(GOOD)
    for _ in range(r.choice((0, 1, 1, 2, 5))):
        at = r.randrange(len(s) + 1)
        what = r.randrange(5)
        if what == 0:
            s = s[:at] + r.choice(PARTS) + s[at:]
        elif what == 1:
            s = s[:at] + s[at + r.randrange(1, 6):]
        elif what == 2:
            s = s[:at] + chr(r.randrange(1, 256)) + s[at + 1:]
        elif what == 3:
            s = s + ' ' + r.choice(GOOD)
        else:
            s = s[:at] + s[at:] * 2
    return s.replace('\n', ' ').replace('\r', ' ')[:5000]


def fuzz():
    r = random.Random(SEED)
    with vm.VM(vm.emulator(), ['-S', '-m', '256M,slots=4,maxmem=1G', '-kernel', guest.kernel()], reboot=True) as v:
        s = v._sock(v.hp)
        s.settimeout(60 * v.slow)

        def reply(line):
            text = b''
            while not text.endswith(b'(qemu) '):
                got = s.recv(1 << 20)
                assert got, f'the connection ended after {line!r} (seed {SEED}): {v.stderr()[-2000:]}'
                text += got
            return text
        reply('')
        refused = 0
        for n in range(LINES):
            line = mutated(r)
            if line.split()[:1] in (['q'], ['quit'], ['c'], ['cont'], ['gdbserver'], ['screendump'], ['memsave'], ['pmemsave']) or line.strip().startswith(('object_del -w', 'memory-backend-file')):
                continue
            if 'memory-backend-file' in line or 'memory-backend-memfd' in line:
                continue
            try:
                s.sendall(line.encode('latin1') + b'\n')
                out = reply(line)
            except (OSError, AssertionError) as e:
                raise AssertionError(f'line {n}, {line!r}: {e}') from e
            refused += b'rror' in out or b'unknown' in out
        note(f'{LINES} lines with seed {SEED}, {refused} of them refused')
        assert refused > LINES // 10
        assert b'VM status: paused' in (s.sendall(b'info status\n'), reply('info status'))[1]
        s.close()
        assert 'Sanitizer' not in v.stderr(), v.stderr()


tap = Tap()
tap.case('lines for the human monitor', fuzz)
tap.done()
