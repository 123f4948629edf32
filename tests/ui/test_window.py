# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400
"""The window: tabs, monitor, memory, sizes, selection, closing, losing the display. A machine that has not started is enough."""
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from window import SLOW, Display, Window, guest, needs, tap, vm  # noqa: E402


def tabs(d):
    with Window('-S', '-chardev', 'vc,id=extra', '-serial', 'vc', '-serial', 'chardev:extra', display=d) as w:
        assert re.findall(r'tab (\d) "([^"]*)"', w.info()) == [('1', 'Screen'), ('2', 'Monitor'), ('3', 'Serial 0'), ('4', 'extra'), ('5', 'Memory')], w.info()
        assert w.selected() == 'Screen'
        assert re.search(r'tab 2 "Monitor" .* unread', w.info()), 'the greeting waits there'
        w.select('Monitor')
        w.until('read', lambda: not re.search(r'tab 2 "Monitor" .* unread', w.info()))
        w.select('Memory')
        for key, title in (('ctrl+alt+1', 'Screen'), ('ctrl+alt+3', 'Serial 0'), ('ctrl+alt+Right', 'extra'), ('ctrl+alt+Right', 'Memory'),
                           ('ctrl+alt+Right', 'Screen'), ('ctrl+alt+Left', 'Memory'), ('ctrl+alt+Left', 'extra'), ('ctrl+alt+9', 'extra')):
            w.key(key)
            w.until(f'{key} leads to {title}', lambda: w.selected() == title)


def monitor(d):
    with Window('-S', display=d) as w:
        w.select('Monitor')
        w.type('info status\n')
        w.until_text('VM status: paused (prelaunch)')
        w.type('info mem')
        w.key('Tab')
        w.key('Tab')
        w.until_text('memory-devices')
        assert re.search(r'memory_size_summary +base and plugged', w.text()), w.text()
        w.key('ctrl+u')
        w.tool('windowsize', w.id, '420', '500')
        w.until('narrow', lambda: 'window 420x500' in w.info())
        w.type('m')
        w.key('Tab', 'Tab')
        w.until('a long help is cut, not broken', lambda: re.search(r'^memory +\[\+SIZE.*\.\.\.$', w.text(), re.M))
        w.key('ctrl+u')
        w.tool('windowsize', w.id, '800', '652')
        w.until('wide', lambda: 'window 800x652' in w.info())
        w.type('memory +nonsense\n')
        w.until_text('Error: memory +nonsense: not a size')
        w.key('Up', 'Up', 'Return')
        w.until('history', lambda: w.text().count('VM status: paused') == 2)
        assert 'invalid' not in w.stderr()


def dimm(d):
    with Window('-S', display=d) as w:
        w.select('Memory')
        assert 'button plug-4096M' not in w.info() and 'button plug-2048M' in w.info(), 'sizes that fit'
        w.press('plug-1024M')
        w.until('the DIMM is there', lambda: re.search(r'dimm dimm1 slot 0 size 1073741824 addr 0x100000000 backend mem1 node 0', w.info()))
        assert '"dimm1"' in w.hmp('info memory-devices')
        assert re.search('message dimm1: 1 GiB in slot 0', w.info())
        w.press('plug-512M')
        w.until('another', lambda: 'dimm dimm2 slot 1' in w.info())
        assert 'button plug-2048M "2 GiB"' not in w.info() or re.search('plug-2048M .* disabled', w.info()), 'no longer fits'
        w.press('eject-dimm1')
        w.until('its removal was asked for', lambda: re.search(r'dimm dimm1 .* leaving', w.info()))
        assert re.search('button eject-dimm1 .* disabled', w.info())
        w.press('plug-128M')
        w.until('slots are used up', lambda: re.search('plug-128M .* disabled', w.info()))
    with Window('-S', memory='512M', display=d) as w:
        w.select('Memory')
        assert 'button plug' not in w.info() or 'disabled' in w.field('button plug-128M.*')[0]


