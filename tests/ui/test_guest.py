# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400
"""The window with Debian's kernel: keys, paste and sendkey reach the guest's console, its picture is shown and scaled, the serial tab
is a terminal (vi, colours, UTF-8), a DIMM is plugged, used and ejected with the mouse alone.

usage: test_guest.py [--pictures DIRECTORY]: also make the pictures of the documentation there."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from window import Display, Window, guest, needs, packages, tap  # noqa: E402

# A shell on the screen's first terminal, too.
TAIL = "setsid sh -c 'exec sh </dev/tty1 >/dev/tty1 2>&1' &"


def serial(w, command, wanted, timeout=20):
    """Type a command at the serial port's shell; wait for its output."""
    w.hmp('info version')
    w.select('Serial 0')
    w.type(command + '\n')
    w.until('the guest answers', lambda: re.search(wanted, w.text(), re.M), timeout)


def appears(w, path, wanted):
    """A file that another shell of the guest is about to write: its only line."""
    serial(w, f'until grep . {path} 2>/dev/null; do sleep 0.1; done', wanted, 30)


def boot(w):
    w.until('Debian is up', lambda: 'MARK init-reached' in w.text('Serial 0'), 100)
    w.until('with a picture', lambda: 'picture 720x400' in w.info() or 'picture 640x400' in w.info())
    w.select('Serial 0')
    w.until('and a shell', lambda: re.search(r'^# $|^#$', w.text(), re.M))
    w.type('PS1=; stty -echo; dmesg -n 1; clear\n')


def keys(w):
    w.select('Screen')
    w.type('echo Typed-$((6*7))-{a,b}~ | tee /tmp/typed\n')
    appears(w, '/tmp/typed', r'^Typed-42-\{a,b\}~$')
    for k in ('e', 'c', 'h', 'o', 'spc', 'shift-s', 'e', 'e', 'n', 'spc', 'shift-dot', 'slash', 't', 'm', 'p', 'slash', 's', 'ret'):
        w.hmp(f'sendkey {k} 30')
    appears(w, '/tmp/s', r'^Seen$')
    assert "unknown key 'nokey'" in w.hmp('sendkey ctrl-nokey')


def stuck(w):
    w.select('Screen')
    w.tool('keydown', 'Shift_L', 'keydown', 'a')
    w.tool('keyup', 'a')
    w.select('Monitor')              # with Shift still down, the guest is left
    w.tool('keyup', 'Shift_L')
    w.select('Screen')
    w.key('BackSpace')
    w.type('echo lower > /tmp/low\n')
    appears(w, '/tmp/low', '^lower$')


def paste(w):
    w.select('Monitor')
    w.type('x-y echo "Pasted!" > /tmp/p; #')
    w.until_text('Pasted!')
    _, _, cw, ch = map(int, w.field(r'terminal (\d+)x(\d+) cell (\d+)x(\d+)').groups())
    x, y = map(int, w.field(r'origin (\d+),(\d+)').groups())
    rows = w.text().split('\n')
    row = max(i for i, line in enumerate(rows) if 'Pasted!' in line)
    a, b = rows[row].index('echo "P'), rows[row].index('; #')
    w.tool('mousemove', str(x + a * cw + 2), str(y + row * ch + 4), 'mousedown', '1', 'mousemove', str(x + b * cw - 2), str(y + row * ch + 4), 'mouseup', '1')
    w.until('selected', lambda: 'selection echo "Pasted!" > /tmp/p\n' in w.info())
    w.key('ctrl+shift+c', 'ctrl+u')
    w.select('Screen')
    w.key('ctrl+alt+v')
    w.until('typing', lambda: '\ntyping\n' in w.info())
    w.until('typed, key by key', lambda: '\ntyping\n' not in w.info(), 30)
    w.key('Return')
    appears(w, '/tmp/p', r'^Pasted!$')


