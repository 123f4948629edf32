#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=240
"""The command line: what is refused, with which words, and what `help` shows. What is meant to be as in QEMU also passes with
RAMJET_EMULATOR=qemu-system-x86_64."""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

EMU = vm.emulator()
QEMU = vm.is_qemu(EMU)
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
DIR = tempfile.TemporaryDirectory(prefix='cmdline')
QUIET = ['-display', 'none', '-serial', 'none', '-monitor', 'none']
KERNEL = ['-kernel', guest.kernel()]
BACKEND = 'memory-backend-ram,id=m,size=128M'
HOT = ['-m', '1G,slots=3,maxmem=4G']


def run(*args, quiet=True):
    return subprocess.run([*EMU, *(QUIET if quiet else []), *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=20 * SLOW, cwd=DIR.name)


def refused(args, words, echo=None):
    """Exit status 1; the first line on stderr begins with the program's name, holds the words, and names the option."""
    r = run(*args)
    line = r.stderr.split('\n')[0]
    assert r.returncode == 1, f'exit status {r.returncode}: {r.stderr!r}'
    assert words in line, f'{words!r} is not in {line!r}'
    if not QEMU:
        assert line.startswith('ramjet: '), repr(line)
        assert (echo or args[-2]) in line, f'{echo or args[-2]} is not named: {line!r}'
    assert not r.stdout.strip(), f'on stdout: {r.stdout!r}'


AS_QEMU = (
    (['-m', '1G,slots=3'], 'slots specified but no max-size'),
    (['-m', '1G,slots=3,maxmem=512M'], 'invalid value of maxmem: maximum memory size (0x20000000) must be at least the initial memory '
     'size (0x40000000)'),
    (['-m', '1G,slots=3,maxmem=1G'], 'invalid value of maxmem: memory slots were specified but maximum memory size (0x40000000) is '
     'equal to the initial memory size (0x40000000)'),
    (['-m', '1G,slots=257,maxmem=4G'], 'unsupported amount of memory slots: 257'),
    (['-m', '1G,slots=abc,maxmem=4G'], "Parameter 'slots' expects a number"),
    (['-m', '1G,slots=3,maxmem=4X'], "Parameter 'maxmem' expects a non-negative number below 2^64"),
    (['-m', '1X'], "Parameter 'size' expects a non-negative number below 2^64"),
    (['-m', '99999999999999999999'], "is out of range for parameter 'size'"),
    (['-m', '1G,bogus=1'], "Invalid parameter 'bogus'"),
    (['-m', '1G,slots=1,maxmem=100T'], 'phys-bits too low (40)'),
    ([*HOT, '-object', 'memory-backend-ram,id=m1'], "Parameter 'size' is missing"),
    ([*HOT, '-object', 'foo,id=m1'], "Parameter 'qom-type' does not accept value 'foo'"),
    ([*HOT, '-device', 'pc-dim,id=d'], "'pc-dim' is not a valid device model name"),
    ([*HOT, '-device', 'pc-dimm,id=d'], "'memdev' property must be set"),
    ([*HOT, '-device', 'pc-dimm,id=d,memdev=nosuch'], "Device 'nosuch' not found"),
    ([*HOT, '-object', BACKEND, '-device', 'pc-dimm,id=d,memdev=m,slot=3'], 'invalid slot number 3, valid range is [0-2]'),
    ([*HOT, '-object', BACKEND, '-device', 'pc-dimm,id=d,memdev=m,bogus=3'], "Property 'pc-dimm.bogus' not found"),
    ([*HOT, '-object', BACKEND, '-device', 'pc-dimm,id=d,memdev=m', '-device', 'pc-dimm,id=e,memdev=m'],
     "can't use already busy memdev: m"),
    (['-m', '1G', '-object', BACKEND, '-device', 'pc-dimm,id=d,memdev=m'], "no slots where allocated, please specify the 'slots' option"),
    (['-chardev', 'foo,id=x'], "'foo' is not a valid char"),
    (['-chardev', 'null,id=x', '-chardev', 'null,id=x'], "Duplicate ID 'x' for chardev"),
    (['-mon', 'nosuch'], 'chardev "nosuch" not found'),
    (['-nosuchoption'], '-nosuchoption: invalid option'),
    (['-kernel'], '-kernel: requires an argument'),
)


def as_qemu(args, words):
    refused([*args, *(KERNEL if len(args) > 1 else [])], words, echo=args[-2] if len(args) > 1 else args[0])


NEAREST = (
    (['-kernle', 'x'], '-kernel'), (['-machine', 'pc,acpl=on'], 'acpi'), (['-m', '1G,slot=3'], 'slots'),
    (['-accel', 'tcg,backed=interp'], 'backend'), (['-chardev', 'sockt,id=x'], 'socket'), (['-d', 'in_asn'], 'in_asm'),
    ([*HOT, '-object', 'memory-backend-rm,id=m,size=1G', *KERNEL], 'memory-backend-ram'), ([*HOT, '-device', 'pc-dim', *KERNEL], 'pc-dimm'),
    ([*HOT, '-object', BACKEND, '-device', 'pc-dimm,memdev=m,slto=1', *KERNEL], 'slot'),
)


def nearest(args, word):
    if QEMU:
        raise Skip('QEMU does not say')
    r = run(*args)
    assert r.returncode == 1, f'exit status {r.returncode}: {r.stderr!r}'
    assert f"'{word}'" in r.stderr, f'{word} is not offered: {r.stderr!r}'


REFUSED = (
    *([] if QEMU else [(['-machine', 'pc,usb=on'], 'usb=on'), (['-machine', 'pc,nvdimm=perhaps'], 'perhaps'), (['-machine', 'pc,mem-merge=2'], 'mem-merge')]),
    (['-machine', 'nosuch'], 'nosuch'), (['-machine', 'pc,acpi=perhaps'], 'perhaps'), (['-cpu', 'nosuch'], 'nosuch'),
    (['-cpu', 'max,+nosuch'], 'nosuch'), (['-smp', '0'], '0'), (['-smp', '2,foo=1'], 'foo'), (['-rtc', 'base=xx'], 'xx'),
    (['-icount', 'shift=99'], '99'), (['-accel', 'nosuch'], 'nosuch'), (['-serial', 'nosuch'], 'nosuch'), (['-monitor', 'nosuch'], 'nosuch'),
    (['-monitor', 'chardev:nosuch'], 'nosuch'), (['-serial', 'tcp:nowhere,server=on'], 'tcp:HOST:PORT'), (['-qmp', 'tcp:localhost:,server'], 'tcp:HOST:PORT'),
    (['-monitor', 'telnet:h:1,sorver'], 'sorver'), (['-serial', 'tcp:127.0.0.1:99999999,server,nowait'], '99999999'), (['-display', 'nosuch'], 'nosuch'), (['-D', '/nosuch/log', '-d', 'int'], '/nosuch/log'),
)


def refused_by_name(args, word):
    r = run(*args, *KERNEL)
    line = r.stderr.split('\n')[0]
    assert r.returncode == 1, f'exit status {r.returncode}: {r.stderr!r}'
    assert QEMU or word in line, f'{word} is not in {line!r}'


def memory_accepted():
    if QEMU:
        raise Skip('QEMU runs then')
    for text, size in (('512M', 512), ('256', 256), ('1.5G', 1536), ('size=256M', 256), ('0.25GiB', 256), ('268435456B', 256), ('256MB', 256),
                       ('0x10000000', 256), ('1G,maxmem=4G', 1024), ('1G,maxmem=1G', 1024), ('1G,slots=0', 1024), ('0', 128), ('', 128), ('slots=1,maxmem=2G', 128),
                       ('1.5GB', 1536), ('1G,slots=256,maxmem=8G', 1024)):
        v = vm.VM(EMU, ['-S', '-m', text, *KERNEL])
        try:
            got = v.hmp('info memory_size_summary')
            assert got.startswith(f'base memory: {size << 20}'), f'-m {text}: {got!r}'
        finally:
            v.close()


def later_values_win():
    with vm.VM(EMU, ['-S', '-m', '1G', '-m', 'slots=1,slots=2', '-m', 'maxmem=2G', *KERNEL]) as v:
        assert v.hmp('info memory_size_summary').startswith(f'base memory: {1 << 30}')
        assert v.hmp('object_add memory-backend-ram,id=m,size=128M') == ''
        assert v.hmp('device_add pc-dimm,memdev=m,slot=2').startswith('Error: invalid slot number 2, valid range is [0-1]')


def objects_come_first():
    with vm.VM(EMU, ['-S', *HOT, '-device', 'pc-dimm,id=d,memdev=m', '-object', BACKEND, *KERNEL]) as v:
        assert 'Memory device [dimm]: "d"' in v.hmp('info memory-devices')


def version():
    r = run('-version', quiet=False)
    assert r.returncode == 0 and re.search(r'version 10\.\d+\.\d+ \(', r.stdout.split('\n')[0]), r.stdout
    if not QEMU:
        assert re.match(r'QEMU-compatible emulator version 10\.0\.0 \(Ramjet \d+\.\d+\.\d+\)\n', r.stdout), r.stdout


def help_text():
    r = run('-help', quiet=False)
    assert r.returncode == 0 and not r.stderr
    for name in ('machine', 'accel', 'cpu', 'smp', 'm', 'kernel', 'initrd', 'append', 'object', 'device', 'chardev', 'serial', 'monitor', 'mon',
                 'nographic', 'display', 'nodefaults', 'no-reboot', 'no-shutdown', 'S', 'rtc', 'name', 'd', 'D', 'version'):
        assert re.search(rf'^ *-{name}\b', r.stdout, re.M), f'-{name} is not in the help'


HELP = (('-machine', 'pc'), ('-M', 'pc'), ('-cpu', 'max'), ('-accel', 'tcg'), ('-device', 'pc-dimm'), ('-object', 'memory-backend-ram'),
        ('-chardev', 'socket'), ('-d', 'in_asm'))


def help_value(option, word):
    r = run(option, 'help')
    assert QEMU or r.returncode == 0, f'{option} help: exit status {r.returncode}, {r.stderr!r}'
    assert word in r.stdout, f'{option} help: {r.stdout!r}'


def device_properties():
    r = run('-device', 'pc-dimm,help')
    assert r.returncode == 0 and re.search(r'\bmemdev\b', r.stdout) and re.search(r'\bslot\b', r.stdout), r.stdout + r.stderr


def other_accelerators():
    """In a list, what is not there is skipped with a warning."""
    with vm.VM(EMU, ['-S', '-accel', 'nvmm' if QEMU else 'kvm', '-accel', 'tcg', *KERNEL]) as v:
        assert v.hmp('info status') == 'VM status: paused (prelaunch)'


def shared_without_mux():
    r = run('-chardev', 'null,id=x', '-serial', 'chardev:x', '-monitor', 'chardev:x', *KERNEL, quiet=False)
    assert r.returncode != 0 and re.search('in use', r.stderr), f'{r.returncode}, {r.stderr!r}'


def stdio_twice():
    r = run('-display', 'none', '-serial', 'stdio', '-monitor', 'stdio', *KERNEL, quiet=False)
    assert r.returncode == 1 and 'cannot use stdio by multiple character devices' in r.stderr, f'{r.returncode}, {r.stderr!r}'


def input_at_its_end():
    """-serial stdio with standard input at its end, closed or a file: the machine runs on."""
    for stdin in ('/dev/null', __file__):
        with tempfile.TemporaryDirectory() as d, open(stdin) as f:
            p = subprocess.Popen([*EMU, '-display', 'none', '-S', '-serial', 'stdio', '-monitor', f'unix:{d}/m,server=on,wait=off', *KERNEL],
                                 stdin=f, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(1 * SLOW)
            alive = p.poll() is None
            p.terminate()
            try:
                out, err = p.communicate(timeout=10)
            finally:
                p.kill()
            assert alive, f'ended with {p.returncode}: {err!r}'
            assert not os.path.exists(d + '/m'), 'the socket is left behind'


def waits_for_client():
    """server=on waits for its first client, says so, and goes on when it is there."""
    with tempfile.TemporaryDirectory() as d:
        p = subprocess.Popen([*EMU, '-display', 'none', '-S', '-serial', 'none', '-monitor', f'unix:{d}/m,server=on', *KERNEL],
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            line = p.stderr.readline()
            assert re.search('waiting for connection', line, re.I) and d in line, repr(line)
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(d + '/m')
                s.settimeout(10 * SLOW)
                text = b''
                while not text.endswith(b'(qemu) '):
                    text += s.recv(4096)
        finally:
            p.terminate()
            try:
                p.communicate(timeout=10)
            finally:
                p.kill()


def ends_while_waiting():
    """SIGTERM ends it while it waits for the first client, and the socket goes, too."""
    if QEMU:
        raise Skip('QEMU leaves the socket')
    with tempfile.TemporaryDirectory() as d:
        p = subprocess.Popen([*EMU, '-display', 'none', '-S', '-serial', 'none', '-monitor', f'unix:{d}/m,server=on', *KERNEL],
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        p.stderr.readline()
        p.send_signal(signal.SIGTERM)
        try:
            p.communicate(timeout=10)
        finally:
            p.kill()
        assert not os.listdir(d), f'left behind: {os.listdir(d)}'


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def first_bytes(args, port, until):
    """What a client reads of the emulator that args make listen on port, up to a text."""
    p = subprocess.Popen([*EMU, '-display', 'none', '-S', *args, *KERNEL], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        end = time.time() + 10 * SLOW
        while True:
            try:
                s = socket.create_connection(('127.0.0.1', port), 5)
                break
            except ConnectionRefusedError:
                assert time.time() < end and p.poll() is None, p.stderr.read() if p.poll() is not None else 'nobody listens'
                time.sleep(0.05)
        s.settimeout(10 * SLOW)
        text = b''
        while not text.endswith(until):
            text += s.recv(4096)
        yield text
        yield s
    finally:
        p.terminate()
        try:
            p.communicate(timeout=10)
        finally:
            p.kill()


def tcp_monitor():
    port = free_port()
    list(first_bytes(['-serial', 'none', '-monitor', 'none', '-chardev', f'socket,id=t,host=127.0.0.1,port={port},server=on,wait=off',
                      '-mon', 't'], port, b'(qemu) '))


def tcp_in_short():
    for place in ('tcp:127.0.0.1:%d,server,nowait', 'tcp:localhost:%d,server=on,wait=off,nodelay', 'tcp::%d,server=on,wait=off'):
        port = free_port()
        list(first_bytes(['-serial', 'none', '-monitor', place % port], port, b'(qemu) '))
    port = free_port()
    list(first_bytes(['-serial', 'none', '-monitor', 'none', '-qmp', f'tcp:localhost:{port},server,nowait'], port, b']}}\r\n'))
    port = free_port()
    list(first_bytes(['-serial', 'none', '-monitor', f'mon:tcp:127.0.0.1:{port},server=on,wait=off'], port, b'(qemu) '))


def telnet_monitor():
    port = free_port()
    client = first_bytes(['-serial', 'none', '-monitor', f'telnet:127.0.0.1:{port},server,nowait'], port, b'(qemu) ')
    assert next(client).startswith(b'\xff\xfb\x01\xff\xfb\x03'), 'no negotiation'
    s = next(client)
    s.sendall(b'\xff\xfd\x01in\xff\xfa\x18\x00in\xff\xf0fo sta\xff\xfb\x03tus\r\n') # answers of a client between what was typed
    text = b''
    while b'VM status:' not in text:
        more = s.recv(4096)
        assert more, text
        text += more
    for _ in client:
        pass


ABSENT = (
    (['-net', 'user'], 'there is no network device'), (['-drive', 'file=x'], 'there are no disks'), (['-hda', 'x'], 'there are no disks'),
    (['-bios', 'x'], 'there is no firmware'), (['-usb'], 'there is no USB'), (['-vnc', ':0'], '-display sdl'), (['-uuid', '1'], 'SMBIOS'),
    (['-overcommit', 'mem-lock=on'], 'mem-lock=on: not in this version'), (['-sandbox', 'on'], 'there is no sandbox'),
    (['-netdev'], 'requires an argument'),
)


def absent(args, words):
    r = run(*KERNEL, *args)
    assert r.returncode == 1 and words in r.stderr and len(r.stderr.splitlines()) == 1, f'exit status {r.returncode}: {r.stderr!r}'


def passed_over():
    if QEMU:
        raise Skip('QEMU has them')
    v = vm.VM(EMU, ['-S', '-enable-kvm', '-no-user-config', '-net', 'none', '-nic', 'none', '-parallel', 'none', '-vnc', 'none', '-k', 'de',
                    '-boot', 'strict=on', '-audiodev', 'none,id=a', '-msg', 'timestamp=off', '-overcommit', 'mem-lock=off',
                    '-sandbox', 'off', *KERNEL])
    try:
        assert 'paused' in v.hmp('info status')
        said = v.stderr()
        assert said.count('is passed over') == 3 and all(x in said for x in ('-enable-kvm', '-k de', '-boot strict=on')), said
    finally:
        v.close()


def daemon():
    with tempfile.TemporaryDirectory() as d:
        monitor, pidfile = d + '/monitor', d + '/pid'
        args = [*EMU, '-display', 'none', '-S', '-daemonize', '-pidfile', pidfile, *KERNEL]
        r = subprocess.run([*args, '-serial', 'null', '-monitor', f'unix:{monitor},server,nowait'], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * SLOW)
        assert r.returncode == 0 and not r.stderr, f'exit status {r.returncode}: {r.stderr!r}' # and its pipes are closed: it ended
        pid = int(open(pidfile).read())
        try:
            again = subprocess.run([*args, '-serial', 'null', '-monitor', 'none'], capture_output=True, text=True, timeout=30 * SLOW)
            assert again.returncode == 1 and 'cannot create PID file' in again.stderr, f'{again.returncode}: {again.stderr!r}'
            assert os.getsid(pid) == pid, 'still in our session'
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(monitor)
                s.settimeout(10 * SLOW)
                text = b''
                while not text.endswith(b'(qemu) '):
                    text += s.recv(4096)
                s.sendall(b'quit\n')
            end = time.time() + 10 * SLOW
            while os.path.exists(pidfile):
                assert time.time() < end, 'it does not end, or its file stays'
                time.sleep(0.05)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise
        r = subprocess.run([*args, '-serial', 'tcp:nowhere'], capture_output=True, text=True, timeout=30 * SLOW)
        assert r.returncode == 1 and 'tcp:HOST:PORT' in r.stderr and not os.path.exists(pidfile), f'{r.returncode}: {r.stderr!r}'
        for option in ('-nographic', '-serial', '-monitor'):
            value = [] if option == '-nographic' else ['stdio']
            r = subprocess.run([*args, option, *value], capture_output=True, text=True, timeout=30 * SLOW)
            assert r.returncode == 1 and 'with -daemonize' in r.stderr, f'{option}: {r.returncode}: {r.stderr!r}'


def signals_end_it():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        v = vm.VM(EMU, ['-S', *KERNEL])
        try:
            assert v.hmp('info status')
            v.p.send_signal(number)
            status = v.wait_exit(10)
            assert status == 0, f'signal {number}: exit status {status}'
            assert not os.path.exists(v.hp), 'the socket is left behind'
        finally:
            v.close()


tap = Tap()
for args, words in AS_QEMU:
    tap.case('refused: ' + ' '.join(args), as_qemu, args, words)
for args, word in REFUSED:
    tap.case('refused by name: ' + ' '.join(args), refused_by_name, args, word)
for args, word in NEAREST:
    tap.case('nearest spelling: ' + ' '.join(x for x in args if x not in KERNEL), nearest, args, word)
for args, words in ABSENT if not QEMU else ():
    tap.case('refused with the reason: ' + ' '.join(args), absent, args, words)
for option, word in HELP:
    tap.case(f'{option} help', help_value, option, word)
for f in (memory_accepted, later_values_win, objects_come_first, version, help_text, device_properties, other_accelerators, shared_without_mux,
          stdio_twice, input_at_its_end, waits_for_client, ends_while_waiting, tcp_monitor, tcp_in_short, telnet_monitor, passed_over, daemon, signals_end_it):
    tap.case(f.__name__.replace('_', ' '), f)
tap.done()
