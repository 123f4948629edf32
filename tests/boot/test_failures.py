# SPDX-License-Identifier: MIT
# ramjet-test: timeout=180
"""A user's mistake is one clear line on stderr and exit status 1, and leaves nothing behind; a signal ends
the emulator and gives the terminal back; a guest that triple-faults resets, or ends with -no-reboot."""
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, hotplug, vm  # noqa: E402
from testlib.tap import Tap  # noqa: E402

EMU = vm.emulator()
DIR = tempfile.TemporaryDirectory(prefix='fail')
QUIET = ['-display', 'none', '-serial', 'none', '-monitor', 'none']


def path(name, data=None):
    p = os.path.join(DIR.name, name)
    if data is not None:
        with open(p, 'wb') as f:
            f.write(data)
    return p


def refused(args, *words, timeout=20):
    """Run; expect exit status 1 and on stderr one line that holds all the words (and perhaps advice below);
    nothing new in DIR."""
    before = sorted(os.listdir(DIR.name))
    r = subprocess.run([*EMU, *QUIET, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                       cwd=DIR.name)
    lines = [x for x in r.stderr.splitlines() if x.strip()]
    assert r.returncode == 1, f'exit status {r.returncode}: {r.stderr!r}'
    assert 1 <= len(lines) <= 3, f'expected one line, got {r.stderr!r}'
    for w in words:
        assert re.search(w, lines[0]), f'{w!r} is not in {lines[0]!r}'
    assert sorted(os.listdir(DIR.name)) == before, f'left behind: {set(os.listdir(DIR.name)) - set(before)}'


def kernel_data():
    with open(guest.kernel(), 'rb') as f:
        return f.read()


def missing_kernel():
    refused(['-kernel', path('no-kernel')], 'no-kernel')


def truncated_kernel():
    data = kernel_data()
    for n in (0, 100, 0x1f0, 3000, len(data) // 2):
        refused(['-kernel', path('short', data[:n])], 'short')


def not_a_kernel():
    refused(['-kernel', path('text', b'hello, world\n' * 10000)], 'text')


def missing_initrd():
    refused(['-kernel', guest.kernel(), '-initrd', path('no-initrd')], 'no-initrd')


def initrd_too_big():
    p = path('big')
    with open(p, 'wb') as f:
        f.truncate(2 << 30)
    refused(['-m', '256M', '-kernel', guest.kernel(), '-initrd', p], 'big|initrd|memory')
    os.unlink(p)


def memory_too_big():
    refused(['-m', '99999G'], '-m.*(phys-bits|memory)')


def memory_nonsense():
    refused(['-m', '1Q'], '1Q')


def unknown_option():
    refused(['-kernle', 'x'], 'kernle')


def unknown_device():
    refused(['-device', 'pc-dim,id=d'], 'pc-dim')


def unknown_property():
    refused(['-m', '1G,slots=1,maxmem=2G', '-object', 'memory-backend-ram,id=m,size=128M',
             '-device', 'pc-dimm,id=d,memdev=m,slto=0'], 'slto')


def busy_socket():
    p = path('sock')
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(p)
        s.listen(1)
        refused(['-chardev', f'socket,id=c,path={p},server=on,wait=off'], 'sock')
        with socket.socket(socket.AF_UNIX) as c:
            c.connect(p)                    # its owner still has it
    os.unlink(p)


def socket_without_folder():
    refused(['-chardev', f"socket,id=c,path={path('no-folder')}/s,server=on,wait=off"], 'no-folder')


def unwritable_file():
    refused(['-chardev', 'file,id=c,path=/proc/nothing/here'], '/proc/nothing/here')


def terminal_state(sig):
    """Start on a pty, wait until the guest talks, send a signal: the terminal is as it was."""
    master, slave = pty.openpty()
    want = termios.tcgetattr(slave)
    p = subprocess.Popen([*EMU, '-m', '512M', '-display', 'none', '-serial', 'mon:stdio', '-kernel', guest.kernel(), '-append',
                          'console=ttyS0'], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    try:
        end, seen = time.time() + 60, b''
        while b'Linux version' not in seen and time.time() < end:
            if select.select([master], [], [], 0.2)[0]:
                seen += os.read(master, 65536)
        assert b'Linux version' in seen, f'the guest does not talk: {seen[-300:]!r}'
        assert termios.tcgetattr(slave)[3] != want[3], 'the terminal was not switched to raw'
        p.send_signal(sig)
        end = time.time() + 10
        while p.poll() is None and time.time() < end:
            if select.select([master], [], [], 0.1)[0]:
                os.read(master, 65536)
        assert p.poll() is not None, 'still running 10 s after the signal'
        got = termios.tcgetattr(slave)
        assert got[:6] == want[:6], f'terminal flags {got[:4]}, were {want[:4]}'
    finally:
        if p.poll() is None:
            p.kill()
        p.wait()
        os.close(master)
        os.close(slave)


def reset_count(no_reboot):
    """Let the guest reset itself the hard way: by sysrq-b after `reboot=t` (triple fault)."""
    s = hotplug.Session(EMU, append='quiet reboot=t', say=lambda x: None)
    v = vm.VM(EMU, s.args, timeout=120, reboot=not no_reboot)
    try:
        v.ready()
        pos = len(v.buf)
        v.send('echo b > /proc/sysrq-trigger\n')
        if no_reboot:
            assert v.wait_exit(30) == 0
        else:
            v.expect('MARK init-reached', 120, pos)
    finally:
        v.close()


tap = Tap()
for f in (missing_kernel, truncated_kernel, not_a_kernel, missing_initrd, initrd_too_big, memory_too_big, memory_nonsense,
          unknown_option, unknown_device, unknown_property, busy_socket,
          socket_without_folder, unwritable_file):
    tap.case(f.__name__.replace('_', ' '), f)
tap.case('SIGTERM gives the terminal back', terminal_state, signal.SIGTERM)
tap.case('SIGINT gives the terminal back', terminal_state, signal.SIGINT)
tap.case('a triple fault resets the guest', reset_count, False)
tap.case('a triple fault ends it with -no-reboot', reset_count, True)
tap.done()
