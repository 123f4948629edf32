#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400
"""The gdb stub under Debian's kernel: a counted boot prints the same bytes, and has the same digests of its whole state, with a debugger
that stops it hundreds of times; and gdb itself on a running guest with two vCPUs: breakpoints, watchpoints, steps across interrupts,
Ctrl-C, detach and reattach."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, tap, vm  # noqa: E402
from testlib.gdbremote import Remote  # noqa: E402

EMU = vm.emulator()
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
NAMES = ('asm_sysvec_apic_timer_interrupt', 'do_sys_openat2', 'jiffies_64', 'linux_banner', '_text', '_etext', 'handle_irq_event', 'ksys_read')
LIST = 'grep -E " (%s)$" /proc/kallsyms' % '|'.join(NAMES)


def symbols(text):
    found = {m[2]: int(m[1], 16) for m in re.finditer(r'^([0-9a-f]{16}) \w (\w+)\r?$', text, re.M)}
    assert sorted(found) == sorted(NAMES), found
    return found


# ---- counted

def start(digests, extra):
    cmd = EMU + ['-icount', 'shift=1,sleep=off', '-rtc', 'base=2026-01-01', '-digest-every', f'200000000,file={digests}', '-m', '256M', '-nodefaults', '-display', 'none', '-no-reboot', '-smp', '2',
                 '-serial', 'stdio', '-kernel', guest.kernel(), '-initrd', guest.initrd('gdb', {}, LIST + '; cat /proc/interrupts; poweroff -f'),
                 '-append', 'console=ttyS0 panic=-1 nokaslr'] + extra
    return subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def plain():
    with tempfile.TemporaryDirectory() as d:
        return finish(start(d + '/digests', [])), digests(d)


def digests(d):
    lines = open(d + '/digests').read().splitlines()
    assert len(lines) > 50 and all(x.startswith('digest ') for x in lines), lines[:5]
    return lines


def finish(p):
    out, err = p.communicate(timeout=200 * SLOW)
    assert p.returncode == 0 and b'Power down' in out, f'exit {p.returncode}: {err.decode()[-300:]} {out.decode()[-300:]}'
    return out


def debugged(want, want_digests):
    s = symbols(want.decode())
    with tempfile.TemporaryDirectory() as d:
        p = start(d + '/digests', ['-S', '-gdb', f'unix:{d}/gdb', '-monitor', 'none'])
        try:
            with Remote(d + '/gdb', timeout=120) as g:
                threads = set()
                g.ok('Z0,%x,1' % s['handle_irq_event'])
                for i in range(20):
                    r = g.go()
                    threads.add(r['thread'])
                    for _ in range(40):
                        g.step('vCont;s:%x;c' % r['thread'])
                g.ok('z0,%x,1' % s['handle_irq_event'])
                g.ok('Z2,%x,8' % s['jiffies_64'])
                last = 0
                for i in range(30):
                    assert g.go()['watch'] == s['jiffies_64']
                    now = g.word(s['jiffies_64'])
                    assert now != last, (now, last)
                    last = now
                g.ok('z2,%x,8' % s['jiffies_64'])
                g.ok('Z1,%x,1' % s['ksys_read'])
                for i in range(200):
                    r = g.go()
                    assert r.get('hwbreak') and g.get('rip') == s['ksys_read'], f'{i}: {r}'
                    threads.add(r['thread'])
                    g.step('vCont;s:%x' % r['thread'])
                g.ok('z1,%x,1' % s['ksys_read'])
                assert len(threads) == 2, threads
                r = g.go()
                assert r == {'exit': 0}, r
            got, got_digests = finish(p), digests(d)
        finally:
            p.kill()
            p.wait()
    for n, (a, b) in enumerate(zip(want.splitlines(), got.splitlines())):
        assert a == b, f'line {n + 1}: {a.decode()!r} became {b.decode()!r}'
    assert want == got, f'{len(want)} bytes became {len(got)}'
    for a, b in zip(want_digests, got_digests):
        assert a == b, f'{a} became {b}'
    equal = len(want_digests) == len(got_digests)
    assert equal, f'{len(want_digests)} digests became {len(got_digests)}'
    tap.note(f'{len(got_digests)} digests are the same')


# ---- gdb on a running guest

class Gdb:
    def __init__(self, path, *commands):
        args = ['gdb', '-nx', '-batch', '-iex', 'set auto-load off', '-iex', 'set pagination off', '-iex', 'set confirm off', '-iex', 'set width 0',
                '-ex', 'target remote ' + path]
        for c in commands:
            args += ['-ex', c]
        self.p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(self):
        try:
            return self.p.communicate(timeout=90 * SLOW)[0]
        finally:
            self.p.kill()
            self.p.wait()


def seen(out, *patterns):
    at = 0
    for p in patterns:
        f = re.compile(p, re.M).search(out, at)
        assert f, f'no {p!r} after position {at} of:\n{out}'
        at = f.end()


def running(v, want=True):
    end = time.time() + 60 * SLOW
    while ('running' in v.hmp('info status')) != want:
        assert time.time() < end, v.hmp('info status')
        time.sleep(0.1)


def breakpoints(v, path, s):
    open_, read = s['do_sys_openat2'], s['ksys_read']
    g = Gdb(path, f'hbreak *{open_:#x}', 'c', 'p/x $rip', 'p $cs & 3', 'x/2i $pc', f'x/s {s["linux_banner"]:#x}', f'p *(long*)$rsp > {s["_text"]:#x} && *(long*)$rsp < {s["_etext"]:#x}',
            'delete', f'break *{read:#x}', 'c', 'p/x $rip', 'info threads', 'delete', 'detach')
    time.sleep(1.5 * SLOW)
    end = time.time() + 60 * SLOW
    while g.p.poll() is None and time.time() < end:   # the guest works, and is stopped, and works
        if 'running' in v.hmp('info status'):
            v.send('cat /proc/version\n')
        time.sleep(0.2)
    seen(g.end(), r'\$1 = %#x' % open_, r'\$2 = 0', r'=> %#x' % open_, 'Linux version 6', r'\$3 = 1', r'\$4 = %#x' % read, r'Thread 1 \(CPU#0', r'Thread 2 \(CPU#1', 'detached')
    running(v)
    v.run('true')


def watch_and_steps(v, path, s):
    jiffies = s['jiffies_64']
    g = Gdb(path, f'set $before = *(long*){jiffies:#x}', f'watch *(long*){jiffies:#x}', 'c', f'p *(long*){jiffies:#x} - $before', 'c', f'p *(long*){jiffies:#x} - $before > 1', 'delete',
            'stepi 500', 'p/x $cr3 != 0', 'maintenance packet Qqemu.sstep=0x1', 'stepi 500', 'info registers rip cs efer', 'monitor info cpus', 'detach')
    seen(g.end(), 'Hardware watchpoint 1', r'New value = ', r'\$1 = [1-9]\d*', r'\$2 = 1', r'\$3 = 0x1', 'received: "OK"', r'^rip +0x', r'^efer +0x[0-9a-f]+ +\[ .*LMA', r'CPU #1', 'detached')
    running(v)
    v.run('true')


# Steps until one of them is the delivery of an interrupt: it ends at the handler's first instruction, and the stack says where it came from.
STEPS = '''set $n = 0
set $before = 0
while $pc != %(entry)#x && $n < 50000
  set $before = $pc
  stepi
  set $n = $n + 1
end
printf "INTERRUPTED %%d %%d\\n", $pc == %(entry)#x, *(long*)$rsp == $before
tbreak *$before
continue
printf "RETURNED %%d\\n", $pc == $before
'''


def step_into_interrupt(v, path, s):
    script = v.dir + '/steps'
    with open(script, 'w') as f:
        f.write(STEPS % {'entry': s['asm_sysvec_apic_timer_interrupt']})
    v.send("timeout 2 sh -c 'while :; do :; done'; echo LOOP''DONE\n")
    time.sleep(0.2 * SLOW)
    seen(Gdb(path, 'maintenance packet Qqemu.sstep=0x1', 'source ' + script, 'detach').end(), 'INTERRUPTED 1 1', 'RETURNED 1', 'detached')
    running(v)
    v.expect('LOOPDONE')


def symbol_file(v, s):
    """The kernel's functions that open something, by name, for gdb; there is no other information in it, and no code."""
    text = v.run("grep -i ' t .*open' /proc/kallsyms | grep -v '\\['", 60)
    rows = sorted((int(m[1], 16), m[2]) for m in re.finditer(r'^([0-9a-f]{16}) [tT] ([A-Za-z_]\w*)\r?$', text, re.M))
    rows = [r for r in rows if s['_text'] <= r[0] < s['_etext']]
    assert len(rows) > 100, len(rows)
    with open(v.dir + '/k.s', 'w') as f:
        f.write('.section .ktext, "ax", @nobits\nbegin:\n' + ''.join(f'.globl {n}\n.type {n}, @function\n.set {n}, begin + {a - s["_text"]}\n' for a, n in dict((n, (a, n)) for a, n in rows).values())
                + f'.skip {s["_etext"] - s["_text"]}\n')
    subprocess.run(['as', '-o', v.dir + '/k.o', v.dir + '/k.s'], check=True)
    subprocess.run(['ld', '-e', '0', f'--section-start=.ktext={s["_text"]:#x}', '-o', v.dir + '/vmlinux', v.dir + '/k.o'], check=True, stderr=subprocess.DEVNULL)
    return v.dir + '/vmlinux'


