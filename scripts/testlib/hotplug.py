# SPDX-License-Identifier: MIT
"""The steps of the memory-hotplug story, shared by scripts/demo and tests/boot.

A Session boots a Debian kernel, and has one method a step: plug, fill, free, unplug, power_off. Each
checks what it claims from both sides (the monitor and the guest) and raises StepError when it is
not so. `say` gets one line a step with its time.
"""
import hashlib
import os
import random
import re
import time

from . import guest
from .vm import VM, is_qemu

MIB = 1024 * 1024
SYSMEM = '/sys/devices/system/memory'


class StepError(Exception):
    """A step did not do what it should; the text says what."""


def megabytes(size):
    """'1G' or '512M' or '1024' (MiB) -> MiB."""
    m = re.fullmatch(r'(\d+)([MG]?)', str(size))
    return int(m[1]) * (1024 if m[2] == 'G' else 1)


def pattern():
    """64 KiB that no run of zeros or repeats can pass for; the same in every run."""
    return random.Random('ramjet').randbytes(65536)


def demo_initrd():
    return guest.initrd('demo', {'/pattern': pattern()})


class Session:
    """One guest with hotplug. extra: further arguments of the emulator; append: further kernel parameters."""

    def __init__(self, emu, flavour='amd64', suite=None, mem='1G', slots=3, maxmem='4G', extra=(), append='quiet',
                 say=print, timeout=180):
        self.emu, self.say, self.slots, self.times, self.timeout = list(emu), say, slots, {}, timeout
        self.vm = None
        self.args = ['-m', f'{mem},slots={slots},maxmem={maxmem}', *extra]
        if is_qemu(self.emu):
            self.args += ['-accel', 'tcg', '-cpu', 'max']
        t = time.time()
        self.kernel = guest.kernel(flavour, suite)
        self.initrd = demo_initrd()
        self.args += ['-kernel', self.kernel, '-initrd', self.initrd, '-append', f'console=ttyS0 panic=-1 {append}']
        self._done('guest', f'{os.path.basename(self.kernel)}, initramfs {os.path.getsize(self.initrd) // 1024} KiB', t)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        if self.vm:
            self.vm.close()

    def _done(self, name, text, t0):
        self.times[name] = time.time() - t0
        self.say(f'{name:8} {self.times[name]:6.2f} s   {text}')

    def _until(self, what, test, timeout):
        """Poll until test() is true; returns its value."""
        end = time.time() + timeout * self.vm.slow
        while True:
            got = test()
            if got:
                return got
            if time.time() > end:
                raise StepError(f'{what}: not within {timeout} s')
            time.sleep(0.01)

    def mem_total(self):
        """The guest's MemTotal in MiB."""
        m = re.search(r'MemTotal:\s+(\d+) kB', self.vm.run('grep MemTotal /proc/meminfo'))
        if not m:
            raise StepError('the guest shows no MemTotal')
        return int(m[1]) / 1024

    def blocks(self):
        """The guest's memory blocks as a set of numbers."""
        return set(map(int, re.findall(r'memory(\d+)\b', self.vm.run(f'ls {SYSMEM}'))))

    def hmp(self, cmd):
        """A monitor command that must succeed: an answer that starts with Error is a StepError."""
        out = self.vm.hmp(cmd)
        if re.match(r'\s*(Error|error|unknown command)', out):
            raise StepError(f'monitor: {cmd}: {out.strip()}')
        return out

    # ---- the steps

    def boot(self):
        t = time.time()
        self.vm = VM(self.emu, self.args, timeout=self.timeout)
        secs = self.vm.ready()
        self.block_size = int(self.vm.run(f'cat {SYSMEM}/block_size_bytes'), 16)
        # 6.12 brings new memory online by itself, in the Normal zone, from where it may not come back.
        self.vm.run(f'echo offline > {SYSMEM}/auto_online_blocks')
        self.start = self.mem_total()
        self._done('boot', f"{self.vm.run('uname -r')} to a shell, MemTotal {self.start:.0f} MiB", t)
        self.times['boot'] = secs
        return secs

    def online(self, new, policy='online_movable'):
        """Bring memory blocks online, and check that they are."""
        for b in sorted(new):
            self.vm.run(f'echo {policy} > {SYSMEM}/memory{b}/state')
        states = self.vm.run(f"cat {' '.join(f'{SYSMEM}/memory{b}/state' for b in sorted(new))}").split()
        if set(states) != {'online'}:
            raise StepError(f'memory blocks do not come online: {states}')

    def plug(self, n=1, size='1G', backend='memory-backend-ram'):
        """Plug a DIMM by the monitor, wait for the guest's memory blocks, bring them online as movable."""
        t, want = time.time(), megabytes(size)
        before, had = self.mem_total(), self.blocks()
        self.hmp(f'object_add {backend},id=mem{n},size={size}')
        self.hmp(f'device_add pc-dimm,id=dimm{n},memdev=mem{n}')
        count = want * MIB // self.block_size
        new = self._until(f'the guest sees {count} new memory blocks',
                          lambda: len(self.blocks() - had) == count and self.blocks() - had, 30)
        self.online(new)
        now = self.mem_total()
        if not want * 0.95 <= now - before <= want * 1.01:
            raise StepError(f'MemTotal went from {before:.0f} to {now:.0f} MiB, expected {want} MiB more')
        listed = self.hmp('info memory-devices')
        if f'"dimm{n}"' not in listed or f'size: {want * MIB}' not in listed:
            raise StepError(f'info memory-devices does not list dimm{n}: {listed!r}')
        self._done('plug', f'dimm{n} of {size}: {count} memory blocks online, MemTotal {now:.0f} MiB', t)

    def fill(self, mib=1300):
        """Fill a tmpfs with a known pattern of `mib` MiB and read it back. The caller picks a size that
        does not fit into boot RAM."""
        t = time.time()
        step = 8
        rounds = -(-mib // step)
        if self.mem_total() < mib + 150:
            raise StepError(f'{mib} MiB do not fit into MemTotal {self.mem_total():.0f} MiB')
        vm = self.vm
        vm.run(f'mkdir -p /fill && mount -t tmpfs -o size={mib + 64}m none /fill')
        vm.run('cp /pattern /tmp/p; for i in 1 2 3 4 5 6 7; do cat /tmp/p /tmp/p > /tmp/q; mv /tmp/q /tmp/p; done')
        vm.run(f'i=0; while [ $i -lt {rounds} ]; do echo part $i && cat /tmp/p || break; i=$((i+1)); done > /fill/data; '
               f'[ $i -eq {rounds} ]', 300)
        base, want, size = pattern() * (step * MIB // 65536), hashlib.md5(), 0
        for i in range(rounds):
            want.update(b'part %d\n' % i + base)
            size += len(b'part %d\n' % i) + len(base)
        used = self.vm.run('cat /proc/meminfo')
        got = vm.run('stat -c %s /fill/data; md5sum /fill/data', 300).split()
        if got[0] != str(size) or got[1] != want.hexdigest():
            raise StepError(f'the tmpfs reads back {got[0]} bytes with md5 {got[1]}, written {size} with {want.hexdigest()}')
        shmem = int(re.search(r'Shmem:\s+(\d+)', used)[1]) // 1024
        self._done('fill', f'tmpfs of {shmem} MiB written and read back (md5), boot RAM has {self.start:.0f} MiB', t)

    def free(self):
        t = time.time()
        self.vm.run('umount /fill; rm -f /tmp/p; echo 3 > /proc/sys/vm/drop_caches')
        self._done('free', 'tmpfs given back', t)

    def unplug(self, n=1, size='1G'):
        """Take a DIMM out: device_del, wait until it is gone, object_del."""
        t, before, had = time.time(), self.mem_total(), self.blocks()
        self.hmp(f'device_del dimm{n}')
        try:
            self._until(f'dimm{n} is gone from info memory-devices',
                        lambda: f'"dimm{n}"' not in self.hmp('info memory-devices'), 60)
        except StepError as e:
            raise StepError(f"{e}; guest: {self.vm.sh('dmesg | tail -n 5')[0]}")
        self.hmp(f'object_del mem{n}')
        if f'memory backend: mem{n}\n' in self.hmp('info memdev') + '\n':
            raise StepError(f'info memdev still lists mem{n}')
        count = megabytes(size) * MIB // self.block_size
        self._until('the guest has let its memory blocks go', lambda: len(had - self.blocks()) == count, 10)
        now = self.mem_total()
        if abs(before - now - megabytes(size)) > megabytes(size) * 0.05:
            raise StepError(f'MemTotal went from {before:.0f} to {now:.0f} MiB, expected {megabytes(size)} MiB less')
        self._done('unplug', f'dimm{n} ejected, mem{n} deleted, MemTotal {now:.0f} MiB', t)

    def kernel_trouble(self):
        """Lines of the guest's log that no run should have."""
        log = self.vm.run('dmesg')
        return [x for x in log.splitlines() if re.search(r'WARNING:|BUG:|Oops|Call Trace|general protection|segfault|Kernel panic', x)]

    def power_off(self):
        t = time.time()
        self.vm.send('poweroff -f\n')
        status = self.vm.wait_exit(60)
        if status:
            raise StepError(f'the emulator ended with status {status}: {self.vm.stderr().strip()[-300:]}')
        self._done('off', 'guest powered off, exit status 0', t)


def story(s, fill=1300):
    """The whole demo on a Session."""
    s.boot()
    s.plug()
    s.fill(fill)
    s.free()
    s.unplug()
    bad = s.kernel_trouble()
    if bad:
        raise StepError('the guest kernel complains: ' + bad[0])
    s.power_off()
