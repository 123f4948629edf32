#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400
"""The gdb stub, with Debian's gdb and packet by packet, on a small guest (tests/tcg/guest/debug.c): breakpoints, watchpoints and steps
are exact in each mode of the engine and invisible in counted runs; nothing that a client sends, or its going, harms the machine."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('RAMJET_BUILD', TOP + '/build/opt')
EMU = (os.environ.get('RAMJET_EMULATOR') or BUILD + '/ramjet').split()
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
IMAGE = BUILD + '/tests/tcg/guest/debug'
sys.path.insert(0, TOP + '/scripts')
from testlib.gdbremote import Remote  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

MODES = ('', 'backend=interp', 'one-insn=on', 'chain=off,max-insns=3', 'flush-every=7')


class Machine:
    """The guest, stopped before its first instruction (stop=True), with the stub on a socket."""

    def __init__(self, accel='', cpus=1, stop=True, counted=True, gdb=True, for_ever=False, extra=()):
        self.dir = tempfile.mkdtemp(prefix='gdb')
        self.path, self.hmp_path = self.dir + '/gdb', self.dir + '/hmp'
        cmd = EMU + ['-nodefaults', '-display', 'none', '-m', '64M', '-smp', str(cpus), '-kernel', IMAGE + '.bin',
                     '-serial', 'stdio',
                     '-monitor', f'unix:{self.hmp_path},server=on,wait=off', '-accel', 'tcg' + (',' + accel if accel else ''), *extra]
        if not for_ever:
            cmd += ['-no-reboot', '-device', 'isa-debug-exit,iobase=0x501,iosize=2']
        cmd += (['-gdb', 'unix:' + self.path] if gdb else []) + (['-S'] if stop else []) + (['-icount', 'shift=1'] if counted else [])
        with open(self.dir + '/out', 'wb') as out, open(self.dir + '/err', 'wb') as err:   # files: nothing waits for a reader
            self.p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.kill()
        self.p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def end(self, status=1):
        """Wait for the end; what the guest printed."""
        self.p.wait(60 * SLOW)
        out, err = (open(f'{self.dir}/{n}', errors='replace').read() for n in ('out', 'err'))
        assert self.p.returncode == status, f'exit {self.p.returncode}: {err[-300:]} {out[-300:]}'
        return out

    def hmp(self, line):
        s = Remote(self.hmp_path, hello=False).s
        text = b''
        for send in (None, line):
            if send:
                text = b''
                s.sendall(send.encode() + b'\n')
            while not text.endswith(b'(qemu) '):
                got = s.recv(65536)
                if not got:
                    return text.decode()
                text += got
        s.close()
        return text.decode().replace('\r', '')[:-7]


def equal(got, want, what=''):
    assert got == want, f'{what} got {got!r}, expected {want!r}'


_symbols = {}


def symbol(name):
    if not _symbols:
        for line in subprocess.run(['nm', IMAGE + '.elf'], capture_output=True, text=True, check=True).stdout.splitlines():
            _symbols[line.split()[2]] = int(line.split()[0], 16)
    return _symbols[name]


def at_breakpoint(g, name, kind=0):
    """Run to a function with a breakpoint that is there only for that."""
    a = symbol(name)
    g.ok('Z%d,%x,1' % (kind, a))
    r = g.go()
    equal(r, {'signal': 5, 'thread': 1, 'hwbreak' if kind else 'swbreak': True})
    equal(g.get('rip'), a)
    g.ok('z%d,%x,1' % (kind, a))


# ---- framing

def framing():
    with Machine() as m, Remote(m.path, hello=False) as g:
        def raw(data, want):
            g.s.sendall(data)
            got = b''
            while len(got) < len(want):
                d = g.s.recv(4096)
                assert d, 'closed'
                got += d
            equal(got, want, repr(data[:60]))
        q, reply = g.frame('qAttached'), b'$1#31'
        raw(q, b'+' + reply)
        raw(b'-', reply)                                 # again
        raw(b'-', reply)
        raw(b'+$qAttached#00', b'-')                     # a wrong checksum
        raw(b'$qAttached#zz', b'-')
        raw(b'garbage' + q, b'+' + reply)
        raw(b'$qAtt' + q, b'+' + reply)                  # cut off, and sent anew
        raw(g.frame('this is no packet'), b'+$#00')
        raw(g.frame(''), b'+$#00')
        raw(g.frame('qRcmd'), b'+$#00')
        raw(g.frame('m' * 100000), b'+' + g.frame('E22'))  # larger than PacketSize
        raw(b'$' + b'y' * 100000 + b'#00', b'-')
        raw(q[:4], b'')
        raw(q[4:], b'+' + reply)
        raw(g.frame('QStartNoAckMode'), b'+$OK#9a')
        raw(q, reply)
        raw(b'$qAttached#00' + q, b'-'[:0] + reply)      # nothing is acknowledged any more


def queries():
    with Machine(cpus=2) as m, Remote(m.path) as g:
        for feature in ('PacketSize=4000', 'qXfer:features:read+', 'vContSupported+', 'swbreak+', 'hwbreak+', 'QStartNoAckMode+'):
            assert feature in g.supported.split(';'), g.supported
        assert 'multiprocess' not in g.supported
        for packet, reply in (('?', 'T05thread:01;'), ('vCont?', 'vCont;c;C;s;S'), ('qfThreadInfo', 'm01,02'), ('qsThreadInfo', 'l'),
                              ('qC', 'QC01'), ('T1', 'OK'), ('T2', 'OK'), ('T3', 'E22'), ('T0', 'E22'), ('T', 'E22'), ('Hg2', 'OK'), ('qC', 'QC02'),
                              ('Hg3', 'E22'), ('Hgx', 'E22'), ('Hx1', 'E22'), ('H', 'E22'), ('Hc-1', 'OK'), ('Hg0', 'OK'), ('qC', 'QC02'), ('Hg1', 'OK'),
                              ('qThreadExtraInfo,1', b'CPU#0 [running]'.hex()), ('qThreadExtraInfo,2', b'CPU#1 [halted ]'.hex()),
                              ('qThreadExtraInfo,9', 'E22'), ('qqemu.Supported', 'sstepbits;sstep;PhyMemMode'),
                              ('qqemu.sstepbits', 'ENABLE=1,NOIRQ=2,NOTIMER=4'), ('qqemu.sstep', '0x1'), ('Qqemu.sstep=7', 'OK'),
                              ('qqemu.sstep', '0x7'), ('Qqemu.sstep=8', 'E22'), ('Qqemu.sstep=', 'E22'), ('Qqemu.sstep=0x5', 'OK'), ('qqemu.sstep', '0x5'),
                              ('qqemu.PhyMemMode', '0'), ('Qqemu.PhyMemMode:1', 'OK'), ('qqemu.PhyMemMode', '1'), ('Qqemu.PhyMemMode:2', 'E22'),
                              ('qXfer:features:read:other.xml:0,10', 'E00'), ('qXfer:features:read:target.xml:0', 'E22'),
                              ('qXfer:features:read:target.xml:ffffff,10', 'l'), ('vMustReplyEmpty', ''), ('qAttached:1', '1'), ('qSymbol::', ''),
                              ('Z5,0,1', ''), ('Z0,0', 'E22'), ('Z2,1000,0', 'E22'), ('Z2,ffffffffffffffff,2', 'E22'), ('z2,1000,1', 'E22'),
                              ('z0,1000,1', 'OK'), ('p999', 'E22'), ('p', 'E22'), ('P0=1', 'E22'), ('P0', 'E22'), ('g1', None), ('m0', 'E22'),
                              ('m11111111111111111,1', 'E22'), ('M0,2:00', 'E22'), ('X0,2:a', 'E22'), ('X0,1:}', 'E22'), ('vCont;x', 'E22'), ('vCont;s:7', 'E22'), ('vCont;',
                              'E22'), ('qRcmd,zz', 'E22'), ('qRcmd,0', 'E22'), ('qRcmd,00', 'E22'), ('cxyz', 'E22'), ('Cxyz', 'E22')):
            got = g.ask(packet)
            assert reply is None or got == reply, f'{packet}: got {got!r}, expected {reply!r}'
    with Machine(counted=False) as m, Remote(m.path) as g:
        equal(g.ask('qqemu.sstep'), '0x7')


# ---- registers and memory

def registers_match():
    with Machine() as m, Remote(m.path) as g:
        at_breakpoint(g, 'touch')
        for i in range(4):                      # recognizable values where the guest has none
            equal(g.put(f'xmm{i * 5}', 0x0123456789abcdef << 60 | i), 'OK')
            equal(g.put(f'st{i}', (0x3fff + i) << 64 | 1 << 63), 'OK')
        equal(g.put('mxcsr', 0x1fa0), 'OK')
        equal(g.put('fctrl', 0x37f), 'OK')
        r, text = g.registers(), g.monitor('info registers')
        equal(sorted(r), sorted(n for n, _ in g.layout()))
        def field(name, pattern='([0-9a-f]+)'):
            f = re.search(r'(?:^|[\s\[])' + name + r'\s*=\s*' + pattern, text, re.M)
            assert f, f'no {name} in {text}'
            return int(f[1], 16)
        for n in ('rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp', 'rip', *(f'r{i}' for i in range(8, 16)), 'cr0', 'cr2', 'cr3', 'cr4', 'efer', 'mxcsr'):
            equal(r[n], field(n.upper()), n)
        equal(r['eflags'], field('RFL'), 'eflags')
        equal(r['fctrl'], field('FCW'), 'fctrl')
        for n in ('cs', 'ss', 'ds', 'es', 'fs', 'gs'):
            equal(r[n], field(n.upper()), n)
        for n in ('fs', 'gs'):
            equal(r[n + '_base'], field(n.upper(), r'[0-9a-f]+ ([0-9a-f]+)'), n)
        for i in range(16):
            equal(r[f'xmm{i}'], field(f'XMM{i:02}'), f'xmm{i}')
        for i in range(8):
            mantissa, exponent = re.search(rf'FPR{i}=([0-9a-f]+) ([0-9a-f]+)', text).groups()
            equal(r[f'st{i}'], int(exponent + mantissa, 16), f'st{i}')
        for n in r:
            equal(g.get(n), r[n], n)
        equal(r['rip'], symbol('touch'))
        equal(g.ask('p10'), r['rip'].to_bytes(8, 'little').hex())


def register_writes():
    with Machine() as m, Remote(m.path) as g:
        at_breakpoint(g, 'inner')
        before = g.registers()
        for n, v in (('rax', 0x1122334455667788), ('r15', 7), ('eflags', 0x2 | 1 << 10 | 0xd5), ('fs_base', 0xffff800000001000), ('k_gs_base', 5),
                     ('cr2', 0xdead), ('cr8', 3), ('xmm7', 1 << 127 | 1), ('st3', 0x4000c000000000000000), ('fstat', 0x3800), ('ftag', 0xffff)):
            equal(g.put(n, v), 'OK', n)
            equal(g.get(n), v, n)
        for n, v in (('cr0', before['cr0'] & ~1), ('cr0', 1 << 40), ('cr4', 1 << 31), ('cr8', 16), ('efer', 1 << 20), ('mxcsr', 1 << 16), ('eflags', 0x20002),
                     ('cs', 0x33), ('ss', 3)):
            now = g.get(n)
            assert g.put(n, v).startswith('E'), (n, hex(v))
            equal(g.get(n), now, n)
        equal(g.put('cr4', before['cr4'] | 0x600), 'OK')
        equal(g.get('cr4'), before['cr4'] | 0x600)
        raw = b''.join(before[n].to_bytes(size, 'little') for n, size in g.layout())
        g.ok('G' + raw.hex())
        equal(g.registers(), before)
        g.ok('G' + raw[:64].hex())              # the first eight only
        equal(g.registers(), before)
        assert g.ask('G' + raw.hex()[:-1]).startswith('E') and g.ask('Gzz').startswith('E')
        equal(g.put('rdi', 100), 'OK')          # the guest works with it
        g.ok('Z0,%x,1' % g.word(before['rsp']))
        equal(g.go()['signal'], 5)
        equal(g.get('rax'), 300)


def memory():
    with Machine() as m, Remote(m.path) as g:
        at_breakpoint(g, 'touch')
        a = symbol('source')
        want = bytes(i * 7 & 255 for i in range(6000))
        equal(g.read(a, 6000), want)
        binary = g.ask('x%x,%x' % (a, 300)).encode('latin1')
        equal(binary[:1], b'b')
        equal(re.sub(b'}(.)', lambda x: bytes([x[1][0] ^ 32]), binary[1:], flags=re.S), want[:300])
        data = bytes(range(256))
        sent = b''.join(b'}' + bytes([c ^ 32]) if c in b'#$}*' else bytes([c]) for c in data)
        g.ok(b'X%x,%x:' % (symbol('copy') + 1000, 256) + sent)
        equal(g.read(symbol('copy') + 1000, 256), data)
        g.ok('X%x,0:' % a)
        g.write(symbol('copy'), b'\x01\x02')
        equal(g.read(symbol('copy'), 3), b'\x01\x02\x00')
        # where nothing is mapped, a device, and the border between
        for bad in (0x8000000000, 0x123400000000, 0xfee00000, 0x8000000000000000):
            equal(g.ask('m%x,8' % bad), 'E14', hex(bad))
            equal(g.ask('M%x,1:00' % bad), 'E14', hex(bad))
        edge = 0x4000000 - 16                    # the end of 64 MiB of RAM
        equal(len(g.ask('m%x,40' % edge)), 32)
        equal(g.ask('M%x,20:' % edge + '55' * 32), 'E14')
        equal(g.read(edge, 16), bytes(16))       # all or nothing
        # a new mapping in the window's table, looked at and written: no accessed or dirty bit
        entry = symbol('window_pt') + 8 * 9
        g.write(entry, (0x2345000 | 3).to_bytes(8, 'little'))
        g.write(0x8000009ff8, b'virtual!')
        equal(g.read(0x8000009ff8, 8), b'virtual!')
        equal(g.word(entry), 0x2345003)
        g.ok('Qqemu.PhyMemMode:1')
        equal(g.read(0x2345ff8, 8), b'virtual!')
        equal(g.ask('m8000009ff8,8'), 'E14')
        g.write(0x2345ff8, b'physical')
        g.ok('Qqemu.PhyMemMode:0')
        equal(g.read(0x8000009ff8, 8), b'physical')
        # code: a write takes effect in what was translated
        inner = symbol('inner')
        g.ok('Z0,%x,1' % inner)
        for _ in range(3):
            g.go()
            g.step()
        g.ok('z0,%x,1' % inner)
        g.write(inner, b'\xb8\x07\x00\x00\x00\xc3')   # mov $7, %eax; ret
        at_breakpoint(g, 'touch')
        at_breakpoint(g, 'middle')
        g.ok('Z0,%x,1' % g.word(g.get('rsp')))
        g.go()
        equal(g.get('rax'), 8)


# ---- exactness

def plain(accel='', cpus=1):
    with Machine(accel, cpus, stop=False, gdb=False) as m:
        return m.end()


def breakpoints_exact(accel, want):
    with Machine(accel) as m, Remote(m.path) as g:
        inner, touch, counter = symbol('inner'), symbol('touch'), symbol('counter')
        code = g.read(inner & ~0xfff, 4096)
        g.ok('Z0,%x,1' % inner)
        g.ok('Z1,%x,1' % touch)
        equal(g.read(inner & ~0xfff, 4096), code, 'the guest\'s memory')
        for i in range(10):
            equal(g.go(), {'signal': 5, 'swbreak': True, 'thread': 1})
            equal((g.get('rip'), g.get('rdi'), g.word(counter)), (inner, 2 * i + 1, i * i))
            equal(g.go(), {'signal': 5, 'swbreak': True, 'thread': 1})      # not without a step: it is still there
            g.step()
            assert g.get('rip') != inner
            equal(g.go(), {'signal': 5, 'hwbreak': True, 'thread': 1})
            equal((g.get('rip'), g.get('rdi'), g.word(counter)), (touch, i, (i + 1) ** 2))
            g.step()
        spin = symbol('spin_insn')
        g.ok('Z0,%x,1' % spin)
        for i in range(40):
            g.go()
            equal((g.get('rip'), g.word(symbol('checksum'))), (spin, i))
            g.step()
        g.ok('z0,%x,1' % spin)
        equal(g.go(), {'exit': 1})
        equal(m.end(), want)


def steps_exact(accel, want, traces):
    """Thousands of single steps, across calls, a string instruction and interrupts: the same path in all modes."""
    with Machine(accel) as m, Remote(m.path) as g:
        trace = []
        for place, count in (('outer', 150), ('move_bytes', 20), ('wait_ticks', 400)):
            at_breakpoint(g, place)
            for _ in range(count):
                g.step()
                trace.append((g.get('rip'), g.get('rcx')))
        at_breakpoint(g, 'trap_entry')           # where the next interrupt falls
        trace.append((g.word(symbol('checksum')), g.word(symbol('ticks'))))
        traces.append(trace)
        equal(trace, traces[0])
        equal(g.go(), {'exit': 1})
        equal(m.end(), want)


def watchpoints(accel, want):
    with Machine(accel) as m, Remote(m.path) as g:
        w = symbol('watched')
        at_breakpoint(g, 'touch')
        g.ok('Z2,%x,8' % w)
        g.ok('Z3,%x,8' % (w + 8))
        g.ok('Z4,%x,8' % (w + 24))
        def hit(kind, address):
            r = g.go()
            equal(r, {'signal': 5, kind: address, 'thread': 1})
            return g.word(address)
        for i in range(3):
            equal(hit('watch', w), i)                    # after the store
            equal(hit('rwatch', w + 8), 5 * i)           # the read; the store that follows is not asked for
            equal(hit('awatch', w + 24), i + 1)          # lock inc: once
        g.ok('z2,%x,8' % w)
        g.ok('z3,%x,8' % (w + 8))
        g.ok('z4,%x,8' % (w + 24))
        # one byte inside of a REP, others on the same page
        byte = symbol('copy') + 3333
        g.ok('Z2,%x,1' % byte)
        g.ok('Z2,%x,1' % (symbol('source') + 5990))
        equal(g.go(), {'signal': 5, 'watch': byte, 'thread': 1})
        equal(g.read(byte, 1), bytes([3333 * 7 & 255]))
        insn = symbol('rep_insn')
        assert insn <= g.get('rip') <= insn + 2, hex(g.get('rip'))
        assert g.get('rcx') < 6000 - 3333
        g.ok('z2,%x,1' % byte)
        at_breakpoint(g, 'find_byte')                     # reads up to source[100] in one chunk
        g.ok('Z3,%x,4' % (symbol('source') + 101))
        g.ok('Z3,%x,1' % (symbol('source') + 100))
        equal(g.go(), {'signal': 5, 'rwatch': symbol('source') + 100, 'thread': 1})
        g.ok('z3,%x,1' % (symbol('source') + 100))
        g.ok('Z2,%x,8' % (symbol('ticks') - 4))           # overlaps only
        for i in range(3):
            equal(g.go(), {'signal': 5, 'watch': symbol('ticks') - 4, 'thread': 1})
            equal(g.word(symbol('ticks')), i + 1)
        g.ok('z2,%x,8' % (symbol('ticks') - 4))
        g.ok('z2,%x,1' % (symbol('source') + 5990))
        g.ok('z3,%x,4' % (symbol('source') + 101))
        equal(g.go(), {'exit': 1})
        equal(m.end(), want)


def stack_watch():
    """What an interrupt pushes, seen after its delivery."""
    with Machine() as m, Remote(m.path) as g:
        at_breakpoint(g, 'wait_ticks')
        top = symbol('trap_stack') + 16384
        g.ok('Z2,%x,8' % (top - 0x18))                    # RFLAGS of the frame
        equal(g.go(), {'signal': 5, 'watch': top - 0x18, 'thread': 1})
        equal(g.get('rip'), symbol('trap_stubs') + 16 * 0x40)
        equal(g.get('rsp'), top - 40)
        assert g.word(top - 0x18) & 0x200


def thousand(want):
    with Machine() as m, Remote(m.path) as g:
        r = random.Random(3)
        at_breakpoint(g, 'touch')
        base = symbol('_start')
        for again in range(3):
            places = [base + r.randrange(0x2000) for _ in range(1000)]
            for a in places:
                g.ok('Z%d,%x,1' % (a & 1, a))
            equal(g.read(base, 64), open(IMAGE + '.bin', 'rb').read()[0x600:0x640])
            for _ in range(3):
                g.go()
                assert g.get('rip') in places
                g.step()
            for a in r.sample(places, len(places)):
                g.ok('z%d,%x,1' % (a & 1, a))
        equal(g.go(), {'exit': 1})
        equal(m.end(), want)


def interrupts_and_steps():
    with Machine() as m, Remote(m.path) as g:
        at_breakpoint(g, 'spin_insn')
        handler = symbol('trap_stubs') + 16 * 0x40
        g.ok('Qqemu.sstep=7')                             # no interrupts, no timers: the loop alone
        g.ok('Z0,%x,1' % handler)
        loop = set()
        for _ in range(300):
            g.step()
            loop.add(g.get('rip'))
        assert handler not in loop and len(loop) < 8, [hex(x) for x in loop]
        equal(g.word(symbol('ticks')), 0)
        equal(g.go()['swbreak'], True)
        equal(g.get('rip'), handler)
        # at the first instruction of the handler; its delivery was no step of the loop
        assert g.word(g.get('rsp')) in loop
        g.ok('z0,%x,1' % handler)
        g.ok('Qqemu.sstep=1')                             # with them: a step may be an interrupt's delivery
        at_breakpoint(g, 'spin_insn')
        equal(g.put('eflags', g.get('eflags') & ~0x200), 'OK')
        g.ok('Z0,%x,1' % symbol('spin_insn'))
        while g.word(symbol('checksum')) % 500:
            g.step()
            g.go()
        g.ok('z0,%x,1' % symbol('spin_insn'))
        seen = 0
        for _ in range(300):
            g.step()
            assert g.get('rip') != handler                # interrupts are off
        equal(g.put('eflags', g.get('eflags') | 0x200), 'OK')


def delivery_is_a_step():
    """Counted time, steps with interrupts: the step into the handler executes nothing of it."""
    with Machine(extra=['-d', 'int', '-D', '/dev/null']) as m, Remote(m.path) as g:
        handler = symbol('trap_stubs') + 16 * 0x40
        at_breakpoint(g, 'wait_ticks')
        first = g.word(symbol('checksum'))
        g.ok('Z2,%x,8' % symbol('ticks'))
        g.go()
        loops = g.word(symbol('checksum'))                # where the first interrupt falls
        g.ok('z2,%x,8' % symbol('ticks'))
        assert loops > first
    with Machine() as m, Remote(m.path) as g:
        spin = symbol('spin_insn')
        at_breakpoint(g, 'wait_ticks')
        g.ok('Z2,%x,8' % symbol('checksum'))
        if loops > 60:                                    # near enough by a breakpoint with a count, then by steps
            g.ok('z2,%x,8' % symbol('checksum'))
            g.ok('Z0,%x,1' % spin)
            for _ in range(loops - 30):
                g.go()
                g.step()
            g.ok('z0,%x,1' % spin)
        for _ in range(600):
            g.step()
            if g.get('rip') == handler:
                break
        equal(g.get('rip'), handler)
        equal(g.get('rsp') % 16, 8)
        equal(g.get('eflags') & 0x200, 0)
        equal(g.word(symbol('checksum')) in (loops, loops - 1), True)
        g.step()
        equal(g.get('rip'), handler + 2)


def halted():
    with Machine() as m, Remote(m.path) as g:
        at_breakpoint(g, 'halt_insn')
        g.ok('Qqemu.sstep=7')
        g.step()
        equal(g.get('rip'), symbol('halt_insn') + 1)
        equal(bytes.fromhex(g.ask('qThreadExtraInfo,1')), b'CPU#0 [halted ]')
        g.step()                                          # only an interrupt ends this one
        equal(g.get('rip'), symbol('trap_stubs') + 16 * 0x40)
        equal(g.go(), {'exit': 1})


def fault_step():
    """A step on an instruction that faults ends at its handler."""
    with Machine() as m, Remote(m.path) as g:
        at_breakpoint(g, 'touch')
        g.write(symbol('touch'), b'\x0f\x0b')             # ud2
        g.step()
        equal(g.get('rip'), symbol('trap_stubs') + 16 * 6)
        g.ok('Z0,%x,1' % 0x8000000000)                    # and a jump to nowhere: the fetch's fault
        g.write(symbol('trap_stubs') + 16 * 6, b'\x48\xb8' + (0x8000000000).to_bytes(8, 'little') + b'\xff\xe0')
        g.step()
        g.step()
        equal(g.get('rip'), 0x8000000000)
        g.step()
        equal((g.get('rip'), g.get('cr2')), (symbol('trap_stubs') + 16 * 14, 0x8000000000))


# ---- two vCPUs

def two_cpus(accel):
    with Machine(accel, cpus=2, counted=False) as m, Remote(m.path) as g:
        g.send('vCont;s:2')                               # waits to be started: nothing to step
        g.quiet()
        equal(g.interrupt()['signal'], 2)
        g.ok('Z0,%x,1' % symbol('ap_main'))
        equal(g.go(), {'signal': 5, 'swbreak': True, 'thread': 2})
        equal(g.ask('qC'), 'QC02')
        equal(g.get('rip'), symbol('ap_main'))
        g.ok('z0,%x,1' % symbol('ap_main'))
        g.ok('Hg1')
        first = g.registers()
        for _ in range(50):                               # only the second
            equal(g.step('vCont;s:2'), {'signal': 5, 'thread': 2})
        g.ok('Hg1')
        equal(g.registers(), first)
        g.ok('Hg2')
        second = g.registers()
        for _ in range(50):                               # only the first
            equal(g.step('vCont;s:1'), {'signal': 5, 'thread': 1})
        g.ok('Hg2')
        equal(g.registers(), second)
        count = g.word(symbol('ap_counter'))
        g.send('vCont;c:2')
        time.sleep(0.2)
        equal(g.interrupt()['signal'], 2)
        assert g.word(symbol('ap_counter')) > count + 100
        equal(g.step('vCont;s:1;c')['thread'], 1)         # the others go on meanwhile
        equal(g.step('vCont;s:2;c')['thread'], 2)
        g.ok('Z2,%x,8' % symbol('ap_counter'))
        equal(g.go(), {'signal': 5, 'watch': symbol('ap_counter'), 'thread': 2})
        g.ok('z2,%x,8' % symbol('ap_counter'))
        g.ok('Hc1')
        equal(g.step('s'), {'signal': 5, 'thread': 1})
        equal(g.go(), {'exit': 1})
        assert 'GUEST-OK' in m.end()


def two_cpus_counted(accel, want):
    """Stops of either vCPU leave the turns, and so the counted run, as they are."""
    with Machine(accel, cpus=2) as m, Remote(m.path) as g:
        for name in ('ap_main', 'inner', 'spin_insn'):
            g.ok('Z0,%x,1' % symbol(name))
        g.ok('Z2,%x,8' % symbol('ap_counter'))
        threads = set()
        for i in range(300):
            r = g.go()
            threads.add(r['thread'])
            if 'swbreak' in r:
                g.step('vCont;s:%x' % r['thread'])
            if i % 7 == 0:
                g.step('vCont;s:%x;c' % r['thread'])
        equal(threads, {1, 2})
        for name in ('ap_main', 'inner', 'spin_insn'):
            g.ok('z0,%x,1' % symbol(name))
        g.ok('z2,%x,8' % symbol('ap_counter'))
        equal(g.go(), {'exit': 1})
        equal(m.end(), want)


def real_mode(accel):
    """The second processor's way from real mode to long mode, step by step; breakpoints are linear addresses."""
    with Machine(accel, cpus=2) as m, Remote(m.path) as g:
        g.ok('Z0,%x,1' % 0x8000)
        equal(g.go(), {'signal': 5, 'swbreak': True, 'thread': 2})
        equal((g.get('rip'), g.get('cs'), g.get('efer')), (0, 0x800, 0))
        equal(g.read(0x8000, 3), b'\xfa\x31\xc0')          # cli; xor %ax, %ax
        g.step('vCont;s:2')
        equal(g.get('rip'), 1)
        assert g.put('rax', 1 << 40).startswith('E') and g.put('r9', 1).startswith('E')
        equal(g.put('fs', 0x1234), 'OK')
        equal(g.get('fs_base'), 0x12340)
        equal(g.put('rax', 0x12345678), 'OK')
        g.step('vCont;s:2')
        equal(g.get('rax'), 0x12340000)
        path = []
        for _ in range(40):
            g.step('vCont;s:2')
            path.append(g.get('rip'))
            if g.get('rip') == symbol('ap_main'):
                break
        equal(path[-1], symbol('ap_main'))
        assert len(path) in range(20, 35), [hex(x) for x in path]
        equal(g.get('efer') & 0x500, 0x500)
        equal(g.put('r9', 1), 'OK')


