# SPDX-License-Identifier: MIT
# ramjet-test: timeout=200
"""What is done in the window of a recorded run is recorded: keys, the mouse, the serial tab and the buttons. The recording is replayed
without a window, with equal digests, and with one, which then takes no input."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from window import SLOW, Display, Window, guest, needs, tap, vm  # noqa: E402

# A shell on the screen's first terminal; what it is told comes out of the serial port.
TAIL = "setsid sh -c 'exec sh </dev/tty1 >/dev/tty1 2>&1' &"


def arguments(initrd):
    return ['-initrd', initrd, '-append', 'console=tty0 console=ttyS0 quiet', '-deterministic', '-no-reboot']


def record(initrd, path):
    with Window(*arguments(initrd), '-record', f'{path},every=500000000,pace=on') as w:
        w.until('Debian is up', lambda: 'MARK init-reached' in w.text('Serial 0'), 100)
        w.until('with a picture', lambda: 'picture 720x400' in w.info() or 'picture 640x400' in w.info())
        w.select('Screen')
        w.type('echo Ke"y"s-$((6*7)) > /dev/ttyS0\n')
        w.until('keys', lambda: 'Keys-42' in w.text('Serial 0'), 30)
        w.click(400, 300)
        w.until('grabbed', lambda: ' grab on ' in w.info())
        w.tool('mousemove_relative', '--', '30', '20')
        w.tool('click', '3')
        w.key('ctrl+alt+g')
        w.select('Serial 0')
        w.type('echo Ta""b\n')
        w.until_text('\nTab\n', timeout=30)
        w.select('Memory')
        w.press('plug-256M')
        w.until('mapped', lambda: 'mapped' in w.info(), 30)
        w.select('Serial 0')
        w.type('poweroff -f\n')
        assert w.wait_exit(60) == 0, w.stderr()
    with open(path) as f:
        text = f.read()
    for pattern in (r'^\d+ key .*shift', r'^\d+ key k', r'^\d+ pointer 30 20', r'^\d+ pointer 0 0 0 2', r'^\d+ serial .*', r'^\d+ monitor .*', r'^\d+ end 0 '):
        assert re.search(pattern, text, re.M), f'no {pattern} in:\n{text}'


def replay(initrd, path):
    cmd = [*vm.emulator(), '-display', 'none', '-m', '1G,slots=3,maxmem=4G', '-kernel', guest.kernel(), '-serial', 'stdio', '-monitor', 'none',
           '-script', path, *arguments(initrd)]
    r = subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100 * SLOW)
    assert r.returncode == 0, r.stderr[-800:]
    assert 'Keys-42' in r.stdout and '\nTab' in r.stdout.replace('\r', '')


def replay_shown(initrd, path, display):
    with Window(*arguments(initrd), '-script', path, display=display) as w:
        w.tool('type', '--delay', '5', 'nobody hears this')
        assert w.wait_exit(100) == 0, w.stderr()


def main():
    t = tap.Tap()
    try:
        needs()
        initrd = guest.initrd('window-record', tail=TAIL)
        guest.kernel()
    except (tap.Skip, guest.GuestError) as e:
        print(f'1..0 # SKIP {e}')
        return

    with tempfile.TemporaryDirectory(prefix='record') as d, Display() as display:
        path = d + '/recording'
        t.case('a run in the window is recorded', record, initrd, path)
        if os.path.exists(path):
            t.case('replayed without a window', replay, initrd, path)
            t.case('replayed in a window that takes no input', replay_shown, initrd, path, display)
    t.done()


if __name__ == '__main__':
    main()
