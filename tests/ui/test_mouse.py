# SPDX-License-Identifier: MIT
# ramjet-test: timeout=240
"""The mouse with Debian's psmouse driver: what X sends to the window, and the monitor's mouse_move and mouse_button, arrive at the
guest's /dev/input/mice with the same way and the same buttons; nothing arrives before the mouse is taken and after it is let go,
with the keys that the window's title shows."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from window import Display, Window, guest, needs, tap  # noqa: E402

# A packet a read: buttons and signs, x, y (upward). What moves between two reads is in one packet.
TAIL = '''insmod /psmouse.ko
while ! dmesg | grep -q 'input:.*Mouse'; do sleep 0.2; done
echo "MOUSE $(dmesg | grep -o 'input: .*Mouse')"
exec 3</dev/input/mice
( while :; do echo "P $(dd bs=3 count=1 <&3 2>/dev/null | od -An -tu1)"; done ) &'''


class Mouse:
    """What the guest's program printed since the last look."""

    def __init__(self, w):
        self.w, self.seen = w, 0

    def text(self):
        with open(self.w.dir + '/serial', errors='replace') as f:
            return f.read().replace('\r', '')

    def packets(self):
        rows = re.findall(r'P +(\d+) +(\d+) +(\d+)$', self.text(), re.M)
        return [(int(b) & 7, int(x) - 256 * (int(b) >> 4 & 1), -(int(y) - 256 * (int(b) >> 5 & 1))) for b, x, y in rows]

    def forget(self):
        self.seen = len(self.packets())

    def way(self):
        new = self.packets()[self.seen:]
        return sum(p[1] for p in new), sum(p[2] for p in new)

    def moves(self, what, dx, dy):
        try:
            self.w.until(what, lambda: self.way() == (dx, dy))
        except TimeoutError:
            raise AssertionError(f'{what}: {self.way()}, not {(dx, dy)}')
        self.forget()

    def buttons(self, what, *states):
        """The button states in that order, each until the next."""
        def seen():
            got = []
            for b, _, _ in self.packets()[self.seen:]:
                if not got or got[-1] != b:
                    got.append(b)
            return got
        try:
            self.w.until(what, lambda: seen() == list(states))
        except TimeoutError:
            raise AssertionError(f'{what}: {seen()}, not {list(states)}')
        self.forget()


def boot(w, m):
    w.until('the driver has found the mouse', lambda: 'MOUSE input: ' in m.text(), 120)
    assert re.search('(Explorer|Wheel) Mouse', m.text()), m.text()[-300:]
    time.sleep(1)


def monitor(w, m):
    for dx, dy in ((5, 3), (-7, 0), (0, -11), (100, -90), (1, 1), (-300, 200)):
        w.hmp(f'mouse_move {dx} {dy}')
        m.moves(f'mouse_move {dx} {dy}', dx, dy)
    for bits, state in ((1, 1), (0, 0), (2, 4), (6, 6), (4, 2), (0, 0), (7, 7), (0, 0)): # PS/2: left 1, right 2, middle 4
        w.hmp(f'mouse_button {bits}')
        m.buttons(f'mouse_button {bits}', state)
    w.hmp('mouse_button 1')
    w.hmp('mouse_move 20 10')
    w.hmp('mouse_button 0')
    m.w.until('dragged', lambda: m.way() == (20, 10) and [p[0] for p in m.packets()[m.seen:]][-1] == 0)
    assert {p[0] for p in m.packets()[m.seen:] if p[1] or p[2]} == {1}, 'the button is down on the way'
    m.forget()
    for bad in ('mouse_move', 'mouse_move 1', 'mouse_move x 1', 'mouse_button 8', 'mouse_button', 'mouse_move 1 2 3 4'):
        assert 'mouse_' in w.hmp(bad), bad
    time.sleep(0.5)
    assert m.way() == (0, 0), 'what is refused changes nothing'