# ---- coming and going

def interrupt_and_monitor():
    with Machine(counted=False) as m, Remote(m.path) as g:
        g.write(symbol('wait_ticks'), b'\xeb\xfe')        # a loop for ever
        g.send('c')
        time.sleep(0.3 * SLOW)
        assert 'running' in m.hmp('info status')
        equal(g.ask('qC'), 'QC01')                        # answered while it runs, too
        equal(g.interrupt()['signal'], 2)
        equal(g.get('rip'), symbol('wait_ticks'))
        assert 'paused' in g.monitor('info status')
        g.send('c')
        m.hmp('stop')
        equal(g.stopped()['signal'], 2)
        m.hmp('cont')                                     # not the client's doing: no reply
        g.quiet()
        equal(g.ask('?')[:3], 'T02')
        m.hmp('stop')
        g.quiet()
        equal(g.monitor('no such thing').split('\n')[0], "unknown command: 'no'")
        assert len(g.monitor('help')) > 1000
        assert 'not from the debugger' in g.monitor('gdbserver none')
        g.s.sendall(b'\x03')                              # nobody waits: nothing to tell
        g.quiet()


def detach_and_loss():
    with Machine(counted=False) as m:
        with Remote(m.path) as g:
            g.write(symbol('wait_ticks'), b'\xeb\xfe')
            g.ok('Z0,%x,1' % symbol('touch'))
            assert 'paused' in m.hmp('info status')
            g.ok('D')
            g.quiet()
        assert 'running' in m.hmp('info status')
        with Remote(m.path) as g:                         # again
            assert 'paused' in m.hmp('info status')
            second = Remote(m.path, hello=False)          # only one at a time
            equal(second.s.recv(10), b'')
            second.s.close()
            g.ok('Z0,%x,1' % symbol('wait_ticks'))
            g.ok('Z4,%x,8' % symbol('checksum'))
            equal(g.go()['signal'], 5)
        end = time.time() + 10 * SLOW                     # lost without a word: no trace, and the guest goes on
        while 'running' not in m.hmp('info status') and time.time() < end:
            time.sleep(0.02)
        assert 'running' in m.hmp('info status')
        with Remote(m.path) as g:
            equal(g.ask('?')[:3], 'T05')
            g.send('c')
            g.quiet(0.3)
            equal(g.interrupt()['signal'], 2)
    with Machine() as m:                                  # started with -S, never let go: stays
        with Remote(m.path) as g:
            g.ok('Z0,%x,1' % symbol('touch'))
        time.sleep(0.2)
        assert 'paused (prelaunch)' in m.hmp('info status')
        with Remote(m.path) as g:
            g.step()
        end = time.time() + 10 * SLOW
        while m.p.poll() is None and time.time() < end:
            time.sleep(0.02)
        assert 'GUEST-OK' in m.end()


