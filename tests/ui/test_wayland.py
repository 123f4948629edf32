# SPDX-License-Identifier: MIT
# ramjet-test: timeout=120
"""The window on Wayland: weston, as a window of an Xvfb. Scale 1 and 2 from the output, with all its pixels; full screen; the compositor
dies and the guest goes on. (weston passes on the keys and clicks of an X server too unreliably to be tested with them.)"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from window import SLOW, Display, Window, needs, tap  # noqa: E402

WIDTH, HEIGHT = 900, 700 # of the output, in its own units


class Weston:
    def __init__(self, display, scale):
        self.dir = tempfile.mkdtemp(prefix='wl')
        self.env = {'XDG_RUNTIME_DIR': self.dir, 'WAYLAND_DISPLAY': 'wl', 'SDL_VIDEODRIVER': 'wayland'}
        env = {**os.environ, 'DISPLAY': display.name, 'XDG_RUNTIME_DIR': self.dir}
        env.pop('WAYLAND_DISPLAY', None)
        self.p = subprocess.Popen(['weston', '--backend=x11-backend.so', '--no-config', '--socket=wl', f'--width={WIDTH}', f'--height={HEIGHT}',
                                   f'--scale={scale}', '--use-pixman', '--idle-time=0'], env=env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.time() + 20 * SLOW
        while not os.path.exists(self.dir + '/wl') and self.p.poll() is None and time.time() < end:
            time.sleep(0.05)
        if not os.path.exists(self.dir + '/wl'):
            self.close()
            raise tap.Skip('weston does not start here')

    def close(self):
        self.p.kill()
        self.p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class WaylandWindow(Window):
    """One whose keyboard nobody needs."""

    def _show(self):
        pass

    def _focus(self):
        pass


def fine_pixels(w, width, height):
    """Blocks of 2x2 pixels that are not all alike."""
    raw = subprocess.run(['import', '-window', 'root', '-crop', f'{width}x{height}+0+0', '-depth', '8', 'RGB:-'], env=w.env, capture_output=True, check=True).stdout
    row, count = width * 3, 0
    assert len(raw) == row * height
    for y in range(0, height, 2):
        for x in range(0, row, 6):
            at = y * row + x
            count += not raw[at:at + 3] == raw[at + 3:at + 6] == raw[at + row:at + row + 3] == raw[at + row + 3:at + row + 6]
    return count


def use(d, scale):
    with Weston(d, scale) as c, WaylandWindow('-S', display=d, env=c.env) as w:
        w.until('a window', lambda: f'window {800 * scale}x{652 * scale} scale {scale} full-screen off' in w.info())
    with Weston(d, scale) as c, WaylandWindow('-full-screen', display=d, env=c.env, options=',scale=fit') as w:
        w.until('full screen', lambda: f'window {WIDTH * scale}x{HEIGHT * scale} scale {scale} full-screen on' in w.info())
        w.until('the kernel has a picture there', lambda: re.search(rf'picture 720x400 at 0,\d+ {WIDTH * scale}x', w.info()), 60)
        if scale == 2:
            w.until('the picture is scaled to pixels, not to units', lambda: fine_pixels(w, 800, 600) > 300, 60)
        c.p.kill()
        w.until('told', lambda: 'the guest goes on without a window' in w.stderr())
        assert 'running' in w.hmp('info status')
        assert 'the display is gone' in w.hmp('info ui')
        w.s.sendall(b'quit\n')
        assert w.wait_exit() == 0


def main():
    t = tap.Tap()
    try:
        needs()
        if not shutil.which('weston'):
            raise tap.Skip('weston is not installed')
    except tap.Skip as e:
        print(f'1..0 # SKIP {e}')
        return
    with Display('1900x1500') as d:
        for scale in (1, 2):
            t.case(f'Wayland, scale {scale}', use, d, scale)
    t.done()


if __name__ == '__main__':
    main()
