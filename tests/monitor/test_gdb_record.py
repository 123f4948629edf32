#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=240
"""What a debugger does to a run that repeats: its writes are recorded with their counts and replayed to the same digests, with one and two
vCPUs; what no replay could have is refused by name; a replay may be looked at, not written."""
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('RAMJET_BUILD', TOP + '/build/opt')
EMU = (os.environ.get('RAMJET_EMULATOR') or BUILD + '/ramjet').split()
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
IMAGE = BUILD + '/tests/tcg/guest/debug'
sys.path.insert(0, TOP + '/scripts')
from testlib.gdbremote import Remote  # noqa: E402
from testlib.tap import Tap  # noqa: E402

DIR = tempfile.TemporaryDirectory(prefix='gdbrecord')
SYMBOLS = {x.split()[2]: int(x.split()[0], 16) for x in subprocess.run(['nm', IMAGE + '.elf'], capture_output=True, text=True, check=True).stdout.splitlines()
           if len(x.split()) == 3}


class Run:
    def __init__(self, cpus, *args, accel='tcg', gdb=True):
        self.path, self.out = DIR.name + '/gdb', DIR.name + '/out'
        if os.path.exists(self.path):
            os.unlink(self.path)
        cmd = EMU + ['-nodefaults', '-display', 'none', '-monitor', 'none', '-m', '64M', '-smp', str(cpus), '-kernel', IMAGE + '.bin', '-serial', 'file:' + self.out,
                     '-machine', 'pc,unpack=guest', '-no-reboot', '-device', 'isa-debug-exit,iobase=0x501,iosize=2', '-deterministic', '-accel', accel, *args]
        cmd += ['-gdb', 'unix:' + self.path] if gdb else []
        self.p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.kill()
        self.p.communicate()

    def end(self, status=1):
        """(serial output, stderr)"""
        out, err = self.p.communicate(timeout=60 * SLOW)
        assert self.p.returncode == status, f'exit {self.p.returncode}: {err[-400:]}'
        with open(self.out) as f:
            return f.read(), err


def events(path):
    with open(path) as f:
        return [x.rstrip('\n').split(' ', 2) for x in f]


def all_writes(g):
    """Each kind of write, at each kind of stop."""
    at = SYMBOLS
    g.ok('Z0,%x,1' % at['inner'])
    for n in range(3):
        assert 'swbreak' in g.go()
        thread = g.get('rip')
        assert thread == at['inner']
        assert g.put('rdi', 1000 + n) == 'OK'                          # a register at a breakpoint
        g.write(at['counter'], (n * 7).to_bytes(8, 'little'))          # memory through the page tables
    g.ok('z0,%x,1' % at['inner'])
    assert g.put('xmm3', 1 << 100 | 5) == 'OK' and g.put('mxcsr', 0x1fa0) == 'OK' and g.put('st2', 0x4000c90fdaa22168c235) == 'OK'
    g.ok('Z2,%x,8' % (at['watched'] + 8))
    assert 'watch' in g.go()
    g.ok('Qqemu.PhyMemMode:1')
    g.write(at['watched'] + 16, b'\x11\x22')                            # the guest maps itself at its physical addresses
    g.ok('Qqemu.PhyMemMode:0')
    g.ok('z2,%x,8' % (at['watched'] + 8))
    g.ok('Z0,%x,1' % at['spin_insn'])
    assert 'swbreak' in g.go()
    g.ok('z0,%x,1' % at['spin_insn'])
    g.step('vCont;s:1;c')
    raw = bytearray(bytes.fromhex(g.ask('g')))                          # G: one register differs
    raw[0] ^= 0xff
    g.ok('G' + raw.hex())
    g.ok('X%x,2:' % (at['source'] + 5) + 'ab')


def record(cpus):
    path, plain = f'{DIR.name}/recorded{cpus}', None
    with Run(cpus, gdb=False) as r:
        plain, _ = r.end()
    with Run(cpus, '-S', '-record', path + ',every=3000') as r, Remote(r.path) as g:
        assert g.put('r15', 0x1234) == 'OK'                             # before the first instruction
        all_writes(g)
        end = g.go()
        assert end.get('exit', 0) > 1, f'{end}: what was written ought to be seen'
        out, _ = r.end(end['exit'])
    kinds = [e[2].split()[0] for e in events(path) if e[1] == 'gdb']
    assert set(kinds) == {'register', 'memory', 'physical'} and len(kinds) >= 13, kinds
    counts = [int(e[0]) for e in events(path)]
    assert counts == sorted(counts) and len(set(counts)) > 5
    assert out != plain, 'what was written ought to be seen'
    return path, out, end['exit']


def replay(recorded, cpus, accel):
    path, want, status = recorded
    with Run(cpus, '-script', path, accel=accel, gdb=False) as r:
        out, err = r.end(status)
    assert out == want and 'differs' not in err, err