def ends():
    with Machine() as m, Remote(m.path) as g:
        g.write(symbol('wait_ticks'), b'\xeb\xfe')
        g.send('c')
        time.sleep(0.2)
        m.p.send_signal(signal.SIGTERM)
        equal(g.stopped(), {'killed': 15})
        equal(m.p.wait(20 * SLOW), 0)
    for packet in ('k', 'vKill;1'):
        with Machine() as m, Remote(m.path) as g:
            g.send(packet)
            equal(m.p.wait(20 * SLOW), 0, packet)
    with Machine() as m, Remote(m.path) as g:
        g.monitor('quit')
        equal(m.p.wait(20 * SLOW), 0)
    # a triple fault with -no-reboot -no-shutdown: stopped for good, and says so
    with Machine(extra=['-no-shutdown']) as m, Remote(m.path) as g:
        at_breakpoint(g, 'touch')
        g.write(symbol('trap_idt'), bytes(4096))
        g.write(symbol('touch'), b'\x0f\x0b')
        equal(g.go()['signal'], 3)
        equal(g.go()['signal'], 3)
        assert 'shutdown' in g.monitor('info status')


def places():
    for place, message in (('tcp:nowhere', 'is not tcp:HOST:PORT'), ('tcp::', 'is not tcp:HOST:PORT'), ('unix:', 'is not unix:PATH'), ('nonsense', 'not a valid'),
                           ('unix:/nonexistent/x', 'No such file'), ('tcp::1234,wait=maybe', 'is not tcp:HOST:PORT'), ('chardev:none', 'not found')):
        p = subprocess.run(EMU + ['-nodefaults', '-display', 'none', '-S', '-kernel', IMAGE + '.bin', '-gdb', place], capture_output=True, text=True, timeout=30 * SLOW,
                           stdin=subprocess.DEVNULL)
        equal(p.returncode, 1, place)
        assert p.stderr.startswith('ramjet: ') and place in p.stderr and message in p.stderr, f'{place}: {p.stderr}'
    with Machine(gdb=False) as m:
        other = m.dir + '/other'
        assert 'Waiting for gdb connection' in m.hmp('gdbserver unix:' + other)
        with Remote(other) as g:
            equal(g.ask('?'), 'T05thread:01;')
            assert 'Disabled' in m.hmp('gdbserver none')
            equal(g.s.recv(10), b'')
        assert not os.path.exists(other)
        assert 'Error' in m.hmp('gdbserver nonsense')
        port = 0
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        assert 'Waiting' in m.hmp(f'gdbserver tcp::{port}')
        with socket.create_connection(('127.0.0.1', port)) as s:
            s.sendall(Remote.frame('qAttached'))
            equal(s.recv(6, socket.MSG_WAITALL), b'+$1#31')
        with socket.create_connection(('127.0.0.1', port)) as s:
            s.sendall(Remote.frame('?'))
            assert s.recv(100).startswith(b'+')


