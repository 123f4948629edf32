#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=150
"""QMP under input that nobody meant: valid commands, changed in their structure and in their bytes, cut and joined at random,
sent to a machine that stands (-S). The machine must live, answer each whole command once, say nothing but JSON, and take the next
command as if nothing had been. One seed gives one run: SEED=n (default 1), COUNT=n inputs (4000), or TIME=seconds of them."""
import json
import os
import random
import sys
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402

SEED = int(os.environ.get('SEED') or 1)
COUNT = int(os.environ.get('COUNT') or 4000)
TIME = float(os.environ.get('TIME') or 0)
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
ARGS = ['-S', '-m', '256M,slots=4,maxmem=4G', '-kernel', guest.kernel()]
CLASSES = ('GenericError', 'CommandNotFound', 'DeviceNotFound', 'DeviceNotActive')

COMMANDS = [
    ('query-commands', {}), ('query-version', {}), ('query-status', {}), ('query-name', {}), ('query-memory-devices', {}), ('query-memdev', {}),
    ('query-acpi-ospm-status', {}), ('query-cpus-fast', {}), ('query-chardev', {}), ('query-machines', {}), ('stop', {}), ('qmp_capabilities', {'enable': ['oob']}),
    ('object-add', {'qom-type': 'memory-backend-ram', 'id': 'm1', 'size': 2097152}),
    ('object-add', {'qom-type': 'memory-backend-ram', 'id': 'm2', 'size': 134217728, 'share': True, 'merge': False, 'dump': True, 'reserve': False}),
    ('object-add', {'qom-type': 'memory-backend-memfd', 'id': 'm3', 'size': 4096, 'seal': True, 'policy': 'preferred', 'host-nodes': [0]}),
    ('object-del', {'id': 'm1'}), ('object-del', {'id': 'm2'}), ('object-del', {'id': 'm3'}),
    ('device_add', {'driver': 'pc-dimm', 'id': 'd1', 'memdev': 'm1'}),
    ('device_add', {'driver': 'pc-dimm', 'id': 'd2', 'memdev': 'm2', 'slot': 1, 'addr': 0x120000000, 'node': 0}),
    ('device_add', {'driver': 'pc-dimm', 'memdev': 'm3', 'slot': -1}), ('device_add', {'driver': 'isa-debug-exit', 'iobase': 0x501}),
    ('device_del', {'id': 'd1'}), ('device_del', {'id': '/machine/peripheral/d2'}), ('device_del', {'id': '/machine/peripheral-anon/device[0]'}),
    ('qom-list', {'path': '/machine/peripheral'}), ('qom-list', {'path': '/objects'}), ('qom-list', {'path': '/machine/peripheral-anon/device[0]'}),
    ('qom-get', {'path': '/objects/m1', 'property': 'size'}), ('qom-get', {'path': '/machine/peripheral/d1', 'property': 'memdev'}),
    ('qom-set', {'path': '/objects/m1', 'property': 'merge', 'value': False}), ('qom-list-types', {'implements': 'device', 'abstract': False}),
    ('device-list-properties', {'typename': 'pc-dimm'}), ('qom-list-properties', {'typename': 'memory-backend-memfd'}), ('qom-list', {'path': '/machine/unattached'}),
    ('qom-get', {'path': '/machine', 'property': 'memory'}), ('qom-set', {'path': 'd1', 'property': 'slot', 'value': 1}), ('query-hotpluggable-cpus', {}), ('query-balloon', {}),
    ('human-monitor-command', {'command-line': 'info memory-devices'}),
    ('human-monitor-command', {'command-line': 'info mtree -f', 'cpu-index': 0}), ('human-monitor-command', {'command-line': 'xp /16xb 0x100000000'}),
    ('human-monitor-command', {'command-line': 'object_add memory-backend-ram,id=m4,size=1M'}), ('human-monitor-command', {'command-line': 'p/x 1+2*(3-4)'}),
]
WORDS = ['', 'a', 'm1', 'd1', 'on', '/', '//', '/objects', '/objects/', '/machine/peripheral-anon/device[', 'device[0]', '-1', '0x10', '1G', 'x' * 300, '\u20ac',
         '\U0001f600', '%s%n', '"', '\\', '\n', 'm1,size=1', 'pc-dimm', 'memory-backend-ram', 'size', 'type', '\x7f', 'a=b,c=d', '../..', 'é' * 700]
