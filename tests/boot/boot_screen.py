# SPDX-License-Identifier: MIT
# ramjet-test: timeout=300
"""What the guest shows on its screen, read back from screendumps.

Text mode: the kernel gets no console= at all; the cells of the picture are compared with the font that the
loader put into the VGA. Framebuffer (vga=791): the guest draws its own font, so the test has it show all
characters once, learns them, and then reads what comes after, which also shows that stores of running
code reach the next picture.
"""
import os
import struct
import sys
import tempfile
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402

PRINTABLE = ''.join(map(chr, range(33, 127)))


class Picture:
    """A screendump: width, height, and rows of RGB bytes."""

    def __init__(self, path):
        with open(path, 'rb') as f:
            data = f.read()
        (self.ppm if data[:2] == b'P6' else self.png)(data)

    def ppm(self, data):
        magic, size, depth, rest = data.split(b'\n', 3)
        self.width, self.height = map(int, size.split())
        assert depth == b'255' and len(rest) == 3 * self.width * self.height, 'a damaged PPM'
        self.rows = [rest[i:i + 3 * self.width] for i in range(0, len(rest), 3 * self.width)]

    def png(self, data):
        assert data[:8] == b'\x89PNG\r\n\x1a\n', 'neither PPM nor PNG'
        at, packed = 8, b''
        while at < len(data):
            size, kind = struct.unpack_from('>I4s', data, at)
            body, crc = data[at + 8:at + 8 + size], struct.unpack_from('>I', data, at + 8 + size)[0]
            assert zlib.crc32(kind + body) == crc, f'chunk {kind}: wrong CRC'
            if kind == b'IHDR':
                self.width, self.height, *rest = struct.unpack('>IIBBBBB', body)
                assert rest == [8, 2, 0, 0, 0], 'not the PNG that is written here'
            packed += body if kind == b'IDAT' else b''
            at += size + 12
        raw, step = zlib.decompress(packed), 3 * self.width + 1
        assert len(raw) == step * self.height
        self.rows = [raw[i + 1:i + step] for i in range(0, len(raw), step)]

    def cell(self, x, y, width):
        """8 pixels of 16 rows as bits: set where the colour is not that of most pixels."""
        dots = [self.rows[y + r][3 * (x + c):3 * (x + c) + 3] for r in range(16) for c in range(8)]
        back = max(set(dots), key=dots.count)
        return tuple(d != back for d in dots)

    def text(self, glyphs, width):
        """Lines of text; cells are `width` dots apart, unknown ones are \ufffd."""
        return '\n'.join(''.join(glyphs.get(self.cell(x, y, width), '\ufffd') for x in range(0, self.width - width + 1, width)).rstrip()
                         for y in range(0, self.height - 15, 16))


def spleen():
    """{cell: character} of the font of the text mode."""
    sys.path.insert(0, os.path.join(vm.TOP, 'scripts'))
    import gzip
    with gzip.open('/usr/share/consolefonts/spleen-8x16.psfu.gz') as f:
        data = f.read()
    count, glyph, out = 512 if data[2] & 1 else 256, 0, {}
    for (u,) in struct.iter_unpack('<H', data[4 + count * 16:]):
        if u == 0xffff:
            glyph += 1
        elif 32 <= u < 127:
            rows = data[4 + glyph * 16:20 + glyph * 16]
            out[tuple(bool(r >> (7 - c) & 1) for r in rows for c in range(8))] = chr(u)
    return out


def dump(m, name='screen.ppm'):
    said = m.hmp(f'screendump {m.dir}/{name}')
    assert not said.strip(), said
    return Picture(f'{m.dir}/{name}')


def wait_for(m, glyphs, width, words, seconds=120):
    """Pictures until all words are on one of them; returns it."""
    end = time.time() + seconds * m.slow
    while True:
        picture = dump(m)
        text = picture.text(glyphs, width)
        if all(w in text for w in words):
            return picture, text
        if time.time() > end:
            raise TimeoutError(f'{words} are not on the screen:\n' + text)
        time.sleep(0.3)


def text_mode():
    tail = 'dmesg | head -n 1; echo; dmesg | grep -i "console: colour"; echo done showing'
    with vm.VM(vm.emulator(), ['-m', '256', '-kernel', guest.kernel(), '-initrd', guest.initrd('screen', tail=tail)], reboot=True) as m:
        picture, text = wait_for(m, spleen(), 9, ['done showing', 'Linux version 6.'])
        assert (picture.width, picture.height) == (720, 400), f'{picture.width}x{picture.height}'
        assert 'Console: colour VGA+ 80x25' in text, text
        note(next(x for x in text.split('\n') if 'Linux version' in x))
        assert not m.buf, 'and yet something went to the serial port: ' + m.buf
        # One picture, two formats. The cursor blinks: only what is not on its line is compared.
        m.hmp('stop')
        a, b = dump(m, 'a.ppm'), dump(m, 'b.png')
        assert a.rows == b.rows, 'PPM and PNG differ'
        m.hmp('cont')
        # After a reset the loader makes the screen anew: the kernel's first lines are there again.
        m.hmp('system_reset')
        wait_for(m, spleen(), 9, ['done showing', 'Linux version 6.'])


