#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=120
"""The line `deterministic: ...`: every option that the guest can see makes another one; where files are, and what only the host sees, does
not. No path is in it."""
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, vm  # noqa: E402
from testlib.tap import Tap  # noqa: E402

EMU = vm.emulator()
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
DIR = tempfile.TemporaryDirectory(prefix='contract')
KERNEL = DIR.name + '/kernel'
INITRD = DIR.name + '/initrd'
START = ['-display', 'none', '-nodefaults', '-monitor', 'none', '-limit-instructions', '1', '-deterministic']
BASE = ['-kernel', KERNEL, '-initrd', INITRD, '-machine', 'pc,unpack=guest', '-m', '256M,slots=2,maxmem=1G', '-smp', '2', '-serial', 'null']
RAM = 'memory-backend-ram,size=128M,id='
NODES = ['-object', RAM + 'a', '-object', RAM + 'b', '-numa', 'node,memdev=a', '-numa', 'node,memdev=b']


def line(*args, base=BASE):
    r = subprocess.run([*EMU, *START, *base, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW)
    assert r.returncode == 121, f'{args}: status {r.returncode}: {r.stderr}'
    first = [x for x in r.stderr.splitlines() if x.startswith('deterministic: ')]
    assert len(first) == 1 and '/' not in first[0], r.stderr
    return first[0]


def words(text):
    return text.split()[1:]


def differ():
    plain = line()
    numa = line(*NODES)
    seen = {plain: 'nothing', numa: 'nodes'}
    assert plain != numa
    for args in (
            ['-m', '512M,slots=2,maxmem=1G'], ['-m', '256M,slots=3,maxmem=1G'], ['-m', '256M,slots=2,maxmem=2G'], ['-smp', '1'], ['-smp', '3'], ['-cpu', 'qemu64'],
            ['-cpu', 'max,-avx'], ['-machine', 'pc,acpi=off'], ['-machine', 'pc,hpet=on'], ['-machine', 'pc,kaslr=on'], ['-rtc', 'base=2027-01-01'], ['-deterministic,seed=2'], ['-icount', 'shift=3'], ['-append', 'quiet'],
            ['-serial', 'null'], ['-vga', 'std'], ['-device', 'VGA,vgamem_mb=32'], ['-device', 'VGA,edid=off'], ['-device', 'VGA,xres=800,yres=600'], ['-device', 'pvpanic'],
            ['-device', 'pvpanic,ioport=0x600'], ['-device', 'pvpanic,events=1'], ['-device', 'pvpanic,id=p'], ['-device', 'isa-debug-exit'],
            ['-device', 'isa-debug-exit,iobase=0x600'], ['-device', 'isa-debug-exit,iosize=4'], ['-chardev', 'null,id=n', '-device', 'isa-serial,chardev=n,iobase=0x2e8,irq=5'],
            ['-chardev', 'null,id=n', '-device', 'isa-serial,chardev=n,iobase=0x2e8,irq=7'], ['-chardev', 'null,id=n', '-device', 'isa-debugcon,chardev=n'],
            ['-chardev', 'null,id=n', '-device', 'isa-debugcon,chardev=n,iobase=0x402'], ['-object', RAM + 'm'], ['-object', RAM + 'other'],
            ['-object', RAM + 'm', '-device', 'pc-dimm,memdev=m,id=d'], ['-object', RAM + 'm', '-device', 'pc-dimm,memdev=m,id=d,slot=1'],
            ['-object', RAM + 'm', '-device', 'pc-dimm,memdev=m,id=d,addr=0x140000000'], ['-object', 'memory-backend-ram,size=256M,id=m'],
            ['-no-reboot'], ['-no-shutdown'], ['-action', 'panic=none'], [*NODES, '-numa', 'dist,src=0,dst=1,val=30'],
            [*NODES[:-2], '-numa', 'node,memdev=b,cpus=0']):
        text = line(*args)
        assert text not in seen, f'{args} is the same as {seen[text]}: {text}'
        seen[text] = args
    script = DIR.name + '/script'
    with open(script, 'w') as f:
        f.write('5 key a\n')
    first = line('-script', script)
    with open(script, 'w') as f:
        f.write('6 key a\n')
    assert len({plain, first, line('-script', script)}) == 3, 'scripts are input'


def same():
    plain = line()
    other = DIR.name + '/elsewhere'
    os.mkdir(other)
    for path in (KERNEL, INITRD):
        shutil.copy(path, other)
    moved = ['-kernel', other + '/kernel', '-initrd', other + '/initrd', *BASE[4:]]
    assert line(base=moved) == plain
    log = DIR.name + '/log'
    for args in (
            ['-display', 'none'], ['-monitor', f'unix:{DIR.name}/m,server=on,wait=off'], ['-qmp', f'unix:{DIR.name}/q,server=on,wait=off'], ['-D', log, '-d', 'int'],
            ['-accel', 'tcg,one-insn=on'], ['-accel', 'tcg,tb-size=16,chain=off'], ['-accel', 'tcg,backend=interp'], ['-mem-prealloc'], ['-name', 'other'],
            ['-gdb', f'unix:{DIR.name}/g'], ['-stop-text', 'x'], ['-limit-time', '5s'], ['-digest-at', '1', '-digest-every', '1'], ['-record', DIR.name + '/r'],
            ['-icount', 'shift=0'], ['-icount', 'shift=0,sleep=off'], ['-deterministic,seed=1'], ['-rtc', 'base=2026-01-01'], ['-cpu', 'max'], ['-machine', 'pc,acpi=on']):
        assert line(*args) == plain, f'{args}: {set(words(plain)) ^ set(words(line(*args)))}'
    file = [*BASE[:-1], 'file:' + DIR.name + '/out']
    assert line(base=file) == plain, 'where the serial port goes'
    assert line('-object', RAM + 'm,share=on,prealloc=on,merge=off') == line('-object', RAM + 'm'), 'how the host keeps memory'


def contents():
    plain = words(line())
    for path, key in ((INITRD, 'initrd='), (KERNEL, 'kernel=')):
        with open(path, 'ab') as f:
            f.write(b'\0\0\0\0')
        now = words(line())
        changed = [w for w in now if w not in plain]
        assert len(changed) == 1 and changed[0].startswith(key), changed
        plain = now


def main():
    shutil.copy(guest.kernel(), KERNEL)
    with open(INITRD, 'wb') as f:
        f.write(b'not read yet')
    t = Tap()
    t.case('what the guest can see', differ)
    t.case('what it cannot', same)
    t.case('what files hold', contents)
    t.done()


main()