def terminal(w):
    serial(w, "printf 'gr\\303\\274n \\342\\224\\200\\342\\224\\200 \\033[31mred\\033[0m \\346\\227\\245.\\n'", r'^grün ── red 日\.$')
    lines = int(w.field(r'lines (\d+)')[1])
    serial(w, 'seq 1 300; echo En\'\'d', r'^End$')
    assert int(w.field(r'lines (\d+)')[1]) >= lines + 250
    w.type('vi /tmp/file\n')
    w.until('vi', lambda: w.text().count('|~') or w.text().count('~') > 10)
    w.type('ihello there')
    w.key('Return')
    w.type('second')
    w.key('Up', 'Home')
    w.type('>>')
    w.key('Escape')
    time.sleep(0.7)                  # vi waits whether that is the start of a cursor key
    w.type(':wq\n')
    serial(w, 'clear; cat /tmp/file', r'^>>hello there\nsecond$')
    serial(w, 'seq 1 500 > /tmp/n; less /tmp/n', r'^1$')
    w.key('Next')
    w.until('a page on', lambda: not re.search(r'^1$', w.text(), re.M))
    w.type('q')
    serial(w, 'clear; echo Do\'\'ne', '^Done$')


def htop(w, why):
    """Debian's own htop: what it draws, its keys, a click on its last line; the shell's text is back afterwards."""
    if why:
        raise tap.Skip(why)
    serial(w, 'clear; echo Be""fore', '^Before$')
    cols, rows = map(int, w.field(r'terminal (\d+)x(\d+)').groups())
    w.type(f'stty cols {cols} rows {rows}; TERM=xterm-256color LC_ALL=C.UTF-8 /usr/bin/htop -d 5\n')
    w.until('the last line', lambda: re.search(r'^F1Help +F2Setup.*F10Quit', w.text(), re.M), 30)
    w.until('the meters', lambda: re.search(r'^ +(0|CPU)?\[\|* +\d+\.\d%\] +Tasks: \d+', w.text(), re.M))
    lines = w.text().split('\n')
    assert len(lines) == rows and lines[-1].startswith('F1Help'), 'the whole height is used'
    assert re.search(r'Mem\[\|+ *[\d.]+[KMG]/\d+M\]', w.text()) and re.search(r'Load average: [\d. ]+$', w.text(), re.M), w.text()
    head = [i for i, x in enumerate(lines) if re.match(r' +PID USER +PRI +NI +VIRT +RES +SHR S +CPU%.?MEM% +TIME\+ +Command', x)]
    assert len(head) == 1, w.text()
    at = lines[head[0]].index('Command')
    assert any(x[at:].startswith("/usr/bin/htop -d 5") for x in lines[head[0] + 1:]), w.text()
    w.key('F5')                      # as a tree, with lines that are no ASCII
    w.until('a tree', lambda: re.search(r'[├└]─ .*htop -d 5', w.text()))
    w.key('F5')
    w.until('a list', lambda: '─ ' not in w.text())


