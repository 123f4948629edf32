#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=120
"""Serial port and monitor on one terminal (mon:stdio): the escapes of Ctrl-A, line editing, history and completion, and the
terminal's state at the end and around a stop. The guest stays paused."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

EMU = vm.emulator()
QEMU = vm.is_qemu(EMU)
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
ARGS = ['-S', '-m', '1G,slots=3,maxmem=4G', '-display', 'none', '-kernel', guest.kernel()]
ECHO, ICANON, ISIG = termios.ECHO, termios.ICANON, termios.ISIG


class Terminal:
    """The emulator on a pseudo terminal of its own session; shell: run by a shell with job control, as "$@" of that script."""

    def __init__(self, *args, shell=None):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.text = ''

        def lead():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        before = ['sh', '-m', '-c', shell, 'sh'] if shell else []
        self.p = subprocess.Popen([*before, *EMU, *ARGS, *args], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                  preexec_fn=lead)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        os.close(self.master)
        os.close(self.slave)

    def flags(self):
        return termios.tcgetattr(self.slave)[3]

    def pump(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            self.text += os.read(self.master, 65536).decode('latin1')

    def until(self, what, test, seconds=10):
        end = time.time() + seconds * SLOW
        while not test():
            assert time.time() < end, f'{what}; last: {self.text[-300:]!r}'
            self.pump(0.05)

    def expect(self, pattern, seconds=10):
        """Wait for the pattern in what came since the last call."""
        self.until(f'no {pattern!r}', lambda: re.search(pattern, self.text), seconds)
        got, self.text = self.text, ''
        return got

    def send(self, text):
        os.write(self.master, text.encode())

    def raw(self):
        self.until('not raw', lambda: not self.flags() & (ECHO | ICANON))

    def monitor(self):
        self.raw()
        time.sleep(0.3 * SLOW)
        self.send('\x01c')
        self.expect(r'\(qemu\) ')

    def ends(self, status=0):
        self.until('still running', lambda: self.p.poll() is not None)
        assert self.p.returncode == status, f'exit status {self.p.returncode}'
        assert termios.tcgetattr(self.slave)[:4] == self.before[:4], 'the terminal is not as it was'


def escapes():
    with Terminal('-serial', 'mon:stdio') as t:
        t.raw()
        time.sleep(0.3 * SLOW)
        t.send('\x01h')
        t.expect(r'C(trl)?-[aA] x')
        t.monitor()
        t.send('info status\r')
        t.expect(r'VM status: paused \(prelaunch\)\r+\n')
        t.send('\x01c')          # back to the serial port: what is typed now is not for the monitor
        time.sleep(0.2)
        t.text = ''
        t.send('quit\r')
        time.sleep(0.5)
        assert t.p.poll() is None, 'the monitor got what was typed for the guest'
        t.send('\x01c')
        t.expect(r'\(qemu\) ')
        t.send('info status\r')
        t.expect(r'VM status: paused')
        t.send('\x01x')
        t.ends()


def control_c_is_the_guests():
    with Terminal('-serial', 'mon:stdio') as t:
        t.raw()
        assert not t.flags() & ISIG, 'Ctrl-C would end the emulator'
        t.send('\x03')
        time.sleep(0.3)
        assert t.p.poll() is None
        t.send('\x01x')
        t.ends()


def control_c_ends():
    """-serial stdio without the monitor: Ctrl-C ends, as in QEMU."""
    with Terminal('-serial', 'stdio', '-monitor', 'none') as t:
        t.raw()
        assert t.flags() & ISIG
        time.sleep(0.3 * SLOW)
        t.send('\x03')
        t.ends()


def nographic_default():
    with Terminal('-nographic') as t:
        t.monitor()
        t.send('info status\r')
        t.expect(r'VM status: paused')
        t.send('quit\r')
        t.ends()


def editing():
    with Terminal('-serial', 'mon:stdio') as t:
        t.monitor()
        for keys in ('info statusx\x7f\r',            # delete
                     'status\x01\x01info \r',         # Ctrl-A Ctrl-A: to the start
                     'info statux\x1b[Ds\x1b[C\x7f\r',  # left, insert, right, delete
                     'nonsense\x15info status\r',     # Ctrl-U
                     'info nonsense\x17status\r',     # Ctrl-W
                     *([] if QEMU else ['info status now\x1b[D\x1b[D\x1b[D\x1b[D\x0b\r'])):  # Ctrl-K
            t.text = ''
            t.send(keys)
            t.expect(r'VM status: paused \(prelaunch\)')
        t.send('\x01x')
        t.ends()


class Rows:
    """What a terminal of that many columns shows of the little that line editing sends."""

    def __init__(self, columns):
        self.columns, self.rows, self.y, self.x = columns, [''], 0, 0

    def feed(self, text):
        for part in re.findall('\x1b\\[[0-9;]*[A-Za-z]|.', text, re.S):
            if len(part) > 1:
                n = int(part[2:-1] or 0)
                if part[-1] == 'A':
                    assert n <= self.y, 'above the first row'
                    self.y -= n
                elif part[-1] == 'B':
                    self.y += n
                elif part[-1] == 'C':
                    self.x += n
                elif part[-1] in 'JK':
                    self.rows[self.y] = self.rows[self.y][:self.x]
                    if part[-1] == 'J':
                        del self.rows[self.y + 1:]
                else:
                    assert part[-1] == 'm', f'{part!r} is not known here'
            elif part == '\r':
                self.x = 0
            elif part == '\n':
                self.y += 1
            else:
                wide = 2 if part in '日本語' else 1
                if self.x + wide > self.columns:
                    self.x, self.y = 0, self.y + 1
                while len(self.rows) <= self.y:
                    self.rows.append('')
                row = self.rows[self.y].ljust(self.x)
                self.rows[self.y] = row[:self.x] + part + '\0' * (wide - 1) + row[self.x + wide:]
                self.x += wide
            while len(self.rows) <= self.y:
                self.rows.append('')

    def shown(self, text):
        """The row with the cursor, after that text."""
        self.feed(text)
        return self.text()[self.y]

    def text(self):
        return [r.replace('\0', '').rstrip() for r in self.rows]


def long_lines():
    """A line of several rows is edited in its middle on a narrow terminal, with characters of two columns."""
    if QEMU:
        raise Skip('QEMU does not')
    with Terminal('-serial', 'none', '-monitor', 'stdio') as t:
        fcntl.ioctl(t.slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 30, 0, 0))
        t.raw()
        t.until('no prompt', lambda: '(qemu) ' in t.text)
        t.text = ''
        line = 'print 1 日本語日本語日本語 ' + 'ä' * 50

        def shows(what, wanted):
            def test():
                again = Rows(30)
                again.feed('(qemu) ' + t.text.encode('latin1').decode('utf-8', 'ignore'))
                return ''.join(again.text()).replace(' ', '') == ('(qemu)' + wanted).replace(' ', '')
            t.until(what, test)
        t.send(line)
        shows('typed', line)
        for keys, wanted in (('\x01' + '\x1b[C' * 8 + '語', line.replace('1 日', '1 語日')), ('\x7f', line), ('\x1b[3~', line.replace('1 日', '1 ')),
                             ('\x05' + '\x7f' * 50 + '\x15', ''), ('x' * 23, 'x' * 23), ('y', 'x' * 23 + 'y'), ('\x7f\x7f', 'x' * 22)):
            t.send(keys)
            shows(f'{keys!r}', wanted)
        t.send('\x15info status\r')
        t.expect(r'VM status: paused')
        t.send('quit\r')
        t.ends()


def history():
    with Terminal('-serial', 'mon:stdio') as t:
        t.monitor()
        t.send('info status\r')
        t.expect(r'VM status: paused')
        t.send('info version\r')
        t.expect(r'10\.\d+\.\d+')
        t.send('\x1b[A\x1b[A\r')
        t.expect(r'VM status: paused')
        t.send('\x01x')
        t.ends()


def completion():
    with Terminal('-serial', 'mon:stdio') as t:
        t.monitor()
        t.send('info statu\t\r')
        t.expect(r'VM status: paused')
        t.send('object_add memory-backend-ram,id=longname,size=128M\r')
        t.expect(r'\n.*\(qemu\) ')
        t.send('object_d\t')
        t.expect(r'object_del')
        t.send('long\t\r')
        t.expect(r'\n.*\(qemu\) ')
        t.send('object_del longname\r')
        t.expect(r"object 'longname' not found")
        t.send('\x01x')
        t.ends()


COMPLETED = (  # typed, with a tab at its end; the line then
    ('object_add memory-backend-m', 'object_add memory-backend-memfd,'), ('object_add memory-backend-ram,id=x,pol', 'object_add memory-backend-ram,id=x,policy='),
    ('device_add pc', 'device_add pc-dimm,'), ('device_add pc-dimm,i', 'device_add pc-dimm,id='), ('device_add pc-dimm,id=x,memd', 'device_add pc-dimm,id=x,memdev='),
    ('device_add pc-dimm,memdev=', 'device_add pc-dimm,memdev=unused '), ('device_del d', 'device_del dimm1 '), ('object_del -w un', 'object_del -w unused '),
    ('memory -d', 'memory -dimm1 '), ('help object_d', 'help object_del '), ('info memory-d', 'info memory-devices '), ('help info memory-d', 'help info memory-devices '),
    ('device_add pc-dimm,memdev=mem', 'device_add pc-dimm,memdev=mem'), ('device_add nosuch,', 'device_add nosuch,'), ('stop ', 'stop '),
)


def completion_of_words():
    """Ids, types and properties; a backend in use is no memdev; where something must follow there is no blank."""
    if QEMU:
        raise Skip('QEMU completes less')
    with Terminal('-serial', 'none', '-monitor', 'stdio') as t:
        fcntl.ioctl(t.slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 200, 0, 0))
        t.raw()
        for line in ('memory +128M', 'object_add memory-backend-ram,id=unused,size=2M'):
            t.expect(r'\(qemu\) $')
            t.send(line + '\r')
        t.expect(r'size=2M[^(]*\(qemu\) $')
        for typed, want in COMPLETED:
            t.send(f'{typed}\t|')
            t.until(f'{typed}: not {want!r}', lambda: Rows(200).shown('(qemu) ' + t.text) == f'(qemu) {want}|')
            t.send('\x15')
            t.expect(r'\(qemu\) $')
        t.send('quit\r')
        t.ends()


def stop_and_go_on():
    """Ctrl-Z gives the terminal back to the shell, `fg` takes it again."""
    if QEMU:
        raise Skip('QEMU does not')
    with Terminal('-serial', 'stdio', '-monitor', 'none', shell='"$@"; sleep 1; fg >/dev/null; exit $?') as t:
        t.raw()
        time.sleep(0.3 * SLOW)
        t.send('\x1a')
        t.until('raw while stopped', lambda: t.flags() & ECHO and t.flags() & ICANON)
        t.raw()
        time.sleep(0.3 * SLOW)
        t.send('\x03')
        t.ends()


def crash_gives_the_terminal_back():
    if QEMU:
        raise Skip('QEMU does not')
    with Terminal('-serial', 'mon:stdio') as t:
        t.raw()
        time.sleep(0.3 * SLOW)
        t.p.send_signal(signal.SIGABRT)
        t.ends(-signal.SIGABRT)


tap = Tap()
for f in (escapes, control_c_is_the_guests, control_c_ends, nographic_default, editing, long_lines, history, completion, completion_of_words, stop_and_go_on,
          crash_gives_the_terminal_back):
    tap.case('terminal: ' + f.__name__.replace('_', ' '), f)
tap.done()
