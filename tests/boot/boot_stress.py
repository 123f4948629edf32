#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=900
"""A guest that does much at once (processes, signals, pipes, timers, page faults, files, floating point, random numbers, a DIMM that
comes and goes) in deterministic mode: the same digest at every count and the same output, whatever the host's surroundings and the
engine's settings are. RAMJET_LONG=1 (make check-long): more rounds, more settings, 1, 2 and 4 vCPUs, the sanitizer's build.
"""
import os
import platform
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLOW = float(os.environ.get('RAMJET_SLOW', '1'))
LONG = os.environ.get('RAMJET_LONG') == '1'
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, tap, vm  # noqa: E402

ROUNDS = 8 if LONG else 2
STRESS = f'''
n=0
while [ $n -lt {ROUNDS} ]; do
    (dd if=/dev/urandom bs=4k count=20 2>/dev/null | md5sum) &
    (for k in 1 2 3 4 5 6; do usleep 700; done) &
    (head -c 200000 /dev/zero | gzip -c | gunzip -c | sha256sum) &
    mkdir -p /tmp/t; mount -t tmpfs t /tmp/t; dd if=/dev/zero of=/tmp/t/f bs=64k count=16 2>/dev/null
    cat /proc/interrupts /proc/self/maps | wc -l
    sleep 0.05 & kill -9 $!
    awk 'BEGIN {{ s = 0.5; for (i = 0; i < 3000; i++) s = sin(s) * 1.7 + sqrt(s * s); print s }}'
    for b in /sys/devices/system/memory/memory*; do echo online_movable > $b/state 2>/dev/null; done
    grep MemTotal /proc/meminfo
    ls -lR /sys/devices/system/cpu 2>/dev/null | md5sum
    find /sys/class > /dev/null
    wait
    umount /tmp/t
    n=$((n + 1))
done
cat /proc/sys/kernel/random/uuid /proc/uptime
date
echo STRESS-DONE
poweroff -f
'''
PLAIN = 'backend=x86_64-plain' if platform.machine() == 'x86_64' else 'verify=on'
SCRIPT = '''400000000 monitor object_add memory-backend-ram,id=m1,size=256M
400000000 monitor device_add pc-dimm,id=d1,memdev=m1
900000000 monitor device_del d1
'''


# What libc finds in memory that it gives, and which of its functions it takes for this processor.
OTHER_LIBC = {'GLIBC_TUNABLES': 'glibc.malloc.perturb=165:glibc.malloc.tcache_count=0:glibc.cpu.hwcaps=-AVX2,-AVX,-FMA,-AVX512F,-ERMS,-BMI2'}


def run(where, *extra, emulator=None, **host):
    """One run: (digests, console). host: for subprocess.run."""
    with tempfile.TemporaryDirectory(dir=where) as d:
        cmd = [*(emulator or vm.emulator()), '-deterministic', '-nodefaults', '-display', 'none', '-m', '256M,slots=2,maxmem=1G', '-no-reboot',
               '-kernel', guest.kernel(), '-initrd', guest.initrd('stress', tail=STRESS), '-append', 'console=ttyS0 quiet panic=-1', '-serial', f'file:{d}/out',
               '-script', f'{where}/script', '-digest-every', '50000000', *extra]
        p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600 * SLOW, **{'stdin': subprocess.DEVNULL, **host})
        with open(f'{d}/out', 'rb') as f:
            console = f.read()
    limited = '-limit-instructions' in extra
    assert p.returncode == (121 if limited else 0), f'exit {p.returncode}: {p.stderr.decode()[-300:]}'
    assert limited or b'STRESS-DONE' in console, console[-300:]
    return p.stdout.decode().splitlines(), console


def same(where, want, *extra, **host):
    digests, console = run(where, *extra, **host)
    for a, b in zip(want[0], digests):
        assert a == b, f'{a!r} became {b!r}'
    if '-limit-instructions' in extra:
        assert len(digests) > 8 and want[1].startswith(console)
    else:
        assert len(digests) == len(want[0]) and console == want[1], 'the console differs'


def surroundings(where, want, *extra):
    """Nothing of the host's environment, directory, zone, addresses, load, libc or fresh memory is seen."""
    os.mkdir(f'{where}/elsewhere') if not os.path.exists(f'{where}/elsewhere') else None
    env = {**os.environ, 'TZ': 'Asia/Kathmandu', 'LANG': 'tr_TR.UTF-8', 'HOME': '/nowhere', 'FILL': 'x' * 9000}
    load = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
    try:
        same(where, want, *extra, env={**env, **OTHER_LIBC}, cwd=f'{where}/elsewhere', stdin=subprocess.PIPE)
    finally:
        load.kill()
        load.wait()
    if LONG:
        same(where, want, *extra, emulator=['setarch', '-R', *vm.emulator()])
        same(where, want, *extra, emulator=['nice', '-n', '19', 'taskset', '-c', '0', *vm.emulator()])
        same(where, want, '-mem-prealloc', *extra)


def main():
    t = tap.Tap()
    with tempfile.TemporaryDirectory(prefix='stress') as where:
        with open(f'{where}/script', 'w') as f:
            f.write(SCRIPT)
        for cpus in ('1', '2', '4') if LONG else ('2',):
            smp = ['-smp', cpus]
            want = t.case(f'{cpus} vCPUs', run, where, *smp)
            if not want:
                continue
            tap.note(f'{len(want[0])} digests, the last {want[0][-1].split()[-1]}')
            t.case('elsewhere, under load', surroundings, where, want, *smp)
            for accel in ('one-insn=on', 'chain=off,flush-every=501', 'tb-size=8', 'max-insns=3', PLAIN) if LONG else ('max-insns=3,tb-size=8', PLAIN):
                t.case(accel, same, where, want, *smp, '-accel', 'tcg,' + accel)
            if LONG:
                t.case('interpreted', same, where, want, *smp, '-accel', 'tcg,backend=interp', '-limit-instructions', '700000000')
                sanitized = TOP + '/build/asan/ramjet'
                if os.path.exists(sanitized):
                    t.case('built with the address sanitizer', same, where, want, *smp, '-limit-instructions', '700000000', emulator=[sanitized])
    t.done()


if __name__ == '__main__':
    sys.exit(main())