def memory(d):
    """The Memory tab says what the monitor says; it scrolls as a whole; its buttons go by keyboard; nodes."""
    nodes = [x for n in 'ab' for x in ('-object', f'memory-backend-ram,id={n},size=512M', '-numa', f'node,memdev={n}')]
    with Window('-S', *nodes, memory='1G,slots=256,maxmem=64G', display=d) as w:
        w.select('Memory')
        w.press('plug-node')
        w.until('the other node', lambda: 'button plug-node "to node 1"' in w.info())
        w.press('plug-128M')
        w.until('plugged there', lambda: re.search('dimm dimm1 slot 0 .* node 1 ', w.info()))
        assert '  node: 1' in w.hmp('info memory-devices')
        assert 'Error' in w.hmp('memory +128M node=7')
        assert 'too much' in w.hmp('memory -dimm1 node=1')
        for _ in range(29):
            w.hmp('memory +128M')
        w.until('thirty', lambda: 'dimm dimm30 ' in w.info())
        view = w.hmp('info mtree -f').split('I/O')[0]
        rows = re.findall(r'^ *([0-9a-f]{16})-([0-9a-f]{16}) .*?: (.*)$', view, re.M)
        assert len(rows) > 35, view
        listed = [tuple(int(x, 16) for x in m) for m in re.findall(r'^\|0x([0-9a-f]+)-0x([0-9a-f]+) ', w.info(), re.M)]
        for a, b, _ in rows: # each is there, as itself or as a part of its neighbours'
            assert any(first <= int(a, 16) and int(b, 16) <= last for first, last in listed), (a, b, listed)
        assert all(x[1] + 1 == y[0] for x, y in zip(listed, listed[1:])), 'holes are listed, nothing twice'
        assert re.search(r'^\|0x118000000-0x11fffffff  128 MiB      DIMM      dimm4$', w.info(), re.M), w.info()
        for size in ('640 KiB', '511.25 MiB', '2044 KiB', '3024 MiB'):
            assert f'  {size} ' in w.info(), size
        bottom = int(w.field(r'scroll 0 of (\d+)')[1])
        assert bottom > 4000
        w.key('End')
        w.until('the end', lambda: f'scroll {bottom} of' in w.info())
        assert 'button eject' not in w.info() and 'button plug' not in w.info(), 'scrolled out'
        w.key('Prior')
        w.until('a page up', lambda: 0 < int(w.field(r'scroll (\d+)')[1]) < bottom)
        size = w.field(r'window (\d+)x(\d+)')
        W, H = int(size[1]), int(size[2])
        w.tool('mousemove', str(W - 4), str(H - 60), 'mousedown', '1', 'mousemove', str(W - 4), '200', 'mousemove', str(W - 40), '10', 'mouseup', '1')
        w.until('pulled to the start', lambda: 'scroll 0 of' in w.info())
        w.key('Tab', 'Tab')
        w.until('focus', lambda: 'focus plug-128M' in w.info())
        w.key('Return')
        w.until('pressed by key', lambda: 'dimm dimm31 ' in w.info())
        w.key('shift+Tab')
        w.until('back', lambda: 'focus plug-node' in w.info())
    with Window('-S', memory='1G', display=d) as w:
        w.select('Memory')
        assert 'button plug' not in w.info() and re.search(r'boot RAM +pc.ram', w.info()), w.info()


def pieces(d):
    """Sizes fit into one piece of the address space, not only into what is left in all."""
    with Window('-S', memory='1G,slots=2,maxmem=1536M', display=d) as w:
        w.select('Memory')
        w.until('sizes', lambda: 'button plug-512M' in w.info())
        assert not re.search('button plug-512M .* disabled', w.info()) and re.search('button plug-1024M .* disabled', w.info()), w.info()
        w.hmp('memory +384M')
        w.until('less is left', lambda: re.search('button plug-256M .* disabled', w.info()) and not re.search('button plug-128M .* disabled', w.info()))