NUMBERS = [0, 1, -1, 2, 127, 128, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, -2 ** 31 - 1, 2 ** 32, 2 ** 53 + 1, 2 ** 63 - 1, -2 ** 63, 0.0, -0.5, 1e300, 5e-324,
           4096, 2097152, 4294967296]
BYTES = [b'{', b'}', b'[', b']', b'"', b"'", b'\\', b':', b',', b'\n', b'\r', b'\x00', b'\x80', b'\xc3', b'\xff', b'\xed\xa0\x80', b'\xf5', b'\t', b' ', b'0', b'-', b'e9', b'\\u',
         b'\\ud800', b'true', b'nul', b'//', b'\x1b', b'[[[[', b'{"a":', b'%']


def value(r, depth=0):
    kind = r.randrange(8 if depth < 4 else 5)
    if kind == 0:
        return r.choice(WORDS)
    if kind == 1:
        return r.choice(NUMBERS)
    if kind == 2:
        return r.getrandbits(r.randrange(1, 63)) * r.choice((1, -1))
    if kind == 3:
        return r.choice((True, False, None))
    if kind == 4:
        return ''.join(chr(r.choice((r.randrange(1, 128), r.randrange(128, 0xd800), r.randrange(0xe000, 0x110000)))) for _ in range(r.randrange(9)))
    if kind == 5:
        return [value(r, depth + 1) for _ in range(r.randrange(4))]
    return {r.choice(WORDS + ['id', 'size', 'slot', 'addr', 'node', 'share', 'memdev']): value(r, depth + 1) for _ in range(r.randrange(4))}


def change(r, request):
    """One change of the structure; prealloc stays out: it would take the host's memory."""
    arguments = request.setdefault('arguments', {})
    kind = r.randrange(7)
    if kind == 0 and arguments:
        arguments[r.choice(list(arguments))] = value(r)
    elif kind == 1 and arguments:
        del arguments[r.choice(list(arguments))]
    elif kind == 2:
        arguments[r.choice(('bogus', 'id', 'size', 'slot', 'addr', 'node', 'host-nodes', 'policy', 'share', 'hugetlb', 'align', 'autodel', ''))] = value(r)
    elif kind == 3:
        other = r.choice(COMMANDS)[1]
        arguments.update(dict(other))
    elif kind == 4:
        request['execute'] = r.choice(COMMANDS)[0]
    elif kind == 5 and arguments:
        k = r.choice(list(arguments))
        v = arguments[k]
        arguments[k] = [v] if r.random() < 0.5 else str(v) if not isinstance(v, str) else r.choice(NUMBERS)
    elif kind == 6 and arguments:
        k = r.choice(list(arguments))
        arguments[k + r.choice(('', 'x', '-', '.0'))] = arguments.pop(k)


def damage(r, data):
    """A few changes of the bytes."""
    for _ in range(r.randrange(1, 5)):
        at, kind = r.randrange(len(data) + 1), r.randrange(7)
        if kind == 0:
            data = data[:at] + r.choice(BYTES) + data[at:]
        elif kind == 1:
            data = data[:at] + data[at + r.randrange(1, 9):]
        elif kind == 2 and at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << r.randrange(8)]) + data[at + 1:]
        elif kind == 3:
            data = data[:at]
        elif kind == 4:
            part = data[at:at + r.randrange(1, 40)]
            data = data[:at] + part * r.randrange(2, 6) + data[at:]
        elif kind == 5:
            data = data[:at] + r.randbytes(r.randrange(1, 6)) + data[at:]
        else:
            data = data[:at] + r.choice((b'[', b'{"a":', b'"', b'\xff')) * r.choice((1, 5, 1200, 3000)) + data[at:]
    return data