def left_out(recorded, cpus):
    """The test can fail: a replay without one of the writes is another run."""
    path = recorded[0]
    with open(path) as f:
        lines = f.readlines()
    gdb = [i for i, x in enumerate(lines) if ' gdb register 0 rdi ' in x]
    with open(path + '.less', 'w') as f:
        f.writelines(lines[:gdb[-1]] + lines[gdb[-1] + 1:])
    with Run(cpus, '-script', path + '.less', gdb=False) as r:
        _, err = r.end(123)
    assert re.search(r'differs from the recording at count \d+', err), err


def replay_debugged(recorded, cpus):
    """A debugger may stop a replay anywhere, and look. It stays equal."""
    path, want, status = recorded
    with Run(cpus, '-S', '-script', path) as r, Remote(r.path) as g:
        g.ok('Z0,%x,1' % SYMBOLS['middle'])
        stops = 0
        while 'exit' not in (stop := g.go()):
            stops += 1
            assert g.get('rip') == SYMBOLS['middle'] and len(g.read(g.get('rsp'), 64)) == 64
            assert g.put('rax', 5) == 'E.this is a replay: its input comes from the recording'
            assert g.ask('M%x,1:00' % SYMBOLS['counter']).startswith('E.this is a replay')
            g.step('vCont;s:%x' % stop['thread'])
        assert stops >= 3 and stop == {'exit': status}, (stops, stop)
        out, err = r.end(status)
    assert out == want and 'differs' not in err, err


def attached(cpus):
    """A client that comes in the middle, interrupts, writes, goes: the pause itself leaves no trace, not even in the turns of two vCPUs."""
    path = f'{DIR.name}/attached{cpus}'
    with Run(cpus, '-S', '-record', path + ',every=20000') as r:
        with Remote(r.path) as g:
            g.ok('Z0,%x,1' % SYMBOLS['wait_ticks'])
            assert 'swbreak' in g.go()
            g.write(SYMBOLS["ticks"], bytes(8))
            g.ok('z0,%x,1' % SYMBOLS['wait_ticks'])
            assert g.put('rdi', 60) == 'OK'                           # wait for longer
            g.send('c')
            for n in range(3):
                g.s.sendall(b'\x03')
                stop = g.stopped()
                if 'exit' in stop:
                    break
                g.write(SYMBOLS['source'] + 8 * n, bytes([n] * 8))
                assert g.monitor('info status').startswith('VM status: paused')
                g.send('c')
            else:
                stop = None
            g.s.close()
        out, _ = r.end()
    assert any(e[1] == 'gdb' and e[2].startswith('memory') for e in events(path))
    for accel in ('tcg', 'tcg,one-insn=on'):
        with Run(cpus, '-script', path, accel=accel, gdb=False) as r:
            again, err = r.end()
        assert again == out and 'differs' not in err, err


def refused(cpus):
    with Run(cpus, '-S') as r, Remote(r.path) as g:
        assert g.ask('Qqemu.sstep=7').startswith('E.this run repeats') and g.ask('Qqemu.sstep=3').startswith('E.')
        g.ok('Qqemu.sstep=1')
        if cpus == 1:
            return
        g.ok('Z0,%x,1' % SYMBOLS['ap_main'])
        assert g.go()['thread'] == 2
        assert g.ask('vCont;s:1').startswith('E.a vCPU alone') and g.ask('vCont;c:2').startswith('E.a vCPU alone')
        assert g.get('rip') == SYMBOLS['ap_main'], 'and moved'
        g.step('vCont;s:2')                                             # what it would do next anyway
        g.step('vCont;s:1;c')
    assert True


def reset_in_pause():
    """A command given while a breakpoint holds the machine in the middle of a turn takes effect there, and there in the replay."""
    path = f'{DIR.name}/reset'
    with Run(2, '-S', '-record', path + ',every=5000') as r, Remote(r.path) as g:
        g.ok('Z0,%x,1' % SYMBOLS['middle'])
        assert 'swbreak' in g.go()
        g.monitor('system_reset')                                       # -no-reboot: the end
        r.end(0)
    with Run(2, '-script', path, gdb=False) as r:
        _, err = r.end(0)
    assert 'differs' not in err, err


def main():
    t = Tap()
    for cpus in (1, 2):
        with_cpus = f'{cpus} vCPU' + 's' * (cpus > 1)
        recorded = t.case(f'every kind of write is recorded, {with_cpus}', record, cpus)
        if recorded:
            for accel in ('tcg', 'tcg,backend=interp', 'tcg,max-insns=3,chain=off'):
                t.case(f'replayed with -accel {accel}, {with_cpus}', replay, recorded, cpus, accel)
            t.case(f'a write is missing, {with_cpus}', left_out, recorded, cpus)
            t.case(f'a debugger in the replay, {with_cpus}', replay_debugged, recorded, cpus)
        t.case(f'a client that interrupts, {with_cpus}', attached, cpus)
        t.case(f'what no replay could have, {with_cpus}', refused, cpus)
    t.case('a reset at a breakpoint', reset_in_pause)
    t.done()


main()
