#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400
"""Debian's kernel in deterministic mode, with three DIMMs plugged and one pulled by a script: every run has the same digests,
whatever the backend and the shape of blocks. A run that was typed and recorded is replayed: equal digests, output and status.
"""
import os
import re
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EMU = (os.environ.get('RAMJET_EMULATOR') or os.environ.get('RAMJET_BUILD', TOP + '/build/opt') + '/ramjet').split()
SLOW = float(os.environ.get('RAMJET_SLOW', '1'))
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, tap, vm  # noqa: E402

# The guest says how much memory it has each time that changes; the script's counts lie inside its loop.
WATCH = '''i=0
while [ $i -lt 70 ]; do
  set -- $(grep MemTotal /proc/meminfo)
  [ "$2" != "$last" ] && echo "MEM $(($2 / 1024))"
  last=$2; i=$((i + 1)); usleep 20000
done
poweroff -f'''
# Three DIMMs in, one out: instructions after the loop's begin.
SCRIPT = (
    (10, 'object_add memory-backend-ram,id=m1,size=128M'), (10, 'device_add pc-dimm,id=d1,memdev=m1'),
    (30, 'object_add memory-backend-ram,id=m2,size=256M'), (30, 'device_add pc-dimm,id=d2,memdev=m2'),
    (50, 'object_add memory-backend-ram,id=m3,size=128M'), (50, 'device_add pc-dimm,id=d3,memdev=m3'),
    (80, 'device_del d2'))
EVERY = 150000000


def command(extra, kernel_args='quiet'):
    return EMU + ['-deterministic', '-m', '256M,slots=4,maxmem=2G', '-nodefaults', '-display', 'none', '-no-reboot',
                  '-kernel', guest.kernel(), '-append', f'console=ttyS0 panic=-1 memhp_default_state=online_movable {kernel_args}'] + extra


def write_script(where, extra):
    """The loop's begin is where a run without a script stops: it moves with the kernel's version."""
    path = f'{where}/begin'
    cmd = command(['-serial', 'null', '-initrd', guest.initrd('determ', {}, WATCH), '-stop-text', 'MEM ', '-record', path] + extra)
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=200 * SLOW)
    assert p.returncode == 120, f'exit {p.returncode}: {p.stderr.decode()[-300:]}'
    with open(path) as f:
        begin = int(f.read().splitlines()[-1].split()[0])
    with open(f'{where}/script', 'w') as f:
        f.write('# three DIMMs in, one out\n')
        f.writelines(f'{begin + millions * 1000000} monitor {c}\n' for millions, c in SCRIPT)


def run(where, name, extra):
    """One scripted boot: (digest lines, console, status)."""
    out, script = f'{where}/{name}', f'{where}/script'
    cmd = command(['-serial', 'file:' + out, '-initrd', guest.initrd('determ', {}, WATCH), '-script', script,
                   '-digest-every', str(EVERY)] + extra)
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=360 * SLOW)
    with open(out, 'rb') as f:
        console = f.read()
    assert p.returncode in (0, 121), f'exit {p.returncode}: {p.stderr.decode()[-300:]}'
    return p.stdout.decode(), console, p.returncode


def first(where, extra):
    write_script(where, extra)
    digests, console, status = run(where, 'first', extra)
    sizes = [int(x) for x in re.findall(rb'MEM (\d+)', console)]
    steps = [b - a for a, b in zip(sizes, sizes[1:])]
    assert status == 0 and digests.count(' all ') > 8, f'status {status}, {digests.count(" all ")} digests'
    assert sum(x for x in steps if x > 0) == 512 and sum(x for x in steps if x < 0) == -256, f'the guest saw {sizes} MiB'
    tap.note(f'{digests.count(" all ")} digests, the last {digests.split()[-1]}; the guest saw {sizes} MiB')
    return digests, console


def same(where, want, extra, counts=None):
    """The same digests; counts: only those up to there, the run ends there."""
    if counts:
        extra = extra + ['-limit-instructions', str(counts)]
    digests, console, status = run(where, 'again', extra)
    lines = [x for x in want[0].splitlines() if not counts or int(x.split()[1]) <= counts]
    for a, b in zip(lines, digests.splitlines()):
        assert a == b, f'{a!r} became {b!r}'
    assert len(lines) == len(digests.splitlines()), f'{len(lines)} lines became {len(digests.splitlines())}'
    assert counts or (console == want[1] and status == 0), 'the console differs'
    assert want[1].startswith(console), 'the console differs'


# ---- a recording