# ---- robustness

def fuzz():
    """2000 packets, well-formed or not, on a guest with two vCPUs that may be running; the machine answers as before."""
    r = random.Random(1234)
    words = ['qSupported:', 'qXfer:features:read:target.xml:', 'qRcmd,', 'Qqemu.sstep=', 'Qqemu.PhyMemMode:', 'vCont', 'vCont;s', 'vCont;c', 'Z0,', 'Z1,', 'Z2,', 'Z3,', 'Z4,',
             'z0,', 'z2,', 'm', 'M', 'X', 'x', 'p', 'P', 'G', 'g', 'Hg', 'Hc', 'T', 's', 'c', 'C05', 'S05', '?', 'qfThreadInfo', 'qThreadExtraInfo,', 'qC', 'D', '!', 'R', 'b',
             'vRun', 'QNonStop:1', 'qOffsets', '', 'i', 'vFile:open:']
    pieces = ['0', '1', '2', '-1', ':', ',', ';', '=', 'ffffffffffffffff', '1000000', '1001728', 'fee00000', '10', '8', '#'[:0], 'p1.1', 'z', '696e666f', '}', '}]', '*',
              '8000000000000000', '4000', 'ff' * 40, 'c', 's']
    with Machine(cpus=2, counted=False, for_ever=True) as m:
        with Remote(m.path) as g:
            sizes = [size for _, size in g.layout()]
        sent = 0
        while sent < 2000:
            assert m.p.poll() is None, open(m.dir + '/err').read()[-500:]
            with Remote(m.path, hello=False) as g:
                g.s.setblocking(False)
                for _ in range(r.randrange(1, 120)):
                    kind, sent = r.random(), sent + 1
                    if kind < 0.05:
                        n = r.randrange(len(sizes))
                        value = r.randbytes(sizes[n]) if r.random() < 0.7 else (1 << r.randrange(8 * sizes[n])).to_bytes(sizes[n], 'little')
                        data = Remote.frame('P%x=' % n + value.hex())
                    elif kind < 0.1:
                        data = Remote.frame('M%x,8:' % (0x1000000 + r.randrange(0x40000)) + r.randbytes(8).hex())
                    elif kind < 0.75:
                        data = Remote.frame(r.choice(words) + ''.join(r.choice(pieces) for _ in range(r.randrange(6))))
                    elif kind < 0.8:
                        data = b'\x03'
                    elif kind < 0.85:
                        data = Remote.frame('M1002000,%x:' % (n := r.randrange(9000)) + 'ab' * n)
                    elif kind < 0.9:
                        data = Remote.frame(bytes(r.randrange(256) for _ in range(r.randrange(200))).replace(b'#', b'').replace(b'$', b''))
                    else:
                        data = bytes(r.randrange(256) for _ in range(r.randrange(300)))
                    if b'k' in data[:2] or b'vKill' in data or b'quit' in data:
                        continue
                    try:
                        g.s.sendall(data)
                        g.s.recv(1 << 20)
                    except BlockingIOError:
                        time.sleep(0.001)
                    except ConnectionError:               # the client before was not gone yet
                        break
        with Remote(m.path) as g:
            assert len(g.ask('g')) == 2 * sum(size for _, size in g.layout())
            assert 'VM status' in g.monitor('info status')
        assert m.p.poll() is None and 'CPU #1' in m.hmp('info cpus')