def framebuffer():
    args = ['-m', '256', '-kernel', guest.kernel(), '-initrd', guest.initrd(),
            '-append', 'console=tty0 console=ttyS0 vga=791 loglevel=3']
    with vm.VM(vm.emulator(), args) as m:
        m.ready()
        assert 'VESA VGA' in m.run('cat /proc/fb'), m.run('cat /proc/fb')
        m.run(r"printf '\033c\033[?25l%s\n' '" + PRINTABLE.replace("'", "'\\''") + "' > /dev/tty1")
        time.sleep(0.5)
        picture = dump(m)
        assert (picture.width, picture.height) == (1024, 768), f'{picture.width}x{picture.height}'
        glyphs = {picture.cell(8 * i, 0, 8): c for i, c in enumerate(PRINTABLE)}
        assert len(glyphs) >= len(PRINTABLE) - 2, f'only {len(glyphs)} different characters in the first line'
        glyphs[(False,) * 128] = ' '
        m.run('dmesg | head -n 1 > /dev/tty1')
        _, text = wait_for(m, glyphs, 8, ['Linux version 6.'], 30)
        note(text.split('\n')[1])
        for i in range(3): # the same pages again and again: each picture has the newest
            m.run(f"printf '\\033[5;1Hround {i} of the pictures' > /dev/tty1")
            wait_for(m, glyphs, 8, [f'round {i} of the pictures'], 30)
        m.run(r"printf '\033[41m\033[2J' > /dev/tty1")
        time.sleep(0.5)
        colours = {bytes(p) for r in dump(m).rows for p in (r[:3], r[-3:])}
        assert len(colours) == 1 and next(iter(colours))[0] > 0x80, f'a red screen is {colours}'


def counted(watch, digests):
    """The serial console of a boot with counted time that also draws on a framebuffer; watch: take pictures all the while.
    Digests of the whole machine, each 100 million instructions, go to a file."""
    m = vm.VM(vm.emulator(), ['-m', '256', '-icount', 'shift=1', '-rtc', 'base=2026-01-01', '-kernel', guest.kernel(),
                              '-digest-every', f'100000000,file={digests}',
                              '-initrd', guest.initrd('counted', {}, 'cat /proc/interrupts; poweroff -f'),
                              '-append', 'console=tty0 console=ttyS0 vga=789 panic=-1'])
    pictures = 0
    with m:
        end = time.time() + 120 * m.slow
        while m.p.poll() is None:
            assert time.time() < end, 'the guest does not end: ' + m.buf[-300:]
            try:
                if watch:
                    dump(m)
                    pictures += 1
                m._pump(0.01 if watch else 0.2)
            except (EOFError, OSError):
                m.p.wait(10)
    assert 'Power down' in m.buf, m.buf[-300:]
    return m.buf, pictures


def invisible():
    with tempfile.TemporaryDirectory() as d:
        plain, _ = counted(False, d + '/plain')
        watched, pictures = counted(True, d + '/watched')
        with open(d + '/plain') as a, open(d + '/watched') as b:
            parts, seen = a.read().splitlines(), b.read().splitlines()
    note(f'{len(plain)} bytes on the console, {pictures} pictures, {len(parts)} digests')
    assert pictures >= 5, f'only {pictures} pictures were taken'
    assert any('vga.vram' in x for x in parts), parts[:5]
    for a, b in zip(plain.splitlines() + parts, watched.splitlines() + seen):
        assert a == b, f'{a!r} became {b!r}'
    assert plain == watched and parts == seen, f'{len(plain)} bytes became {len(watched)}, {len(parts)} digests {len(seen)}'


def refused():
    with vm.VM(vm.emulator(), ['-m', '128', '-S', '-kernel', guest.kernel(), '-vga', 'none']) as m:
        assert 'no console' in m.hmp('screendump /tmp/x.ppm')
    with vm.VM(vm.emulator(), ['-m', '128', '-S', '-kernel', guest.kernel()]) as m:
        assert '/nowhere/x.png: cannot open: No such file' in m.hmp('screendump /nowhere/x.png')
        assert "format 'gif' is unknown" in m.hmp('screendump -f gif x')
        assert not m.hmp(f'screendump -f png {m.dir}/name.ppm').strip()
        with open(m.dir + '/name.ppm', 'rb') as f:
            assert f.read(4) == b'\x89PNG', '-f does not win over the name'
    with vm.VM(vm.emulator(), ['-m', '128', '-S', '-kernel', guest.kernel(), '-device', 'VGA,id=v'], qmp=True) as m:
        said = m.qmp('screendump', filename=m.dir + '/q.png', format='png', device='v', head=0)
        assert said == {'return': {}}, said
        assert (Picture(m.dir + '/q.png').width, Picture(m.dir + '/q.png').height) == (720, 400)
        m.qmp('screendump', filename=m.dir + '/q.any')
        assert Picture(m.dir + '/q.any').rows[16:] == Picture(m.dir + '/q.png').rows[16:]
        for args, why in (({'device': 'w'}, "Device 'w' not found"), ({'format': 'bmp'}, "'bmp' is unknown"), ({'head': 1}, "'head'")):
            said = m.qmp('screendump', filename='x', **args)
            assert why in said.get('error', {}).get('desc', ''), said


tap = Tap()
tap.case('text mode, no console=: "Linux version" is read from the screen', text_mode)
tap.case('framebuffer: what the guest draws is in the next picture', framebuffer)
tap.case('counted time: a boot is the same to the last byte while pictures are taken', invisible)
tap.case('screendump: formats, and errors that name the file', refused)
tap.done()