def messages(d):
    """A message that has no room beside the buttons gets lines of its own, and takes nothing from the text above for longer than it lasts."""
    with Window('-S', display=d) as w:
        w.select('Memory')
        w.tool('windowsize', w.id, '400', '300')
        w.until('small', lambda: 'window 400x300 ' in w.info())
        y = int(w.field(r'button reset "Reset" \d+,(\d+)')[1])
        w.press('plug-128M')
        w.until('told', lambda: 'message dimm1: 128 MiB in slot 0 at 0x100000000' in w.info())
        assert int(w.field(r'button reset "Reset" \d+,(\d+)')[1]) == y, 'the buttons stay'
        w.select('Monitor')
        rows = look(w)[1]
        assert 'message' not in w.info(), 'another tab: it is gone'
        w.select('Memory')
        w.select('Monitor')
        assert look(w)[1] == rows


def look(w):
    """(columns, rows, cell width, cell height) of the text on view."""
    return tuple(map(int, w.field(r'terminal (\d+)x(\d+) cell (\d+)x(\d+)').groups()))


def sizes(d):
    for scale, cell, window in (('1', (8, 16), '800x652'), ('1.5', (12, 24), '1200x988'), ('2', (16, 32), '1400x1100')):
        with Window('-S', display=d, options=',scale=' + scale) as w:
            assert f'window {window} scale {scale} ' in w.info(), w.info()
            w.select('Monitor')
            assert look(w)[2:] == cell
            w.type('info status\n')
            w.until_text('VM status')
            w.select('Memory')
            for b in re.findall(r'^(?:button|tab) .* (-?\d+),(-?\d+) (\d+)x(\d+)', w.info(), re.M): # nothing outside the window
                x, y, bw, bh = map(int, b)
                W, H = map(int, window.split('x'))
                assert x >= 0 and y >= 0 and x + bw <= W and y + bh <= H, b
            w.press('plug-256M')
            w.until('plugged', lambda: 'dimm dimm1' in w.info())


def tiny(d):
    """What has no room is left out, and the rest stays where it belongs: buttons in the status bar, the chosen tab in sight."""
    for scale in ('1', '1.5', '2'):
        with Window('-S', display=d, options=',scale=' + scale) as w:
            w.hmp('memory +128M')
            w.tool('windowsize', w.id, '320', '200')
            w.until('small', lambda: 'window 320x200 ' in w.info())
            for i, name in enumerate(('Screen', 'Monitor', 'Serial 0', 'Memory')):
                w.key(f'ctrl+alt+{i + 1}')
                w.until(name, lambda: w.selected() == name)
                text = w.info()
                for b in re.findall(r'^button .* (-?\d+),(-?\d+) (\d+)x(\d+)', text, re.M):
                    x, y, bw, bh = map(int, b)
                    assert x >= 0 and y >= 0 and x + bw <= 320 and y + bh <= 200, (scale, name, b)
                x, y, tw, th = map(int, re.search(r'^tab .* (-?\d+),(-?\d+) (\d+)x(\d+).* selected', text, re.M).groups())
                assert x >= 0 and x + tw <= 320, (scale, name, x, tw)
            w.key('ctrl+alt+2')
            w.until('Monitor', lambda: w.selected() == 'Monitor')
            w.type('info status\n')
            w.until('the prompt is seen', lambda: w.text().rstrip().endswith('(qemu)'))


def full_screen(d):
    with Window('-S', display=d) as w:
        w.select('Monitor')
        before = look(w)
        w.key('ctrl+alt+f')
        w.until('the window covers the display', lambda: 'window 1400x1100 scale 1 full-screen on' in w.info())
        w.until('with larger text area', lambda: look(w)[0] > before[0] and look(w)[1] > before[1])
        w.key('ctrl+alt+f')
        w.until('and back', lambda: 'window 800x652 scale 1 full-screen off' in w.info() and look(w) == before)
    with Window('-S', '-full-screen', display=d) as w:
        w.until('from the start', lambda: 'window 1400x1100 scale 1 full-screen on' in w.info())