def taken(w, m):
    w.select('Screen')
    m.forget()
    w.tool('mousemove', '300', '300', 'mousemove', '350', '280')
    time.sleep(0.5)
    assert not m.packets()[m.seen:], 'the guest gets nothing before a click'
    w.click(400, 300)
    w.until('taken', lambda: ' grab on ' in w.info())
    assert 'Ctrl-Alt-G' in w.tool('getwindowname', w.id), 'the title says how to get out'
    w.until('the keyboard, too', w.keyboard_is_taken)
    time.sleep(0.5)
    m.forget()
    for dx, dy in ((10, 0), (0, 10), (-4, 7), (50, -60), (-100, 33)):
        w.tool('mousemove_relative', '--', str(dx), str(dy))
        m.moves(f'X moved by {dx} {dy}', dx, dy)
    for _ in range(20): # further than the display reaches
        w.tool('mousemove_relative', '--', '120', '-3')
    m.moves('there is no edge', 2400, -60)
    for button, state in (('1', 1), ('3', 2), ('2', 4)):
        w.tool('mousedown', button)
        m.buttons(f'button {button} down', state)
        w.tool('mouseup', button)
        m.buttons(f'button {button} up', 0)
    for what, state in (('mousedown 1', 1), ('mousedown 3', 3), ('mouseup 1', 2), ('mouseup 3', 0)):
        w.tool(*what.split())
        m.buttons(f'two at once: {what}', state)


def let_go(w, m, *keys, shown=''):
    """The keys let the mouse go; what is down in the guest comes up."""
    if ' grab off ' in w.info():
        w.click(400, 300)
        w.until('taken', lambda: ' grab on ' in w.info())
        time.sleep(0.3)
    assert shown in w.tool('getwindowname', w.id)
    m.forget()
    w.tool('mousedown', '3')
    m.buttons('down', 2)
    for k in keys:
        w.tool('key', '--delay', '30', k)
    w.until('released', lambda: ' grab off ' in w.info())
    m.buttons('up', 0)
    w.tool('mouseup', '3')
    w.tool('mousemove_relative', '30', '30')
    time.sleep(0.5)
    assert m.way() == (0, 0), 'nothing arrives any more'
    assert 'lets the mouse go' not in w.tool('getwindowname', w.id)
    assert not w.keyboard_is_taken(), 'the desktop has its keys again'


def other_keys(d, initrd):
    for mod, wrong, right, shown in (('rctrl', 'ctrl+alt+g', 'Control_R+g', 'Right Ctrl-G'),
                                     ('lshift-lctrl-lalt', 'ctrl+alt+g', 'ctrl+alt+shift+g', 'Ctrl-Alt-Shift-G')):
        with Window('-S', '-initrd', initrd, display=d, options=',grab-mod=' + mod) as w:
            w.tool('key', right)
            w.until(f'{right} takes the mouse', lambda: ' grab on ' in w.info())
            assert shown in w.tool('getwindowname', w.id)
            w.tool('key', wrong)
            time.sleep(0.3)
            assert ' grab on ' in w.info(), f'{wrong} does nothing'
            w.tool('key', right)
            w.until(f'{right} lets it go', lambda: ' grab off ' in w.info())
            if mod == 'rctrl':
                w.tool('key', 'Control_L+2')
                w.tool('key', 'Control_R+2')
                w.until('tabs go with the same key', lambda: w.selected() == 'Monitor')


def main():
    t = tap.Tap()
    try:
        needs()
        initrd = guest.initrd('mouse', {'psmouse.ko': guest.module('psmouse')}, tail=TAIL)
    except (tap.Skip, guest.GuestError) as e:
        print(f'1..0 # SKIP {e}')
        return
    with Display() as d:
        with Window('-initrd', initrd, '-append', 'console=tty0 console=ttyS0', '-serial', 'file:serial', display=d) as w:
            m = Mouse(w)
            for name, fn, more in (('Debian finds the mouse', boot, {}), ('mouse_move and mouse_button', monitor, {}),
                                   ('a click takes the mouse; ways and buttons are those of X', taken, {}),
                                   ('Ctrl-Alt-G lets it go', lambda w, m: let_go(w, m, 'ctrl+alt+g', shown='Ctrl-Alt-G'), {}),
                                   ('another tab lets it go', lambda w, m: let_go(w, m, 'ctrl+alt+2'), {})):
                t.case(name, fn, w, m, **more)
        t.case('grab-mod=', other_keys, d, initrd)
    t.done()


if __name__ == '__main__':
    main()