def quit_htop(w, why):
    if why:
        raise tap.Skip(why)
    x, y = map(int, w.field(r'origin (\d+),(\d+)').groups())
    cw, ch = map(int, w.field(r'cell (\d+)x(\d+)').groups())
    lines = w.text().split('\n')
    w.click(x + lines[-1].index('Quit') * cw + 4, y + (len(lines) - 1) * ch + ch // 2)
    w.until('the shell again', lambda: 'F10Quit' not in w.text() and 'Before' in w.text())
    serial(w, 'echo Af""ter', '^After$')


# What Debian's programs are to find: the terminal, its size, UTF-8.
def terminal_here(w):
    cols, rows = map(int, w.field(r'terminal (\d+)x(\d+)').groups())
    return f'stty cols {cols} rows {rows}; export TERM=xterm-256color LC_ALL=C.UTF-8'


def less(w, why):
    """Debian's less: pages, a search that is highlighted, the end, and the shell's text again."""
    if why:
        raise tap.Skip(why)
    serial(w, f'{terminal_here(w)}; clear; dmesg > /tmp/dmesg; echo Be""fore', '^Before$')
    w.type('/usr/bin/less /tmp/dmesg\n')
    w.until('the start', lambda: 'Linux version' in w.text() and w.text().split('\n')[-1].startswith('/tmp/dmesg'))
    first = w.text().split('\n')
    w.key('Next')
    w.until('a page on', lambda: first[0] not in w.text())
    w.key('Up')
    w.until('a line back', lambda: w.text().split('\n')[0] == first[-2])
    w.type('g/memory\n')
    w.until('found', lambda: 'emory' in w.text().split('\n')[0])


def quit_less(w, why):
    if why:
        raise tap.Skip(why)
    w.type('Gq')
    w.until('the shell again', lambda: 'Before' in w.text() and 'Linux version' not in w.text())


def vim(w, why):
    """Debian's vi: a file is changed in the middle, and saved; its colours and its last line."""
    if why:
        raise tap.Skip(why)
    serial(w, f'{terminal_here(w)}; clear; head -n 60 /init > /tmp/script; echo Be""fore', '^Before$')
    w.type('/usr/bin/vim.tiny -N /tmp/script\n')
    w.until('the file', lambda: 'mount -t proc' in w.text() and '"/tmp/script"' in w.text())
    w.type(':set nu\n')
    w.until('numbers', lambda: re.search(r'^ +1 #!', w.text(), re.M))
    w.type('2GOgr')
    w.tool('key', 'udiaeresis')
    w.type('n was here')
    w.key('Escape')
    w.until('a line more', lambda: re.search(r'^ +2 gr\S*n was here$', w.text(), re.M) and 'INSERT' not in w.text())


def quit_vim(w, why):
    if why:
        raise tap.Skip(why)
    w.type(':wq\n')
    w.until('the shell again', lambda: 'Before' in w.text() and 'mount' not in w.text())
    serial(w, 'clear; sed -n 2p /tmp/script', r'^grün was here$')


def scaling(w):
    w.select('Screen')

    def picture():
        return tuple(map(int, w.field(r'picture (\d+)x(\d+) at (-?\d+),(-?\d+) (\d+)x(\d+)').groups()))
    pw, ph, _, _, dw, dh = picture()
    assert (dw, dh) == (pw, ph), 'whole: once'
    w.key('ctrl+alt+plus')
    w.until('twice', lambda: picture()[4:] == (2 * pw, 2 * ph))
    w.key('ctrl+alt+minus')
    w.until('once', lambda: picture()[4:] == (pw, ph))
    w.press('scaling')
    w.until('fit', lambda: 'scaling fit' in w.info() and picture()[4] == 800)
    w.press('scaling')
    w.until('1:1', lambda: 'scaling 1:1' in w.info() and picture()[4:] == (pw, ph))
    w.key('ctrl+alt+0')
    w.until('whole', lambda: 'scaling whole' in w.info())
    w.press('screenshot')
    names = w.until('a picture', lambda: [x for x in os.listdir(w.dir) if x.endswith('.png')])
    w.until('complete', lambda: open(f'{w.dir}/{names[0]}', 'rb').read()[-8:-4] == b'IEND')


def grab(w):
    w.select('Screen')
    w.click(400, 300)
    w.until('grabbed', lambda: ' grab on ' in w.info())
    w.key('ctrl+alt+g')
    w.until('released', lambda: ' grab off ' in w.info())
    w.click(400, 300)
    w.until('grabbed', lambda: ' grab on ' in w.info())
    w.key('ctrl+alt+3')
    w.until('another tab releases', lambda: ' grab off ' in w.info() and w.selected() == 'Serial 0')


def dimm(w):
    w.select('Memory')
    w.press('plug-512M')
    w.until('mapped', lambda: 'mapped' in w.field(r'dimm dimm1 .*')[0], 20)
    serial(w, 'for b in /sys/devices/system/memory/memory*; do grep -q offline $b/state && echo online_movable > $b/state; done; '
           'clear; free -m | grep Mem', r'Mem: +1[45]\d\d ')
    w.select('Memory')
    w.until('in use', lambda: re.search('state (in use|mapped, unused)', w.info()))
    w.press('eject-dimm1')
    w.until('gone', lambda: 'dimm dimm1' not in w.info(), 40)
    assert w.hmp('info memory-devices').strip() == '', 'nothing is left'
    assert 'mem1' not in w.hmp('info memdev')


def refused():
    """What the guest needs it does not give back: the row says so, and so does the status bar, whole."""
    with Window('-initrd', guest.initrd('sh'), '-append', 'console=tty0 console=ttyS0') as w:
        w.until('Debian is up', lambda: 'MARK init-reached' in w.text('Serial 0'), 100)
        w.select('Memory')
        w.press('plug-256M')
        w.until('mapped', lambda: 'mapped' in w.field(r'dimm dimm1 .*')[0], 20)
        serial(w, 'for b in /sys/devices/system/memory/memory*; do grep -q offline $b/state && echo online_kernel > $b/state; done; mkdir /t; '
               'mount -t tmpfs -o size=900m t /t; for i in $(seq 1 3000); do mkdir /t/$i; done; dd if=/dev/zero of=/t/x bs=1M count=600; '
               'clear; echo Fi\'\'lled', '^Filled$', 60)
        w.select('Memory')
        w.until('in use', lambda: 'state in use' in w.info())
        w.press('eject-dimm1')
        w.until('told', lambda: re.search('message dimm1 stays: .*refused', w.info()), 60)
        assert 'removal refused' in w.hmp('info memory-devices')
        y, h = map(int, w.field(r'button reset "Reset" \d+,(\d+) \d+x(\d+)').groups())
        assert y + h <= 652 and not re.search('button eject-dimm1 .* disabled', w.info()), 'to be asked for again'


def grows():
    with Window('-append', 'vga=791') as w:   # the keyboard of the other display is taken
        w.until('a framebuffer', lambda: 'picture 1024x768' in w.info(), 60)
        w.until('shown whole', lambda: re.search(r'window 1024x820 (.|\n)*picture 1024x768 at 0,26 1024x768 ', w.info()))


def pictures(w, where, why):
    if not why:
        w.select('Serial 0')
        w.type('for i in 1 2 3 4 5; do sleep 999 & done; clear\n')
        htop(w, why)
        w.key('F5', 'Down', 'Down')
        time.sleep(2)
        w.picture(f'{where}/window-htop.png')
        quit_htop(w, why)
        for name, start, end in (('less', less, quit_less), ('vi', vim, quit_vim)):
            start(w, why)
            time.sleep(1)
            w.picture(f'{where}/window-{name}.png')
            end(w, why)
    w.select('Screen')
    w.type('clear; uname -srm; free -m; ls /\n')
    w.select('Serial 0')
    w.type('PS1=\'# \'; clear; ls --color /sys /proc/[a-z]* | head -n 60; uptime\n')
    w.until('text', lambda: 'load average' in w.text())
    w.select('Monitor')
    w.type('info status\nmemory +512M\nmemory +7G\ninfo mem')
    w.key('Tab')
    w.until('candidates', lambda: 'memory_size_summary' in w.text())
    w.select('Memory')
    w.press('plug-256M')
    w.until('state', lambda: w.info().count('mapped') == 2, 20)
    for tab in ('Screen', 'Monitor', 'Serial 0', 'Memory'):
        w.select(tab)
        w.tool('mousemove', '700', '620')
        time.sleep(1.5)
        w.picture(f"{where}/window-{tab.lower().replace(' 0', '')}.png")


def main():
    t = tap.Tap()
    files, why = {}, None
    try:
        needs()
        try:
            files = {**packages.files(packages.HTOP, packages.HTOP_FILES), **packages.files(packages.EDITORS, packages.EDITORS_FILES)}
        except guest.GuestError as e:
            why = str(e)
        initrd = guest.initrd('window', files, tail=TAIL)
    except (tap.Skip, guest.GuestError) as e:
        print(f'1..0 # SKIP {e}')
        return
    with Display() as d, Window('-initrd', initrd, '-append', 'console=tty0 console=ttyS0', display=d) as w:
        for name, fn, *more in (('Debian boots in the window', boot), ('typed and sent keys reach the guest', keys), ('no key stays down', stuck),
                         ('paste types', paste), ('the serial tab is a terminal', terminal), ("Debian's htop", htop, why),
                         ('quits by a click', quit_htop, why),
                         ("Debian's less", less, why), ('and its end', quit_less, why), ("Debian's vi", vim, why), ('saves', quit_vim, why), ('scaling and a screenshot', scaling),
                         ('the mouse is taken and let go', grab), ('a DIMM, with the mouse alone', dimm)):
            t.case(name, fn, w, *more)
        t.case('a refused ejection', refused)
        t.case('a larger picture makes the window larger', grows)
        if '--pictures' in sys.argv:
            t.case('pictures', pictures, w, os.path.abspath(sys.argv[sys.argv.index('--pictures') + 1]), why)
    t.done()


if __name__ == '__main__':
    main()
