# SPDX-License-Identifier: MIT
"""Drive an emulator with a QEMU-like command line: serial shell on stdio, HMP and QMP on unix sockets.

    with VM(['build/ramjet'], ['-m', '1G', ...]) as vm:
        vm.ready(); print(vm.sh('uname -r')); print(vm.hmp('info version'))

Everything waits with a deadline and raises TimeoutError or EOFError that carry the tail of what was
seen. close() (or leaving the with block) ends the emulator and removes the sockets' directory.
RAMJET_EMULATOR names the emulator of the tests, build/ramjet by default.
"""
import json
import os
import re
import select
import shlex
import shutil
import socket
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def emulator():
    """The command (a list) of the emulator under test."""
    return shlex.split(os.environ.get('RAMJET_EMULATOR') or TOP + '/build/ramjet')


def is_qemu(emu):
    """True when the command is QEMU itself, standing in for Ramjet."""
    return 'qemu-system' in os.path.basename(emu[0])


class VM:
    """A running emulator. timeout: seconds that a wait may last unless told otherwise; scale it for slow
    builds by RAMJET_SLOW (a factor). reboot: let the guest reset instead of ending the emulator."""

    def __init__(self, emu, args, hmp=True, qmp=False, timeout=120, reboot=False, env=None):
        self.dir = tempfile.mkdtemp(prefix='vm')
        self.hp, self.qp = self.dir + '/hmp', self.dir + '/qmp'
        cmd = list(emu) + list(args) + ['-display', 'none', '-serial', 'stdio'] + ([] if reboot else ['-no-reboot'])
        cmd += ['-monitor', f'unix:{self.hp},server=on,wait=off' if hmp else 'none']
        if qmp:
            cmd += ['-qmp', f'unix:{self.qp},server=on,wait=off']
        self.slow = float(os.environ.get('RAMJET_SLOW') or 1)
        self.cmd, self.t0, self.buf, self.timeout = cmd, time.time(), '', timeout
        self.err = open(self.dir + '/stderr', 'w+')
        self.m = self.q = self.p = None
        self.events = []
        try:
            self.p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.err, env=env)
        except OSError:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def stderr(self):
        """What the emulator has written to stderr so far."""
        if self.err.closed:
            return ''
        self.err.seek(0)
        return self.err.read()

    def elapsed(self):
        """Seconds since the emulator was started."""
        return time.time() - self.t0

    def _deadline(self, timeout):
        return time.time() + (timeout or self.timeout) * self.slow

    # ---- serial console

    def _pump(self, t):
        if select.select([self.p.stdout], [], [], t)[0]:
            d = os.read(self.p.stdout.fileno(), 65536)
            if not d:
                raise EOFError('the emulator ended: ' + (self.stderr().strip()[-500:] or self.buf[-300:]))
            self.buf += d.decode('latin1')

    def expect(self, pat, timeout=None, after=0):
        """Wait until the serial output from position `after` on matches pat; returns the match."""
        end = self._deadline(timeout)
        while True:
            m = re.search(pat, self.buf[after:])
            if m:
                return m
            if time.time() > end:
                raise TimeoutError(f'no {pat!r} on the console; last: ' + self.buf[-400:])
            self._pump(0.02)

    def send(self, s):
        self.p.stdin.write(s.encode())
        self.p.stdin.flush()

    def sh(self, cmd, timeout=None):
        """Run a shell command in the guest; returns (its output, its exit status)."""
        pos = len(self.buf)
        tag = f'E{int(time.time() * 1e6) % 10**9}'
        self.send(f"{cmd}; echo {tag[:1]}''{tag[1:]} $?\n")
        m = self.expect(tag + r' (\d+)', timeout, pos)
        out = self.buf[pos:pos + m.start()].replace('\r', '').split('\n')
        return '\n'.join(x for x in out if tag[1:] not in x and not x.startswith('# ' + cmd[:8])).strip(' #\n'), int(m[1])

    def run(self, cmd, timeout=None):
        """Like sh, but a status other than 0 is a RuntimeError; returns the output."""
        out, status = self.sh(cmd, timeout)
        if status:
            raise RuntimeError(f'guest: {cmd!r} ended with status {status}: {out[-300:]}')
        return out

    def ready(self, timeout=None):
        """Wait for the guest's shell; returns the seconds from start to init."""
        self.expect('MARK init-reached', timeout)
        t = self.elapsed()
        self.expect(r'# ', timeout)
        end = self._deadline(timeout)
        while True:                      # the shell may swallow what arrives while it sets its terminal up
            pos = len(self.buf)
            self.send("echo RD''Y\n")
            try:
                self.expect(r'RDY', 2, pos)
                break
            except TimeoutError:
                if time.time() > end:
                    raise
        self.sh('stty -echo; dmesg -n 1')
        return t

    def wait_exit(self, timeout=None):
        """Wait for the emulator to end by itself; returns its exit status."""
        end = self._deadline(timeout)
        while True:
            try:
                self._pump(0.05)
            except EOFError:
                return self.p.wait(max(1, end - time.time()))
            if time.time() > end:
                raise TimeoutError('the emulator does not end; last: ' + self.buf[-300:])

    # ---- human monitor

    def _sock(self, path):
        end = time.time() + 10 * self.slow
        while True:
            try:
                s = socket.socket(socket.AF_UNIX)
                s.connect(path)
                return s
            except OSError:
                s.close()
                if self.p.poll() is not None:
                    raise EOFError('the emulator ended: ' + self.stderr().strip()[-500:])
                if time.time() > end:
                    raise
                time.sleep(0.02)

    def hmp(self, cmd, timeout=10):
        """Run a monitor command; returns its output (an echo of the command is dropped)."""
        if not self.m:
            self.m = self._sock(self.hp)
            self._prompt('', timeout)
        self.m.sendall((cmd + '\n').encode())
        return self._prompt(cmd, timeout)

    def _prompt(self, cmd, timeout):
        b, end = '', self._deadline(timeout)
        while not re.search(r'\(qemu\) $', b):
            if select.select([self.m], [], [], 0.05)[0]:
                d = self.m.recv(65536)
                if not d:
                    break
                b += d.decode('latin1')
            if time.time() > end:
                raise TimeoutError(f'no monitor prompt after {cmd!r}: ' + b[-200:])
            # the guest goes on while the monitor thinks: its console must not block it
            if select.select([self.p.stdout], [], [], 0)[0] and self.p.poll() is None:
                try:
                    self._pump(0)
                except EOFError:
                    pass
        b = re.sub(r'\x1b\[[0-9;]*[A-Za-z]', '', b).replace('\r', '')
        lines = b.split('\n')
        if lines[-1].endswith('(qemu) '):
            lines[-1] = lines[-1][:-7]
        if lines and cmd and lines[0].rstrip().endswith(cmd.strip()):
            lines = lines[1:]
        return '\n'.join(lines).rstrip('\n')

    # ---- QMP

    def qmp(self, execute, timeout=10, **arguments):
        """Run a QMP command; returns the reply; events seen on the way are kept in self.events."""
        if not self.q:
            self.q = self._sock(self.qp)
            self.qf = self.q.makefile('r')  # for reading only: a write would drop what was read ahead
            self.greeting = json.loads(self.qf.readline())
            self.qmp('qmp_capabilities')
        self.q.settimeout(timeout * self.slow)
        self.q.sendall(json.dumps({'execute': execute, 'arguments': arguments}).encode() + b'\n')
        while True:
            r = json.loads(self.qf.readline())
            if 'event' in r:
                self.events.append(r)
                continue
            return r

    def qmp_event(self, name, timeout=10):
        """Wait for an event of that name; returns and removes it."""
        end = self._deadline(timeout)
        while True:
            for e in self.events:
                if e['event'] == name:
                    self.events.remove(e)
                    return e
            self.q.settimeout(max(0.1, end - time.time()))
            r = json.loads(self.qf.readline())
            if 'event' in r:
                self.events.append(r)

    # ---- the end

    def close(self):
        """End the emulator if it still runs, and remove what the VM object made."""
        for s in (self.m, self.q):
            if s:
                s.close()
        self.m = self.q = None
        if self.p:
            try:
                self.p.terminate()
                self.p.wait(5)
            except Exception:
                self.p.kill()
            self.p.wait()
            for f in (self.p.stdin, self.p.stdout):
                try:
                    f.close()
                except OSError:
                    pass
        self.err.close()
        shutil.rmtree(self.dir, ignore_errors=True)
