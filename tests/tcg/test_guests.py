#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=300 every-build
"""Freestanding guests (tests/tcg/guest/*.c) on both backends, with 1 and 2 vCPUs, in every build.

A guest prints its own `ok`/`not ok` lines on the serial port and ends through isa-debug-exit with 0. `WAIT-PLUG` asks for a
fresh 2 MiB DIMM; the one before was ejected by the guest (which registers it in the emulator by itself).
"""
import glob
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('RAMJET_BUILD', TOP + '/build/opt')
EMU = (os.environ.get('RAMJET_EMULATOR') or BUILD + '/ramjet').split()
SLOW = float(os.environ.get('RAMJET_SLOW', '1'))
sys.path.insert(0, TOP + '/scripts')
from testlib import tap  # noqa: E402


def hmp(path, command):
    """One command on the monitor, its reply without the echo."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(path)
    text = b''
    for send in (None, command):
        if send:
            text = b''
            s.sendall(send.encode() + b'\n')
        while not text.endswith(b'(qemu) '):
            text += s.recv(65536)
    s.close()
    return '\n'.join(text.decode().replace('\r', '').split('\n')[1:-1])


def run(image, backend, cpus, extra=(), counted=False, more=()):
    with tempfile.TemporaryDirectory() as d:
        sock = d + '/m'
        cmd = EMU + ['-nodefaults', '-vga', 'std', '-display', 'none', '-m', '64M,slots=2,maxmem=1G', '-smp', str(cpus), '-no-reboot',
                     '-accel', f'tcg,backend={backend}' + ''.join(',' + x for x in extra), '-kernel', image,
                     '-serial', 'stdio', '-monitor', f'unix:{sock},server=on,wait=off', '-device', 'isa-debug-exit,iobase=0x501,iosize=2'] + (['-icount', 'shift=0'] if counted else []) + list(more)
        p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(p.stdout.fileno(), False)
        text, plugged, end = '', 0, time.time() + 60 * SLOW
        try:
            while p.poll() is None and time.time() < end:
                text += (p.stdout.read() or b'').decode('latin1')
                if text.count('WAIT-PLUG') > plugged:
                    plugged += 1
                    for c in (f'object_add memory-backend-ram,id=m{plugged},size=2M', f'device_add pc-dimm,id=d{plugged},memdev=m{plugged},slot=0'):
                        reply = hmp(sock, c)
                        assert not reply, f'{c}: {reply}'
                time.sleep(0.005)
            timed_out = p.poll() is None
        finally:
            p.kill()
            p.wait()
        text += (p.stdout.read() or b'').decode('latin1')
        bad = re.findall(r'^not ok.*$', text, re.M)
        assert not bad, '\n'.join(bad)
        assert not timed_out and 'GUEST-OK' in text, f'exit {p.returncode}{" (timed out)" if timed_out else ""}; last output: {text[-600:]}'
        assert p.returncode == 1, f'exit status {p.returncode}: {text[-600:]}'
        if cpus == 2 and 'processors' in text:
            assert 'two processors' in text, text[-600:]
        if counted and 'time' in re.findall(r'^# (?:counted|host) (time)', text, re.M):
            assert '# counted time' in text, text[-600:]
        assert len(re.findall(r'^ok', text, re.M)) > 0, 'the guest made no checks'
        return text


def seeds():
    """The numbers of random.c: the seed's where one is given or time is counted, the host's choice else."""
    def numbers(*extra, backend='x86_64'):
        text = run(BUILD + '/tests/tcg/guest/random.bin', backend, 1, (), False, ('-machine', 'unpack=guest', *extra))
        return re.search('# numbers(.*)', text)[1]
    first = numbers('-deterministic')
    assert first == numbers('-deterministic,seed=1') == numbers('-seed', '1') == numbers('-icount', 'shift=2')
    assert first == numbers('-deterministic', backend='interp')
    second = numbers('-deterministic,seed=2')
    assert second == numbers('-seed', '2', '-icount', 'shift=0', backend='interp')
    assert len({first, second, numbers(), numbers()}) == 4, 'without a seed, the host chooses'


def main():
    t = tap.Tap()
    for image in sorted(glob.glob(BUILD + '/tests/tcg/guest/*.bin')):
        if os.path.basename(image).startswith(('monitor_', 'fuzz_')):   # driven by tests/monitor and tests/fuzz
            continue
        name = os.path.basename(image)[:-4]
        with open(f'{TOP}/tests/tcg/guest/{name}.c') as f:
            source = f.read()
        for backend in ('x86_64', 'interp'):
            for cpus in (1, 2) if 'start_ap()' in source else (1,):
                t.case(f'{name} {backend} smp={cpus}', run, image, backend, cpus)
            if 'counted time' in source:
                t.case(f'{name} {backend} counted', run, image, backend, 1, (), True)
        if 'counted time' in source:
            t.case(f'{name} x86_64 counted, one instruction a block', run, image, 'x86_64', 1, ['max-insns=1'], True)
            t.case(f'{name} x86_64 counted, unlinked', run, image, 'x86_64', 1, ['chain=off', 'max-insns=3'], True)
        t.case(f'{name} x86_64 one instruction a block', run, image, 'x86_64', 1, ['max-insns=1'])
        t.case(f'{name} x86_64 forced flushes', run, image, 'x86_64', 1, ['flush-every=7'])
        t.case(f'{name} x86_64 unlinked, checked', run, image, 'x86_64', 1, ['chain=off', 'verify=on'])
    t.case('random numbers by seed', seeds)
    t.done()


main()