def named(v, path, s):
    """With the kernel's symbols: a breakpoint by name, and who called (the kernel has no frame pointers: its caller, no further)."""
    g = Gdb(path, 'symbol-file ' + symbol_file(v, s), 'break do_sys_openat2', 'c', 'bt 2', 'finish', 'info symbol $pc', 'delete', 'detach')
    end = time.time() + 60 * SLOW
    while g.p.poll() is None and time.time() < end:
        if 'running' in v.hmp('info status'):
            v.send('cat /proc/version\n')
        time.sleep(0.2)
    seen(g.end(), r'^Thread \d hit Breakpoint 1, .* in do_sys_openat2 \(\)', r'^#0 .* in do_sys_openat2 \(\)', r'^#1 .* in (do_sys_open|__\w*sys_open\w*) \(\)',
         r'(do_sys_open|__\w*sys_open\w*) \+ \d+ in section .ktext', 'detached')
    running(v)


def same_registers(v, path, s):
    """gdb's info registers and the monitor's."""
    out = Gdb(path, 'info registers', 'monitor info registers', 'detach').end()
    ours = {m[1]: int(m[2], 16) for m in re.finditer(r'^(\w+) +(0x[0-9a-f]+) ', out, re.M)}
    names = {**{n: n for n in ('r8', 'r9')}, **{f'r{i}': f'r{i}' for i in range(10, 16)}, **{n: n for n in ('rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp', 'rip')},
             **{n: n for n in ('cr0', 'cr2', 'cr3', 'cr4', 'efer')}, 'eflags': 'rfl'}
    for name, theirs in names.items():
        m = re.search(rf'\b{theirs} *= *([0-9a-f]+)', out, re.I)
        assert m and name in ours, f'{name} is missing: {out}'
        assert ours[name] == int(m[1], 16), f'{name}: {ours[name]:#x}, info registers has {m[1]}'
    for name in ('cs', 'ss', 'ds', 'es', 'fs', 'gs'):
        m = re.search(rf'^{name} *= *([0-9a-f]{{4}}) ([0-9a-f]{{16}})', out, re.I | re.M)
        assert m and ours[name] == int(m[1], 16), f'{name}: {ours.get(name)}: {out}'
        assert ours.get(name + '_base', int(m[2], 16)) == int(m[2], 16), f'{name}_base: {out}'