def cut_off():
    """A session that ends after each of its bytes."""
    session = b'+' + b''.join(Remote.frame(x) + b'+' for x in (
        'qSupported:swbreak+', 'QStartNoAckMode', 'g', 'm1000000,20', 'Z0,%x,1' % symbol('inner'), 'Z2,%x,8' % symbol('counter'), 'vCont;c', 'vCont;s:1',
        'qRcmd,' + b'info registers'.hex(), 'vCont;c'))
    with Machine(counted=False) as m:
        with Remote(m.path) as g:
            g.write(symbol('wait_ticks'), b'\xeb\xfe')
            g.ok('D')
        for n in range(len(session) + 1):
            with Remote(m.path, hello=False) as g:
                g.s.sendall(session[:n])
        end = time.time() + 20 * SLOW
        while 'running' not in m.hmp('info status') and time.time() < end:
            time.sleep(0.02)
        assert 'running' in m.hmp('info status'), m.hmp('info status')
        with Remote(m.path) as g:
            equal(g.get('rip'), symbol('wait_ticks'))


# ---- with gdb itself

def gdb(m, *commands, timeout=60, signals=()):
    args = ['gdb', '-nx', '-batch', '-iex', 'set auto-load off', '-iex', 'set pagination off', '-iex', 'set confirm off', '-iex', 'set width 0',
            '-ex', 'file ' + IMAGE + '.elf', '-ex', 'target remote ' + m.path]
    for c in commands:
        args += ['-ex', c]
    p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for after in signals:
            time.sleep(after * SLOW)
            p.send_signal(signal.SIGINT)
        out = p.communicate(timeout=timeout * SLOW)[0]
    finally:
        p.kill()
        p.wait()
    return out