def resize(d):
    with Window('-S', display=d) as w:
        w.select('Monitor')
        long = 'print 0x' + 'z' * 150
        w.type(long + '\n')
        w.until_text('zzz')
        first = look(w)
        w.until('two rows', lambda: '(qemu) ' + long in w.text().replace('\n', ''))
        assert '(qemu) ' + long not in w.text()
        w.tool('windowsize', w.id, '1400', '700')
        w.until('wider', lambda: look(w)[0] > first[0])
        assert '(qemu) ' + long in w.text(), 'one row now'
        w.tool('windowsize', w.id, '420', '400')
        w.until('narrow', lambda: look(w)[0] < first[0])
        w.until('broken anew', lambda: '(qemu) ' + long in w.text().replace('\n', ''))
        w.type('info status\n')
        w.until('still alive', lambda: 'VM status: paused (prelaunch)' in w.text())
        w.tool('windowsize', w.id, '900', '800')
        w.until('wide again', lambda: look(w)[0] > first[0])
        assert w.text().count('VM status: paused (prelaunch)') == 1
        assert w.text().rstrip().endswith('(qemu)'), w.text()


def scroll(d):
    with Window('-S', display=d) as w:
        w.select('Monitor')
        for i in range(12):
            w.type('info registers\n')
        w.type('info version\n')
        w.until('much text', lambda: int(w.field(r'lines (\d+)')[1]) > 200 and w.text().rstrip().endswith('(qemu)'))
        bottom = w.text()
        w.key('shift+Prior')
        w.until('a page back', lambda: int(w.field(r'view (\d+)')[1]) == look(w)[1] - 1)
        assert w.text().split('\n')[-1] == bottom.split('\n')[0]
        w.key('shift+Home')
        w.until('the start', lambda: 'type \'help\'' in w.text())
        w.key('shift+End')
        w.until('the end', lambda: w.text() == bottom)
        w.click(300, 300, button=4)
        w.until('the wheel', lambda: int(w.field(r'view (\d+)')[1]) == 3)
        last = w.text().split('\n')[-1]
        w.key('ctrl+shift+f')
        w.until('a bar', lambda: ' finding' in w.info())
        assert w.text().split('\n')[-1] == last, 'the last line is above it'
        w.type('monitor - TYPE')
        w.until('found far up', lambda: 'selection monitor - type' in w.info())
        assert int(w.field(r'view (\d+)')[1]) > 100
        assert "monitor - type 'help'" in w.text(), 'and to be seen'
        w.type('zz')
        w.until('not found', lambda: ' not-found' in w.info())
        w.key('Escape')
        w.until('closed', lambda: ' finding' not in w.info())
        w.type('i')
        w.until('typing leads to the end', lambda: ' view 0 ' in w.info())