def interrupt_idle(v, path, s):
    for again in range(2):                           # the vCPUs are halted most of the time
        g = Gdb(path, 'c', 'p/x $cs', 'thread 2', 'p/x $cr4', 'detach')
        time.sleep(2 * SLOW)
        g.p.send_signal(signal.SIGINT)
        seen(g.end(), 'received signal SIGINT', r'\$1 = 0x', 'Switching to thread 2', r'\$2 = 0x', 'detached')
        running(v)
        assert v.run('echo alive').strip() == 'alive'


def left_alone(v, path, s):
    """gdb is killed with its breakpoints set: the guest goes on as if there had been none."""
    g = Gdb(path, f'break *{s["do_sys_openat2"]:#x}', f'break *{s["ksys_read"]:#x}', f'watch *(long*){s["jiffies_64"] + 0x100000:#x}', 'c', 'shell sleep 100')
    time.sleep(1.5 * SLOW)
    v.send('cat /proc/version\n')
    running(v, False)
    time.sleep(0.5 * SLOW)
    g.p.kill()
    g.p.wait()
    running(v)
    v.run('cat /proc/uptime; for i in 1 2 3 4 5; do cat /proc/version; done')


def main():
    t = tap.Tap()
    want = t.case('a counted boot', plain)
    if want:
        t.case('the same with a debugger', debugged, *want)
    if shutil.which('gdb'):
        with vm.VM(EMU, ['-m', '256M', '-smp', '2', '-kernel', guest.kernel(), '-initrd', guest.initrd(), '-append', 'console=ttyS0 nokaslr quiet']) as v:
            def ready():
                v.ready()
                path = v.dir + '/gdb'
                assert 'Waiting for gdb connection' in v.hmp('gdbserver unix:' + path)
                return path, symbols(v.run(LIST))
            found = t.case('a guest with two vCPUs', ready)
            for name, fn in (('gdb: breakpoints', breakpoints), ('gdb: a watchpoint, steps across interrupts', watch_and_steps),
                             ('gdb: a step that is an interrupt, and back', step_into_interrupt), ('gdb: by name, and who called', named),
                             ('gdb: registers as in info registers', same_registers),
                             ('gdb: Ctrl-C, detach, reattach', interrupt_idle), ('gdb is killed', left_alone)):
                if found:
                    t.case(name, fn, v, *found)
    t.done()


main()