def seen(out, *patterns):
    at = 0
    for p in patterns:
        f = re.compile(p, re.M).search(out, at)
        assert f, f'no {p!r} after position {at} of:\n{out}'
        at = f.end()


def need_gdb():
    if not shutil.which('gdb'):
        raise Skip('no gdb')


def gdb_breakpoints(want):
    need_gdb()
    with Machine() as m:
        out = gdb(m, 'hbreak outer', 'c', 'delete', 'break inner if n == 5', 'c', 'bt', 'finish', 'delete', 'tbreak touch', 'c', 'stepi 3', 'x/i $pc', 'nexti', 'info threads',
                  'break move_bytes', 'c', 'p counter', 'p copy[1]', 'disable', 'next', 'info registers rip cr3 efer', 'delete', 'c')
        seen(out, 'Breakpoint 1, outer', r'Breakpoint 2, inner \(n=n@entry=5|Breakpoint 2, inner \(n=5', r'#0 +inner', r'#1 .* in middle', '#2 .* in outer', r'#3 .* in guest_main',
             r'#4 .* in _start', r'Value returned is \$1 = 27', 'Temporary breakpoint 3, touch', r'=> 0x[0-9a-f]+ <touch\+', r'\* 1 +Thread 1 \(CPU#0 \[running\]\)',
             'Breakpoint 4, move_bytes', r'\$2 = 100', r'\$3 = 0', r'^rip +0x', r'^cr3 +0x', r'^efer .*\[ SCE LME LMA NXE \]', r'exited with code 01')
        equal(m.end(), want)


