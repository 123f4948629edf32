#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=120
"""object_del -w: waits until the guest lets go of a DIMM, or says why it does not; what others do meanwhile, and who goes away while
waiting. The guest is tests/tcg/guest/monitor_events.c: it does with the DIMM of slot 0 what a letter says."""
import os
import re
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import vm  # noqa: E402
from testlib.tap import Tap  # noqa: E402

EMU = vm.emulator()
BUILD = os.environ.get('RAMJET_BUILD') or vm.TOP + '/build/opt'
GUEST = BUILD + '/tests/tcg/guest/monitor_events.bin'
LONG = 'x' * 300


def equal(got, want):
    assert got == want, f'got {got!r}, expected {want!r}'


class Line:
    """Another human monitor: bytes in, bytes out."""

    def __init__(self, fd, slow):
        self.fd, self.slow, self.text = fd, slow, ''

    def send(self, text):
        self.text = ''
        os.write(self.fd, text.encode())

    def read(self, seconds=0.0):
        end = time.time() + seconds * self.slow
        while select.select([self.fd], [], [], max(0, end - time.time()))[0]:
            data = os.read(self.fd, 65536)
            if not data:
                break
            self.text += re.sub('\x1b\\[[0-9;]*[A-Za-z]', '', data.decode()).replace('\r', '')
        return self.text

    def until(self, words, seconds=10):
        end = time.time() + seconds * self.slow
        while words not in self.read(0.05):
            assert time.time() < end, f'no {words!r} in {self.text!r}'
        return self.text