def selection(d):
    with Window('-S', display=d) as w:
        w.select('Monitor')
        w.type('info status\n')
        w.until_text('VM status')
        _, _, cw, ch = look(w)
        x, y = map(int, w.field(r'origin (\d+),(\d+)').groups())
        row = w.text().split('\n').index('VM status: paused (prelaunch)')

        def at(column, r):
            return str(x + column * cw + cw // 2), str(y + r * ch + ch // 2)
        w.tool('mousemove', *at(3, row), 'mousedown', '1', 'mousemove', *at(6, row), 'mousemove', *at(8, row), 'mouseup', '1')
        w.until('a part of the line', lambda: 'selection status\n' in w.info())
        w.key('ctrl+shift+c')
        w.key('ctrl+shift+v')
        w.until('pasted', lambda: w.text().rstrip().endswith('(qemu) status'))
        w.click(*map(int, at(1, row)), button=2)
        w.until('the middle button pastes, too', lambda: w.text().rstrip().endswith('(qemu) statusstatus'))
        w.key('ctrl+u')
        w.click(*map(int, at(12, row)), repeat=2)
        w.until('a double click takes a word', lambda: 'selection paused\n' in w.info())
        w.tool('mousemove', *at(5, row - 1), 'mousedown', '1', 'mousemove', *at(8, row), 'mouseup', '1')
        w.until('two lines', lambda: re.search(r'selection \) info status\nVM status\n', w.info()))


def closing(d):
    with Window('-S', display=d) as w:
        w.close_request()
        assert w.wait_exit() == 0, 'not started: ends at once'
    with Window(display=d) as w:
        w.until('running', lambda: 'state running' in w.info())
        w.close_request()
        w.until('it asks', lambda: 'button quit-no' in w.info())
        w.press('quit-no')
        w.until('goes on', lambda: 'button quit-no' not in w.info() and 'running' in w.hmp('info status'))
        w.close_request()
        w.until('it asks again', lambda: 'button quit-yes' in w.info())
        w.click(*w.place('button', 'quit-yes'))
        assert w.wait_exit() == 0
    with Window(display=d) as w:
        w.until('running', lambda: 'state running' in w.info())
        w.key('ctrl+alt+q')
        w.until('asked by key', lambda: 'focus quit-no' in w.info())
        w.key('Return')
        w.until('Enter keeps it', lambda: 'button quit-no' not in w.info() and 'running' in w.hmp('info status'))
        w.key('ctrl+alt+q')
        w.until('asked again', lambda: 'focus quit-no' in w.info())
        w.key('Escape')
        w.until('Escape keeps it', lambda: 'button quit-no' not in w.info())
        w.key('ctrl+alt+q', 'Tab')
        w.until('the other button', lambda: 'focus quit-yes' in w.info())
        w.tool('key', 'Return')
        assert w.wait_exit() == 0
    with Window(display=d, options=',window-close=off') as w:
        w.close_request()
        w.until('refused', lambda: 'message the window stays open' in w.info())
        w.press('pause')
        w.until('paused', lambda: 'state paused' in w.info() and 'VM status: paused' in w.hmp('info status'))
        w.press('pause')
        w.until('running', lambda: 'state running' in w.info())


def lost(d):
    own = Display()
    with Window(display=own) as w:
        w.until('running', lambda: 'state running' in w.info())
        own.close()
        w.until('told', lambda: 'the guest goes on without a window' in w.stderr())
        assert 'running' in w.hmp('info status')
        assert 'the display is gone' in w.hmp('info ui')
        w.hmp('sendkey ret')
        w.s.sendall(b'quit\n')
        assert w.wait_exit() == 0


def idle(d):
    def used():
        with open(f'/proc/{w.p.pid}/stat') as f:
            s = f.read().rsplit(')', 1)[1].split()
        return (int(s[11]) + int(s[12])) / os.sysconf('SC_CLK_TCK')

    def woken():
        for tid in os.listdir(f'/proc/{w.p.pid}/task'):
            with open(f'/proc/{w.p.pid}/task/{tid}/status') as f:
                s = f.read()
            if s.startswith('Name:\twindow\n'):
                return int(re.search(r'^voluntary_ctxt_switches:\s*(\d+)', s, re.M)[1])
        raise AssertionError('no thread of that name')
    with Window('-S', display=d) as w:
        for tab in ('Screen', 'Monitor', 'Memory'):
            w.select(tab)
            time.sleep(2)
            before, count = used(), woken()
            time.sleep(3)
            assert used() - before < 0.15, f'{tab}: {used() - before:.2f} s of CPU in 3 s'
            assert woken() - count <= 12, f'{tab}: the drawing thread woke up {woken() - count} times in 3 s'


def refusals():
    env = {k: v for k, v in os.environ.items() if k not in ('DISPLAY', 'WAYLAND_DISPLAY')}
    for args, words in ((['-display', 'sdl'], ['-display sdl', '-nographic']), (['-display', 'sdl,scal=2'], ['scal', "did you mean 'scale'"]),
                        (['-display', 'sdl,scale=7'], ['scale', '7']), (['-display', 'gtk'], ['gtk']), (['-display', 'none,scale=2'], ['none']),
                        (['-display', 'sdl,grab-mod=x'], ['grab-mod', 'x']), (['-display', 'sdl,show-tabs=maybe'], ['show-tabs', 'maybe']),
                        (['-display', 'none', '-serial', 'vc'], ['vc', 'window']), (['-display', 'none', '-monitor', 'vc:80x24'], ['vc:80x24'])):
        r = subprocess.run([*vm.emulator(), *args], env=env, capture_output=True, text=True, timeout=20)
        assert r.returncode == 1, f'{args}: {r.returncode}'
        for word in words:
            assert word in r.stderr, f'{args}: no {word!r} in {r.stderr!r}'
        assert len(r.stderr.strip().split('\n')) <= 2, r.stderr


def wrong_display():
    """A display that is named and not there: refused where a window is wanted, told where it is only usual. SDL alone would draw into nothing."""
    env = {k: v for k, v in os.environ.items() if k not in ('DISPLAY', 'WAYLAND_DISPLAY', 'SDL_VIDEODRIVER')}
    for more, words in (({'DISPLAY': ':9917'}, ['DISPLAY=:9917', '-nographic']), ({'WAYLAND_DISPLAY': 'none-such'}, ['WAYLAND_DISPLAY=none-such']),
                        ({'DISPLAY': ':9917', 'SDL_VIDEODRIVER': 'none-such'}, ['SDL_VIDEODRIVER=none-such'])):
        r = subprocess.run([*vm.emulator(), '-S', '-display', 'sdl', '-kernel', guest.kernel()], env={**env, **more}, capture_output=True, text=True, timeout=20 * SLOW)
        assert r.returncode == 1 and all(x in r.stderr for x in words), (more, r)
    r = subprocess.run([*vm.emulator(), '-S', '-kernel', guest.kernel(), '-monitor', 'stdio'], input='quit\n', env={**env, 'DISPLAY': ':9917'}, capture_output=True,
                       text=True, timeout=20 * SLOW)
    assert r.returncode == 0 and 'DISPLAY=:9917): going on without one' in r.stderr, r


def hidden_tabs(d):
    with Window('-S', display=d, options=',show-tabs=off,grab-mod=lshift-lctrl-lalt') as w:
        assert '"Screen" 0,0 0x0' in w.info()
        w.key('ctrl+alt+2')
        w.key('ctrl+alt+shift+3')
        w.until('the other keys', lambda: w.selected() == 'Serial 0')


def main():
    t = tap.Tap()
    try:
        needs()
    except tap.Skip as e:
        print(f'1..0 # SKIP {e}')
        return
    with Display() as d:
        for name, fn in (('tabs by click and by key, unread output', tabs), ('a monitor command typed, completion, history', monitor),
                         ('DIMMs plugged and ejected by button', dimm), ('the Memory tab: all of it, by mouse and by key', memory),
                         ('sizes that fit in one piece', pieces), ('messages have room', messages), ('scale 1, 1.5 and 2', sizes), ('full screen', full_screen),
                         ('another size breaks lines anew', resize), ('a tiny window', tiny), ('scroll-back and find', scroll), ('selection, copy, paste', selection),
                         ('closing the window', closing), ('the display is lost', lost), ('an idle window takes no CPU', idle),
                         ('without tabs, with other keys', hidden_tabs)):
            t.case(name, fn, d)
    t.case('what is not there is refused by name', refusals)
    t.case('a display that is not there', wrong_display)
    t.done()


if __name__ == '__main__':
    main()
