# SPDX-License-Identifier: MIT
# ramjet-test: timeout=900
"""Many DIMMs, and one many times, with Debian's kernel: plug, online, use, offline, eject, delete in a loop, after which guest and host
have what they had before; patterns across DIMM borders while others come and go; the kernel's own memory on/off test; plugged
during boot, reset, stopped, quit in the middle. RAMJET_LONG=1 (make check-long): 200 rounds instead of 12, and 256 DIMMs instead of 40."""
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import hotplug, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402

LONG = os.environ.get('RAMJET_LONG') == '1'
MIB = 1 << 20
SYSMEM = hotplug.SYSMEM


def until(what, test, timeout=60):
    end = time.time() + timeout * float(os.environ.get('RAMJET_SLOW') or 1)
    while not test():
        assert time.time() < end, what
        time.sleep(0.01)


def session(**kw):
    s = hotplug.Session(vm.emulator(), flavour='cloud-amd64', say=lambda text: None, **kw)
    s.boot()
    return s


def host_kib(s):
    """Resident memory of the emulator: (translations: code and heap, boot RAM, everything else) in KiB, and the number of mappings."""
    sizes, name, count = {'code': 0, 'ram': 0, 'rest': 0}, '', 0
    for line in open(f'/proc/{s.vm.p.pid}/smaps'):
        m = re.match(r'([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+\s*(.*)', line)
        if m:
            count += 1
            name = 'code' if 'ramjet-code' in m[3] or m[3] == '[heap]' else 'ram' if int(m[2], 16) - int(m[1], 16) >= 1 << 30 else 'rest'
        elif line.startswith('Rss:'):
            sizes[name] += int(line.split()[1])
    return sizes, count


def guest_free(s):
    s.vm.run('echo 3 > /proc/sys/vm/drop_caches')
    return int(re.search(r'MemFree:\s+(\d+)', s.vm.run('cat /proc/meminfo'))[1])


