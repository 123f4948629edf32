# SPDX-License-Identifier: MIT
"""A window under an X server of its own: Xvfb, the emulator with -display sdl, xdotool for the user's hands, `info ui` for his eyes.

    with Window('-S', scale='1.5') as w:
        w.select('Monitor'); w.type('info status\\n'); w.until('VM status', lambda: 'VM status' in w.text())
"""
import ctypes
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + '/scripts')
from testlib import guest, packages, tap, vm   # noqa: E402

SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
TOOLS = ('Xvfb', 'xdotool', 'import')


def needs():
    """Skip where the tools are not installed, or the build has no window."""
    for t in TOOLS:
        if not shutil.which(t):
            raise tap.Skip(f'{t} is not installed')
    r = subprocess.run([*vm.emulator(), '-display', 'sdl', '-version'], capture_output=True, text=True)
    if 'this build has no' in r.stderr:
        raise tap.Skip('the build has no window')


class Display:
    """An X server without a window manager."""

    def __init__(self, size='1400x1100'):
        r, w = os.pipe()
        self.p = subprocess.Popen(['Xvfb', '-displayfd', str(w), '-screen', '0', size + 'x24', '-nolisten', 'tcp'], pass_fds=(w,), stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        os.close(w)
        with os.fdopen(r) as f:
            self.name = ':' + f.readline().strip()
        if self.name == ':':
            raise RuntimeError('Xvfb does not start')

    def close(self):
        self.p.kill()
        self.p.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Window:
    """A running emulator with a window."""

    def __init__(self, *args, display=None, options='', memory='1G,slots=3,maxmem=4G', kernel=True, env=None):
        self.own = None if display else Display()
        self.x = display or self.own
        self.dir = tempfile.mkdtemp(prefix='ui')
        self.path = self.dir + '/hmp'
        self.env = {**os.environ, 'DISPLAY': self.x.name, 'SDL_VIDEODRIVER': 'x11'}
        self.env.pop('WAYLAND_DISPLAY', None)
        self.env.update(env or {})
        self.err = open(self.dir + '/stderr', 'w+')
        cmd = [*vm.emulator(), '-display', 'sdl' + options, '-m', memory, '-chardev', f'socket,id=test,path={self.path},server=on,wait=off',
               '-mon', 'test', *(['-kernel', guest.kernel()] if kernel else []), *args]
        if '-monitor' not in args:
            cmd += ['-monitor', 'vc']
        self.p = subprocess.Popen(cmd, env=self.env, stdin=subprocess.DEVNULL, stdout=self.err, stderr=self.err, cwd=self.dir)
        self.s = None
        try:
            self._connect()
            self._show()
            self._focus()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        if self.s:
            self.s.close()
        try:
            self.p.terminate()
            self.p.wait(5)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
        self.err.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        if self.own:
            self.own.close()

    def _show(self):
        self.id = self.until('the window is there', lambda: self.tool('search', '--pid', str(self.p.pid), '--name', '.', fail=False).split())[0]
        self.tool('windowmove', self.id, '0', '0')

    def _focus(self):
        self.tool('windowfocus', self.id)
        self.until('it has the keyboard', lambda: 'focus on' in self.info())

    # ---- the monitor

    def _connect(self):
        end = time.time() + 20 * SLOW
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(self.path)
                break
            except OSError:
                s.close()
                if self.p.poll() is not None or time.time() > end:
                    raise RuntimeError('the emulator does not start: ' + self.stderr())
                time.sleep(0.02)
        s.settimeout(20 * SLOW)
        self.s = s
        self._reply()

    def _reply(self):
        b = b''
        while not b.endswith(b'(qemu) '):
            d = self.s.recv(65536)
            if not d:
                raise EOFError('the emulator ended: ' + self.stderr())
            b += d
        return b[:-7].decode('utf-8', 'replace').replace('\r', '')

    def hmp(self, line):
        try:
            self.s.sendall((line + '\n').encode())
        except OSError:
            raise EOFError(f'the emulator ended ({self.p.wait(5)}): {self.stderr()}')
        return self._reply()

    def stderr(self):
        with open(self.dir + '/stderr') as f:
            return f.read()

    def wait_exit(self, timeout=20):
        status = self.p.wait(timeout * SLOW)
        if status:
            print('# ' + self.stderr()[-1500:].replace('\n', '\n# '))
        return status

    # ---- eyes

    def info(self, tab=''):
        return self.hmp('info ui' + (' ' + tab if tab else ''))

    def text(self, tab=''):
        """The lines of a text tab."""
        return '\n'.join(x[1:] for x in self.info(tab).split('\n') if x.startswith('|'))

    def field(self, pattern, tab=''):
        m = re.search(pattern, self.info(tab))
        if not m:
            raise AssertionError(f'no {pattern!r} in:\n{self.info(tab)}')
        return m

    def until(self, what, fn, timeout=10):
        """Wait until fn() is true; returns it."""
        end = time.time() + timeout * SLOW
        while True:
            r = fn()
            if r:
                return r
            if time.time() > end:
                raise TimeoutError(f'waited for: {what}\n' + (self.info() if self.s else '') + self.stderr()[-500:])
            time.sleep(0.03)

    def until_text(self, text, tab='', timeout=10):
        return self.until(f'{text!r} in the tab', lambda: text in self.text(tab), timeout)

    def place(self, kind, name):
        """Middle of a tab or button: kind 'tab' with its title, 'button' with its id."""
        m = re.search(rf'^{kind} (?:\d+ )?"?{re.escape(name)}"?(?: "[^"]*")? (-?\d+),(-?\d+) (\d+)x(\d+)', self.info(), re.M)
        if not m:
            raise AssertionError(f'no {kind} {name} in:\n{self.info()}')
        x, y, w, h = map(int, m.groups())
        return x + w // 2, y + h // 2

    def picture(self, path, w=None, h=None):
        """A screenshot of the window into a file."""
        size = self.field(r'window (\d+)x(\d+)')
        subprocess.run(['import', '-window', 'root', '-crop', f'{size[1]}x{size[2]}+0+0', '+repage', '-colors', '48', 'PNG8:' + path], env=self.env, check=True)

    # ---- hands

    def tool(self, *args, fail=True):
        r = subprocess.run(['xdotool', *args], env=self.env, capture_output=True, text=True, timeout=20 * SLOW)
        if r.returncode and fail:
            raise RuntimeError(f'xdotool {args}: {r.stderr}')
        return r.stdout

    def key(self, *keys):
        self.tool('key', '--delay', '20', *keys)

    def type(self, text):
        for i, line in enumerate(text.split('\n')):
            if i:
                self.key('Return')
            if line:
                self.tool('type', '--delay', '8', line)

    def click(self, x, y, button=1, repeat=1):
        self.tool('mousemove', str(x), str(y))
        self.tool('click', '--repeat', str(repeat), '--delay', '40', str(button))

    def close_request(self):
        """What a window manager sends when the user closes the window."""
        x = ctypes.CDLL('libX11.so.6')
        x.XOpenDisplay.restype = ctypes.c_void_p
        for f in ('XInternAtom', 'XSendEvent', 'XSync', 'XCloseDisplay'):
            getattr(x, f).restype = ctypes.c_ulong
        d = ctypes.c_void_p(x.XOpenDisplay(self.x.name.encode()))
        atom = [x.XInternAtom(d, n, 0) for n in (b'WM_PROTOCOLS', b'WM_DELETE_WINDOW')]
        event = (ctypes.c_long * 24)()
        # XClientMessageEvent: type, serial, send_event, display, window, message_type, format, data
        event[0], event[3], event[4], event[5], event[6], event[7] = 33, d.value, int(self.id), atom[0], 32, atom[1]
        x.XSendEvent(d, ctypes.c_ulong(int(self.id)), 0, ctypes.c_long(0), ctypes.byref(event))
        x.XSync(d, 0)
        x.XCloseDisplay(d)

    def keyboard_is_taken(self):
        """Whether another client of the X server could not have all keys now."""
        x = ctypes.CDLL('libX11.so.6')
        x.XOpenDisplay.restype = ctypes.c_void_p
        x.XDefaultRootWindow.restype = ctypes.c_ulong
        d = ctypes.c_void_p(x.XOpenDisplay(self.x.name.encode()))
        taken = x.XGrabKeyboard(d, ctypes.c_ulong(x.XDefaultRootWindow(d)), 0, 1, 1, ctypes.c_ulong(0)) == 1 # AlreadyGrabbed
        x.XCloseDisplay(d)
        return taken

    def press(self, button):
        self.click(*self.place('button', button))

    def select(self, title):
        self.click(*self.place('tab', title))
        self.until(f'the tab {title}', lambda: self.selected() == title)

    def selected(self):
        return self.field(r'tab \d+ "([^"]*)" .* selected')[1]