def record(where):
    """A live run, typed: returns the recording's path."""
    path, t = f'{where}/recording', time.time()
    args = command(['-S', '-initrd', guest.initrd(), '-record', path + ',every=200000000'])[len(EMU):]
    with vm.VM(EMU, [x for x in args if x not in ('-display', 'none', '-no-reboot')], qmp=True) as v:
        v.hmp('cont')
        v.ready()
        v.hmp('object_add memory-backend-ram,id=m1,size=128M')
        assert 'Error' not in v.hmp('device_add pc-dimm,id=d1,memdev=m1')
        for _ in range(100):
            if int(re.search(r'MemTotal: +(\d+)', v.run('cat /proc/meminfo'))[1]) > 260000:
                break
        else:
            raise AssertionError('the DIMM did not arrive')
        assert 'd1' in v.hmp('info memory-devices')
        v.hmp('stop')
        v.hmp('object_add memory-backend-ram,id=m2,size=64M')
        v.hmp('cont')
        v.qmp('query-status')
        reply = v.qmp('object-add', **{'qom-type': 'memory-backend-ram', 'id': 'm3', 'size': 128 << 20})
        assert 'return' in reply and 'return' in v.qmp('device_add', driver='pc-dimm', id='d3', memdev='m3'), f'QMP: {reply}'
        assert 'error' in v.qmp('device_add', driver='pc-dimm', id='d3', memdev='m3'), 'a name that is taken'
        v.qmp('stop')
        v.qmp('cont')
        v.send('poweroff -f\n')
        status = v.wait_exit(60)
        console = v.buf
    assert status == 0, f'status {status}'
    with open(path) as f:
        lines = f.read().splitlines()
    assert any(' monitor stop' in x for x in lines) and any(' monitor cont' in x for x in lines), 'stop and cont are missing'
    assert sum(' qmp {' in x for x in lines) == 5 and not any('query-status' in x for x in lines), 'commands of QMP'
    checks = sum(' digest ' in x for x in lines)
    tap.note(f'{len(lines)} lines, {os.path.getsize(path)} bytes, {checks} checkpoints, {time.time() - t:.1f} s; ends {lines[-1]!r}')
    assert checks > 5 and re.search(r' end 0 [0-9a-f]{32}$', lines[-1]), lines[-1]
    return path, console


def replay(recording, extra, path=None):
    cmd = command(['-initrd', guest.initrd(), '-serial', 'stdio', '-script', path or recording[0]] + extra)
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=200 * SLOW)
    return p.returncode, p.stdout.decode('latin1'), p.stderr.decode()


def replayed(recording, extra, times=1):
    for _ in range(times):
        status, console, err = replay(recording, extra)
        assert status == 0, f'status {status}: {err[-400:]}'
        assert console == recording[1], 'the console differs'


def spoiled(where, recording):
    """A recording with one bit of memory changed on the way: the replay names the first checkpoint that differs."""
    path = f'{where}/spoiled'
    with open(recording[0]) as f:
        lines = f.read().splitlines()
    checks = [int(x.split()[0]) for x in lines if ' digest ' in x]
    at = checks[2] + 5
    lines.insert(next(i for i, x in enumerate(lines) if int(x.split()[0]) > at), f'{at} flip 0x2345678.3')
    with open(path, 'w') as f:
        f.write('\n'.join(lines) + '\n')
    status, _, err = replay(recording, [], path)
    assert status == 123, f'status {status}: {err[-300:]}'
    want = f'differs from the recording at count {checks[3]}: digest'
    assert want in err and f'(equal up to {checks[2]})' in err, err[-400:]


def main():
    t = tap.Tap()
    with tempfile.TemporaryDirectory(prefix='determ') as where:
        for smp in ('1', '2'):
            want = t.case(f'a scripted boot, -smp {smp}', first, where, ['-smp', smp])
            if not want:
                continue
            t.case(f'again, -smp {smp}', same, where, want, ['-smp', smp])
            if smp == '1':
                t.case('a third time', same, where, want, ['-smp', smp])
                t.case('short blocks, forced flushes, a small buffer', same, where, want, ['-accel', 'tcg,max-insns=7,flush-every=5000,tb-size=8'])
                t.case('the interpreter, its first 300 million', same, where, want, ['-accel', 'tcg,backend=interp'], 2 * EVERY)
        recording = t.case('a typed run is recorded', record, where)
        if recording:
            times = 10 if os.environ.get('RAMJET_LONG') == '1' else 2
            t.case(f'{times} replays are the same', replayed, recording, [], times)
            t.case('also in short blocks', replayed, recording, ['-accel', 'tcg,max-insns=9'])
            t.case('a spoiled one is found out', spoiled, where, recording)
    t.done()


if __name__ == '__main__':
    main()