def one_round(s, n, mib=256):
    v, had = s.vm, s.blocks()
    s.hmp(f'object_add memory-backend-ram,id=m{n},size={mib}M')
    s.hmp(f'device_add pc-dimm,id=d{n},memdev=m{n}')
    until('blocks', lambda: len(s.blocks() - had) == mib // 128)
    new = sorted(s.blocks() - had)
    s.online(new)
    # More than the zone of boot RAM has free goes to the movable zone first: the DIMM is used.
    sums = v.run('mkdir -p /use; mount -t tmpfs -o size=900m none /use; for i in 1 2 3; do cat /pattern; done > /use/p; '
                 'for i in $(seq 1 200); do cat /use/p; done > /use/x; md5sum < /use/x; md5sum < /use/x; umount /use').split()
    assert sums[0] == sums[2] and len(sums) == 4, sums
    state = re.search(r'state: in use, (\d+) MiB', s.hmp('info memory-devices'))
    assert state and int(state[1]) >= 20, s.hmp('info memory-devices')
    v.run(f'for b in {" ".join(map(str, new))}; do echo offline > {SYSMEM}/memory$b/state || exit 1; done')
    s.hmp(f'device_del d{n}')
    out = v.hmp(f'object_del -w m{n}', 60).strip()
    assert out == '' or 'not found' in out, out
    until('blocks gone', lambda: s.blocks() == had)


def loop(s):
    rounds, note_every = (200, 40) if LONG else (12, 6)
    for n in range(2):
        one_round(s, n)
    (rss, maps), free, total = host_kib(s), guest_free(s), s.mem_total()
    for n in range(rounds):
        one_round(s, n)
        if n % note_every == note_every - 1:
            note(f'{n + 1} rounds: host KiB {host_kib(s)[0]}, guest free {guest_free(s)} KiB')
    assert s.mem_total() == total, f'MemTotal {s.mem_total()}, was {total}'
    assert abs(guest_free(s) - free) < 8 * 1024, f'guest free {guest_free(s)} KiB, was {free}'
    now, now_maps = host_kib(s)
    assert now['rest'] - rss['rest'] < 4096 and now_maps <= maps + 4, f'host {now} in {now_maps} mappings, was {rss} in {maps}'
    assert now['ram'] <= 1 << 20 and now['code'] < 800 << 10, f'host {now}'  # bounded: boot RAM, and the code buffer with its tables
    assert not s.kernel_trouble(), s.kernel_trouble()
    assert s.hmp('info memory-devices') == '' and 'memory backend: m' not in s.hmp('info memdev')
    assert re.search(r'^plugged memory: 0$', s.hmp('info memory_size_summary'), re.M)


def patterns(s):
    """A tmpfs over several DIMMs keeps its contents while others come and go beside them."""
    v, had = s.vm, s.blocks()
    for n in (1, 2, 3):
        s.hmp(f'memory +256M')
    until('blocks', lambda: len(s.blocks() - had) == 6)
    s.online(sorted(s.blocks() - had))
    v.run('mkdir -p /keep; mount -t tmpfs -o size=1500m none /keep; for i in $(seq 1 64); do cat /pattern; done > /keep/4m; '
          'i=0; while [ $i -lt 240 ]; do (echo part $i; cat /keep/4m) >> /keep/data || exit 1; i=$((i+1)); done', 300)
    before = v.run('md5sum < /keep/data', 300)
    used = [int(x) for x in re.findall(r'in use, (\d+) MiB', s.hmp('memory'))]
    assert len(used) == 3 and min(used) > 100, f'the pattern lies in all three: {used}'
    had = s.blocks()
    for n in range(4):
        s.hmp('memory +512M')
        until('blocks', lambda: len(s.blocks() - had) == 4)
        s.online(sorted(s.blocks() - had))
        s.hmp('memory -dimm4')
        until('gone', lambda: '"dimm4"' not in s.hmp('info memory-devices'))
        until('blocks gone', lambda: s.blocks() == had)
    assert v.run('md5sum < /keep/data', 300) == before, 'contents changed'
    s.hmp('memory -dimm2')  # its pages move to the others, or it stays: the contents hold in both cases
    time.sleep(1)
    assert v.run('md5sum < /keep/data', 300) == before, 'contents changed'
    v.run('umount /keep')


def on_off(s):
    """The kernel's own test, tools/testing/selftests/memory-hotplug, in the words of its script: all blocks that can go offline do,
    and come back, several times."""
    v, had = s.vm, s.blocks()
    s.hmp('memory +512M')
    until('blocks', lambda: len(s.blocks() - had) == 4)
    s.online(sorted(s.blocks() - had))
    for _ in range(3):
        out = v.run(f'n=0; for m in {SYSMEM}/memory*; do [ "$(cat $m/state)" = online ] || continue; '
                    f'grep -q Movable $m/valid_zones || continue; echo offline > $m/state || exit 1; [ "$(cat $m/state)" = offline ] || exit 2; n=$((n+1)); done; echo $n')
        count = int(out.split()[-1])
        assert count >= 4, out
        v.run(f'for m in {SYSMEM}/memory*; do [ "$(cat $m/state)" = online ] || echo online_movable > $m/state || exit 1; done')
    states = v.run(f'cat {SYSMEM}/memory*/state').split()
    assert set(states) == {'online'}, states


def many():
    count = 256 if LONG else 40
    with session(slots=256, maxmem='40G') as s:
        had = s.blocks()
        for n in range(count):
            s.hmp(f'object_add memory-backend-ram,id=m{n},size=128M')
            s.hmp(f'device_add pc-dimm,id=d{n},memdev=m{n}')
        until('all blocks', lambda: len(s.blocks() - had) == count, 120)
        slots = [int(x) for x in re.findall(r'slot: (\d+)', s.hmp('info memory-devices'))]
        assert slots == list(range(count)), slots
        if count == 256:
            s.hmp('object_add memory-backend-ram,id=more,size=128M')
            assert 'no free slots available' in s.vm.hmp('device_add pc-dimm,id=more,memdev=more')
        for n in range(count):
            s.hmp(f'device_del d{n}')
        until('all gone', lambda: s.hmp('info memory-devices') == '', 120)
        assert s.blocks() == had and not s.kernel_trouble()


def during_boot():
    """Plugged while firmware tables are read, the kernel boots, init runs: each DIMM is found."""
    with hotplug.Session(vm.emulator(), flavour='cloud-amd64', say=lambda text: None, slots=16) as s:
        v = s.vm = vm.VM(s.emu, [*s.args, '-S'])
        s.hmp('memory +128M')
        s.hmp('cont')
        for n in range(9):
            time.sleep(0.12)
            s.hmp('memory +128M')
        v.ready()
        until('all found', lambda: len(re.findall(r'mapped, unused|in use', s.hmp('memory'))) == 10)


def trouble():
    """Reset, stop and cont, quit in the middle of plugs and removals."""
    with hotplug.Session(vm.emulator(), flavour='cloud-amd64', say=lambda text: None, slots=16) as s:
        v = s.vm = vm.VM(s.emu, s.args, reboot=True)
        v.ready()
        for n in range(3):
            s.hmp('memory +256M')
        s.hmp('stop')
        s.hmp('memory +256M')
        s.hmp('device_del dimm1')
        s.hmp('device_del dimm1')
        s.hmp('cont')
        until('one gone', lambda: '"dimm1"' not in s.hmp('info memory-devices'))
        pos = len(v.buf)
        s.hmp('device_del dimm2')
        s.hmp('system_reset')
        s.hmp('memory +256M')
        v.expect('MARK init-reached', after=pos)
        pos = len(v.buf)
        v.expect('# ', after=pos - 10)
        until('mapped after the reset', lambda: len(re.findall(r'mapped, unused|in use', s.hmp('memory'))) >= 3)
        s.hmp('memory +256M')
        s.hmp('device_del dimm3')
        v.p.send_signal(signal.SIGTERM)
        assert v.wait_exit(20) == 0, v.stderr()


tap = Tap()
with session() as run:
    tap.case('plug, online, use, offline, eject, delete in a loop', loop, run)
with session(slots=8, maxmem='6G') as run:
    tap.case('patterns across DIMMs while others come and go', patterns, run)
    tap.case('all memory blocks offline and online again', on_off, run)
tap.case('many DIMMs at once', many)
tap.case('plugged at all moments of the boot', during_boot)
tap.case('reset, stop, quit in the middle', trouble)
tap.done()