class Guest(vm.VM):
    """With DIMM d1 of m1 in slot 0, which the guest has taken."""

    def __init__(self, *extra, dimm='id=d1,', backend='m1'):
        super().__init__(EMU, ['-m', '64M,slots=3,maxmem=1G', '-kernel', GUEST, '-chardev', 'pty,id=tty', '-mon', 'tty', '-monitor',
                               f'unix:/tmp/ramjet-wait-{os.getpid()},server=on,wait=off', *extra], qmp=True, reboot=True)
        self.backend, self.tty = backend, None
        self.expect('READY')
        equal(self.hmp(f'object_add memory-backend-ram,id={backend},size=2M'), '')
        equal(self.hmp(f'device_add pc-dimm,{dimm}memdev={backend}'), '')
        self.tell('i')

    def start(self, letter):
        at = len(self.buf)
        self.send(letter)
        return at

    def tell(self, letter):
        self.expect('DONE', after=self.start(letter))

    def terminal(self):
        self.tty = os.open(re.search(r'/dev/pts/\d+', self.stderr())[0], os.O_RDWR | os.O_NOCTTY)
        line = Line(self.tty, self.slow)
        line.send('\r')
        line.until('(qemu) ')
        return line

    def socket(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(f'/tmp/ramjet-wait-{os.getpid()}')
        line = Line(s.detach(), self.slow)
        line.until('(qemu) ')
        return line

    def close(self):
        super().close()
        if self.tty is not None:
            os.close(self.tty)


def gone():
    """Waits; the line behind it waits, too; other monitors and QMP go on, and see that it is still there."""
    with Guest() as v:
        line = v.socket()
        equal(v.hmp('device_del d1'), '')
        line.send('object_del -w m1\ninfo status\n')
        equal(line.read(0.3), '')
        equal(v.hmp('info status'), 'VM status: running')
        assert "object 'm1' is in use, can not be deleted" in v.hmp('object_del m1')
        assert "'object_del -w m1' waits for that" in v.hmp('object_del m1')
        assert "object 'm1' is in use" in v.qmp('object-del', id='m1')['error']['desc']
        got = v.qmp('human-monitor-command', **{'command-line': 'object_del -w m1'})['return']
        assert got.startswith('Error: object_del -w: this connection cannot wait'), got
        equal(line.read(), '')
        v.tell('e')
        equal(line.until('running\n(qemu) '), '(qemu) VM status: running\n(qemu) ')
        equal(v.hmp('info memdev').count('m1'), 0)
        os.close(line.fd)


def two_wait():
    """The second one finds that the first one deleted it: no error of its own."""
    with Guest() as v:
        first, second = v.socket(), v.terminal()
        v.hmp('device_del d1')
        first.send('object_del -w m1\n')
        second.send('object_del -w m1\r')
        v.tell('e')
        equal(first.until('(qemu) '), '(qemu) ')
        second.until('(qemu) ')
        assert 'Error' not in second.text, second.text
        os.close(first.fd)


def refused():
    with Guest() as v:
        line = v.socket()
        v.hmp('device_del d1')
        line.send('object_del -w m1\n')
        line.read(0.2)
        v.tell('n')
        equal(line.until('(qemu) '), "Error: object 'm1' stays: the guest refuses to let go of its DIMM: device busy\n(qemu) ")
        line.send('object_del -w m1\n')
        assert "is in use, can not be deleted" in line.until('(qemu) '), 'nobody asks the guest any more'
        os.close(line.fd)


def reset():
    """A reset ends the request; who types at a terminal is told, also of requests that nobody waits for."""
    with Guest() as v:
        line, terminal = v.socket(), v.terminal()
        v.hmp('device_del d1')
        line.send('object_del -w m1\n')
        line.read(0.2)
        v.start('r')
        equal(line.until('(qemu) '), "Error: object 'm1' stays: the request to remove its DIMM ended with a reset\n(qemu) ")
        terminal.until("DIMM 'd1': the request to remove it ended with a reset; ask again\n")
        os.close(line.fd)


def interrupted():
    """Ctrl-C on a terminal; what was typed behind the command is gone, the request stays. Notices of other DIMMs are shown meanwhile."""
    with Guest() as v:
        terminal = v.terminal()
        v.hmp('stop')
        v.hmp('device_del d1')
        terminal.send('object_del -w m1\r')
        terminal.until("the machine is paused: its guest cannot let go of the DIMM of 'm1' before 'cont'\n")
        equal(v.hmp('object_add memory-backend-ram,id=m2,size=2M'), '')
        equal(v.hmp('device_add pc-dimm,id=d2,memdev=m2'), '')
        equal(v.hmp('device_del d2'), '')
        terminal.send('info version\r')
        v.hmp('cont')
        silent = 'removal asked for; the guest does not listen to memory events (no ACPI, or not booted so far)'
        terminal.until(f"DIMM 'd1': {silent} (Ctrl-C ends the wait)\n", 20)
        terminal.until(f"DIMM 'd2': {silent}\n", 20)
        terminal.send('\x03')
        equal(terminal.until('(qemu) '), "Error: object 'm1' stays: no longer waited for\n(qemu) ")
        terminal.send('info status\r')
        assert 'VM status: running' in terminal.until('running\n(qemu) ') and 'Ramjet' not in terminal.text, terminal.text
        v.tell('e')
        terminal.until("device 'd1' is removed\n")
        equal(v.hmp('object_del m1'), '')


def client_leaves():
    """Who waited goes away: the next client of the socket has a monitor that works, and nothing was deleted behind its back."""
    with Guest() as v:
        line = v.socket()
        v.hmp('device_del d1')
        line.send('object_del -w m1\nquit\n')
        line.read(0.2)
        os.close(line.fd)
        line = v.socket()
        line.send('info status\n')
        equal(line.until('running\n(qemu) '), 'VM status: running\n(qemu) ')
        v.tell('e')
        equal(v.hmp('info memory-devices'), '')
        assert 'memory backend: m1' in v.hmp('info memdev')
        os.close(line.fd)


def names():
    """Long ids, and a DIMM without one."""
    for dimm, backend, path in ((f'id=d{LONG},', 'm' + LONG, 'd' + LONG), ('', 'm1', '/machine/peripheral-anon/device[0]')):
        with Guest(dimm=dimm, backend=backend) as v:
            line, terminal = v.socket(), v.terminal()
            equal(v.hmp(f'device_del {path}'), '')
            line.send(f'object_del -w {backend}\n')
            equal(line.read(0.2), '')
            v.tell('e')
            equal(line.until('(qemu) '), '(qemu) ')
            equal(v.hmp('info memdev').count('memory backend'), 1)
            terminal.until('the DIMM in slot 0 is removed\n' if not dimm else "device 'dxxx")
            os.close(line.fd)


def autodel():
    """The backend goes with its DIMM: nothing is left to do."""
    with Guest(dimm='id=d1,autodel=on,') as v:
        line = v.socket()
        v.hmp('device_del d1')
        line.send('object_del -w m1\n')
        line.read(0.2)
        v.tell('e')
        equal(line.until('(qemu) '), '(qemu) ')
        equal(v.hmp('info memdev').count('m1'), 0)
        os.close(line.fd)


def words():
    with Guest() as v:
        for text, want in (('object_del -w', 'object_del: string expected'), ('object_del -w nosuch', "Error: object 'nosuch' not found"),
                           ('object_del -w m1', "Error: object 'm1' is in use, can not be deleted"),
                           ('object_del -w m1 x', 'object_del: extraneous characters at the end of line\nTry "help object_del" for more information'),
                           ('object_del m1 x', 'object_del: extraneous characters'), ('device_del d1 x', 'device_del: extraneous characters')):
            got = v.hmp(text)
            assert got.startswith(want), f'{text}: {got}'
        assert 'no answer' not in v.hmp('info memory-devices') and 'asked' not in v.hmp('info memory-devices'), 'device_del d1 x asked'


tap = Tap()
for f in (gone, two_wait, refused, reset, interrupted, client_leaves, names, autodel, words):
    tap.case('object_del -w: ' + f.__name__.replace('_', ' '), f)
tap.done()