def gdb_watchpoints(want):
    need_gdb()
    with Machine() as m:
        out = gdb(m, 'break touch', 'c', 'delete', 'watch watched[0]', 'rwatch watched[2]', 'awatch watched[3]', 'c', 'c', 'c', 'c', 'delete', 'watch copy[5999]', 'c', 'delete', 'c')
        seen(out, r'Hardware watchpoint 2: watched\[0\]', r'Hardware read watchpoint 3: watched\[2\]', r'Hardware access \(read/write\) watchpoint 4',
             r'Hardware read watchpoint 3: watched\[2\]', r'Value = 5', r'Hardware access .* 4: watched\[3\]', r'New value = 1', r'Old value = 0\nNew value = 1\n', 'Value = 5',
             r'watchpoint 5: copy\[5999\]', r'Old value = 0', rf'New value = {5999 * 7 & 255} ', 'exited with code 01')
        equal(m.end(), want)


def gdb_state():
    need_gdb()
    with Machine(cpus=2) as m:
        out = gdb(m, 'break inner', 'c', 'set var counter = 1000', 'p counter', 'set $rdi = 6', 'p $rdi', 'maintenance packet Qqemu.PhyMemMode:1', 'x/8xb 0x1000000',
                  'maintenance packet qqemu.PhyMemMode', 'maintenance packet Qqemu.PhyMemMode:0', 'maintenance packet qqemu.sstepbits', 'monitor info status',
                  'info registers eflags', 'p $xmm0.uint128', 'p $st0', 'info threads', 'thread 2', 'p/x $cs', 'dump binary memory ' + m.dir + '/dump source source+6000', 'p/x $cr0',
                  'info line *$pc', 'detach')
        seen(out, 'Breakpoint 1, inner', r'\$1 = 1000', r'\$2 = 6', 'received: "OK"', r'0x1000000', 'received: "1"', 'received: "OK"', 'ENABLE=1,NOIRQ=2,NOTIMER=4',
             'VM status: paused', r'^eflags .*\[.*\]', r'\$3 = 0', r'\$4 = 0', r'\* 1 +Thread 1', r'2 +Thread 2 \(CPU#1 \[(running|halted )\]\)', 'Switching to thread 2',
             r'\$5 = 0x', 'detached')
        equal(open(m.dir + '/dump', 'rb').read(), bytes(i * 7 & 255 for i in range(6000)))
        text = m.end(3)
        assert 'not ok - calls' in text, text             # the values that were changed went into the sum