class Run:
    def __init__(self, seed):
        self.r, self.vm, self.inputs, self.replies, self.errors, self.restarts, self.ids, self.wholes, self.accepted = random.Random(seed), None, *[0] * 7
        self.last = b''
        self.start()

    def start(self):
        if self.vm:
            self.vm.close()
        self.vm = vm.VM(vm.emulator(), ARGS, hmp=False, qmp=True, reboot=True)
        assert 'return' in self.vm.qmp('query-status')
        self.s, self.buf = self.vm.q, b''
        self.s.settimeout(15 * SLOW)

    def message(self):
        while b'\n' not in self.buf:
            got = self.s.recv(1 << 16)
            if not got:
                raise EOFError
            self.buf += got
        line, self.buf = self.buf.split(b'\n', 1)
        m = json.loads(line)
        assert isinstance(m, dict) and ('return' in m) + ('error' in m) + ('event' in m) == 1, m
        if 'error' in m:
            self.errors += 1
            assert m['error']['class'] in CLASSES and isinstance(m['error']['desc'], str) and m['error']['desc'], m
        self.replies += 'event' not in m
        return m

    def until(self, ident):
        """The messages up to the reply with that id."""
        seen = []
        while True:
            m = self.message()
            if m.get('id') == ident:
                return seen, m
            seen.append(m)

    def whole(self):
        """A command that is JSON: exactly one reply, with its id, and nothing beside events before it."""
        execute, arguments = self.r.choice(COMMANDS)
        request = {'execute': execute, 'arguments': dict(arguments)}
        for _ in range(self.r.randrange(4)):
            change(self.r, request)
        self.ids += 1
        request['id'] = self.ids
        if self.r.random() < 0.1:
            request[self.r.choice(WORDS)] = value(self.r)
        self.last = json.dumps(request, ensure_ascii=self.r.random() < 0.5).encode('utf-8', 'surrogatepass')
        self.s.sendall(self.last)
        seen, reply = self.until(self.ids)
        assert all('event' in m for m in seen), seen
        self.wholes += 1
        self.accepted += 'return' in reply

    def broken(self):
        parts = []
        for _ in range(self.r.randrange(1, 5)):
            execute, arguments = self.r.choice(COMMANDS)
            request = {'execute': execute, 'arguments': dict(arguments)}
            if self.r.random() < 0.3:
                change(self.r, request)
            text = json.dumps(request).encode()
            parts.append(damage(self.r, text) if self.r.random() < 0.7 else text)
        data = self.r.choice((b'', b'\n', b' ')).join(parts)
        self.last = data
        while data:
            n = self.r.choice((1, 3, 17, 4096, 1 << 20))
            self.s.sendall(data[:n])
            data = data[n:]
        # Start afresh; then the machine must be as good as new.
        self.ids += 1
        self.s.sendall(b'\xff\n' + json.dumps({'execute': 'query-status', 'id': self.ids}).encode())
        reply = self.until(self.ids)[1]
        assert reply['return']['status'] in ('prelaunch', 'paused', 'running', 'shutdown'), reply

    def one(self):
        self.inputs += 1
        try:
            self.whole() if self.r.random() < 0.5 else self.broken()
        except TimeoutError:
            raise AssertionError(f'no answer after {self.last[:2000]!r}')
        except (EOFError, OSError) as e:
            if self.vm.p.poll() != 0 or b'q' not in self.last:    # a line of the human monitor may have become `q`
                raise AssertionError(f'the machine ended ({self.vm.p.wait(10)}, {e!r}) after {self.last[:2000]!r}\n{self.vm.stderr()[-3000:]}')
            self.restarts += 1
            self.start()
        except AssertionError as e:
            raise AssertionError(f'{e}\nafter {self.last[:2000]!r}')


def fuzz():
    run = Run(SEED)
    try:
        end = time.time() + TIME
        while time.time() < end if TIME else run.inputs < COUNT:
            run.one()
        run.vm.p.terminate()                                       # a sanitizer has its say
        status = run.vm.p.wait(30 * SLOW)
        assert status == 0, f'exit status {status}: {run.vm.stderr()[-3000:]}'
        assert 'Sanitizer' not in run.vm.stderr(), run.vm.stderr()[-3000:]
    finally:
        note(f'seed {SEED}: {run.inputs} inputs, {run.replies} replies, {run.errors} of them errors; {run.accepted} of {run.wholes} whole commands '
             f'were accepted; {run.restarts} restarts')
        run.vm.close()
    assert run.wholes // 10 < run.accepted < run.wholes * 9 // 10, 'the inputs test one side only'


tap = Tap()
tap.case('qmp: changed and broken commands', fuzz)
tap.done()