def gdb_interrupt():
    need_gdb()
    with Machine(counted=False) as m:
        with Remote(m.path) as g:
            g.write(symbol('wait_ticks'), b'\xeb\xfe')
            g.ok('D')
        for again in range(2):                            # and reattach
            out = gdb(m, 'c', 'p $pc', 'stepi', 'p $pc', 'detach', signals=[1.5])
            seen(out, 'Program received signal SIGINT', r'\$1 = .*<wait_ticks>', r'\$2 = .*<wait_ticks>', 'detached')
            assert 'running' in m.hmp('info status')


def main():
    t = Tap()
    t.case('framing', framing)
    t.case('queries', queries)
    t.case('registers as in info registers', registers_match)
    t.case('register writes', register_writes)
    t.case('memory', memory)
    want = t.case('a run without a debugger', plain)
    traces = []
    for mode in MODES:
        t.case(f'breakpoints are exact and leave no trace: {mode or "default"}', breakpoints_exact, mode, want)
        t.case(f'steps are exact and leave no trace: {mode or "default"}', steps_exact, mode, want, traces)
        t.case(f'watchpoints: {mode or "default"}', watchpoints, mode, want)
    t.case('a watchpoint on what an interrupt pushes', stack_watch)
    t.case('thousands of breakpoints', thousand, want)
    t.case('steps and interrupts', interrupts_and_steps)
    t.case('the delivery of an interrupt is a step', delivery_is_a_step)
    t.case('steps of a halted vCPU', halted)
    t.case('steps that fault', fault_step)
    for mode in MODES[:2]:
        t.case(f'two vCPUs: {mode or "default"}', two_cpus, mode)
        t.case(f'real mode to long mode: {mode or "default"}', real_mode, mode)
        t.case(f'two vCPUs, counted: {mode or "default"}', two_cpus_counted, mode, plain(mode, 2))
    t.case('interrupt, and the monitor beside it', interrupt_and_monitor)
    t.case('detach, loss of the connection, reattach', detach_and_loss)
    t.case('exit notices', ends)
    t.case('places', places)
    t.case('2000 packets of all kinds', fuzz)
    t.case('a session cut off at each byte', cut_off)
    t.case('gdb: breakpoints, steps, backtrace', gdb_breakpoints, want)
    t.case('gdb: watchpoints', gdb_watchpoints, want)
    t.case('gdb: registers, memory, threads, detach', gdb_state)
    t.case('gdb: Ctrl-C, detach, reattach', gdb_interrupt)
    t.done()


main()
