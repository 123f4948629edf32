#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=240
"""QMP: greeting, negotiation, every command, every class of errors, events in their order, several clients, and input that no
client should send. What is meant to be as in QEMU also passes with RAMJET_EMULATOR=qemu-system-x86_64."""
import json
import os
import re
import socket
import sys
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

EMU = vm.emulator()
QEMU = vm.is_qemu(EMU)
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
ARGS = ['-m', '1G,slots=3,maxmem=4G', '-kernel', guest.kernel()] + (['-accel', 'tcg', '-cpu', 'max'] if QEMU else [])
EVENTS = os.path.join(os.environ.get('RAMJET_BUILD') or TOP + '/build/opt', 'tests/tcg/guest/monitor_events.bin')
MIB = 1 << 20


def ramjet_only():
    if QEMU:
        raise Skip('not meant to be as in QEMU')


def equal(got, want):
    assert got == want, f'got {got!r}, expected {want!r}'


class Client:
    """One connection. Messages are kept in the order in which they come."""

    def __init__(self, path, negotiate=True, prefix=''):
        end = time.time() + 10 * SLOW
        while True:
            self.s = socket.socket(socket.AF_UNIX)
            try:
                self.s.connect(path)
                break
            except OSError:
                self.s.close()
                if time.time() > end:
                    raise
                time.sleep(0.02)
        self.s.settimeout(20 * SLOW)
        self.buf, self.events, self.next_id = b'', [], 0
        self.greeting = self.receive()
        if negotiate:
            equal(self.cmd('qmp_capabilities'), {})

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.s.close()

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else json.dumps(data).encode() + b'\n')

    def receive(self):
        while b'\n' not in self.buf:
            got = self.s.recv(1 << 16)
            if not got:
                raise EOFError(f'closed after {self.buf!r}')
            self.buf += got
        line, self.buf = self.buf.split(b'\n', 1)
        assert line.endswith(b'\r'), f'a line ends without CR: {line[-40:]!r}'
        return json.loads(line)

    def reply(self):
        """The next message that is no event."""
        while True:
            m = self.receive()
            if 'event' not in m:
                return m
            self.events.append(m)

    def silent(self, seconds=0.2):
        self.s.settimeout(seconds)
        try:
            raise AssertionError(f'one message too many: {self.receive()}')
        except TimeoutError:
            pass
        finally:
            self.s.settimeout(20 * SLOW)

    def ask(self, execute, **arguments):
        """The whole reply; members with _ in their name are sent with -."""
        self.next_id += 1
        request = {'execute': execute, 'id': self.next_id}
        if arguments:
            request['arguments'] = {k.replace('_', '-'): v for k, v in arguments.items()}
        self.send(request)
        r = self.reply()
        equal(r.pop('id'), self.next_id)
        return r

    def cmd(self, execute, **arguments):
        r = self.ask(execute, **arguments)
        assert 'return' in r, f'{execute} {arguments}: {r}'
        return r['return']

    def refused(self, cls, text, execute, **arguments):
        r = self.ask(execute, **arguments)
        equal((execute, r.get('error', {}).get('class')), (execute, cls))
        assert r['error']['desc'].startswith(text), f'{execute} {arguments}: {r["error"]["desc"]!r} is not {text!r}'

    def error(self, data, text='', cls='GenericError'):
        self.send(data)
        r = self.reply()
        equal(r.get('error', {}).get('class'), cls)
        assert text in r['error']['desc'], f'{data[:80]!r}: {r["error"]["desc"]!r} has no {text!r}'
        return r

    def event(self, name):
        while True:
            for e in self.events:
                if e['event'] == name:
                    self.events.remove(e)
                    return e
            m = self.receive()
            assert 'event' in m, f'a reply to nothing: {m}'
            self.events.append(m)


def machine(*extra, **kw):
    return vm.VM(EMU, ['-S', *ARGS, *extra], qmp=True, **kw)


# ---- connections

def greeting():
    with machine() as v, Client(v.qp, negotiate=False) as c:
        equal(list(c.greeting), ['QMP'])
        q = c.greeting['QMP']
        equal(sorted(q), ['capabilities', 'version'])
        equal(sorted(q['version']), ['package', 'qemu'])
        equal(q['version']['qemu']['major'], 10)
        assert 'oob' in q['capabilities'] if QEMU else q['capabilities'] == [], q
        c.refused('CommandNotFound', "Expecting capabilities negotiation with 'qmp_capabilities'", 'query-status')
        c.refused('CommandNotFound', "Expecting capabilities negotiation with 'qmp_capabilities'", 'nosuch')
        c.refused('GenericError', "Parameter 'x' is unexpected", 'qmp_capabilities', x=1)
        c.refused('GenericError', "Invalid parameter type for 'enable', expected: array", 'qmp_capabilities', enable='oob')
        if not QEMU:
            assert re.match(r'Ramjet \d+\.\d+\.\d+$', q['version']['package']), q
            c.refused('GenericError', "Capability 'oob' is not available", 'qmp_capabilities', enable=['oob'])
        equal(c.cmd('qmp_capabilities', enable=[]), {})
        c.refused('CommandNotFound', 'Capabilities negotiation is already complete, command ignored', 'qmp_capabilities')
        equal(c.cmd('query-status')['status'], 'prelaunch')


def next_client():
    """A second client on the same socket gets a greeting of its own and nothing of the first one's half command."""
    with machine() as v:
        with Client(v.qp) as c:
            c.send(b'{"execute": "query-sta')
            time.sleep(0.1)
        with Client(v.qp, negotiate=False) as c:
            assert 'QMP' in c.greeting
            c.refused('CommandNotFound', 'Expecting capabilities', 'query-status')
            equal(c.cmd('qmp_capabilities'), {})
            equal(c.cmd('query-name'), {})


def several():
    """Two -qmp sockets and one by -mon: each has its own negotiation; all hear events."""
    d = f'/tmp/ramjet-qmp-{os.getpid()}'
    second, third = d + '.2', d + '.3'
    with machine('-qmp', f'unix:{second},server=on,wait=off', '-chardev', f'socket,id=c3,path={third},server=on,wait=off', '-mon',
                 'chardev=c3,mode=control', '-chardev', 'pty,id=serial9', '-chardev', f'socket,id=idle,path={second}.idle,server=on,wait=off') as v, Client(v.qp) as a, Client(second, negotiate=False) as b, Client(third) as c:
        b.refused('CommandNotFound', 'Expecting capabilities', 'stop')
        a.cmd('cont')
        equal(c.event('RESUME')['event'], 'RESUME')
        b.silent()
        b.cmd('qmp_capabilities')
        b.cmd('stop')
        for x in (a, b, c):
            equal(x.event('STOP')['event'], 'STOP')
        labels = [x['label'] for x in a.cmd('query-chardev')]
        assert 'c3' in labels and 'serial0' in labels, labels
        names = {x['label']: (x['filename'], x['frontend-open']) for x in a.cmd('query-chardev')}
        equal(names['c3'][1], True)
        assert names['c3'][0].startswith(f'unix:{third}') and names['serial9'][0].startswith('pty:/dev/pts/'), names
        equal(names['idle'], (f'disconnected:unix:{second}.idle,server=on', False))
    assert not os.path.exists(second) and not os.path.exists(third)


def pretty():
    path = f'/tmp/ramjet-qmp-{os.getpid()}.p'
    for extra in (['-qmp-pretty', f'unix:{path},server=on,wait=off'],
                  ['-chardev', f'socket,id=c,path={path},server=on,wait=off', '-mon', 'chardev=c,mode=control,pretty=on']):
        with machine(*extra) as v:
            v.qmp('query-status')                        # it is up
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10 * SLOW)
                s.connect(path)
                text = b''
                while not text.endswith(b'\n}\r\n'):
                    text += s.recv(4096)
                assert text.startswith(b'{\r\n    "QMP": {\r\n        "version": {\r\n'), text
                assert text.count(b'\n') == text.count(b'\r\n'), text
                json.loads(text)


def quit_ends():
    v = machine()
    try:
        with Client(v.qp) as c:
            c.send({'execute': 'quit', 'id': 'last'})
            e = c.receive()
            equal((e['event'], e['data']), ('SHUTDOWN', {'guest': False, 'reason': 'host-qmp-quit'}))
            equal(c.receive(), {'return': {}, 'id': 'last'})
            equal(v.wait_exit(10), 0)
    finally:
        v.close()


def signal_ends():
    with machine() as v, Client(v.qp) as c:
        c.cmd('query-status')
        v.p.terminate()
        equal(c.event('SHUTDOWN')['data'], {'guest': False, 'reason': 'host-signal'})
        equal(v.wait_exit(10), 0)


# ---- commands

def start_of_a_manager(c):
    """What a manager asks before it lets the guest run."""
    names = {x['name'] for x in c.cmd('query-commands')}
    mine = {'qmp_capabilities', 'query-commands', 'query-version', 'query-status', 'query-name', 'query-uuid', 'query-kvm', 'query-memory-devices',
            'query-memdev', 'query-memory-size-summary', 'query-acpi-ospm-status', 'query-cpus-fast', 'query-chardev', 'query-machines',
            'query-current-machine', 'query-hotpluggable-cpus', 'query-balloon', 'balloon', 'object-add', 'object-del', 'device_add', 'device_del', 'qom-list-types', 'device-list-properties',
            'qom-list', 'qom-get', 'qom-set', 'human-monitor-command', 'stop', 'cont', 'system_reset', 'system_powerdown', 'quit'}
    assert mine <= names, mine - names
    equal(c.cmd('query-version'), c.greeting['QMP']['version'])
    equal(c.cmd('query-status'), {'running': False, 'status': 'prelaunch'})
    equal(c.cmd('query-name'), {'name': 'guest 1'})
    equal(c.cmd('query-uuid'), {'UUID': '00000000-0000-0000-0000-000000000000'})
    equal(c.cmd('query-kvm')['enabled'], False)
    cpus = c.cmd('query-cpus-fast')
    equal([x['cpu-index'] for x in cpus], [0, 1])
    for x in cpus:
        assert x['target'] == 'x86_64' and x['thread-id'] > 1 and 'props' in x, x
        assert isinstance(c.cmd('qom-get', path=x['qom-path'], property='type'), str)
    rows = {x['label']: x for x in c.cmd('query-chardev')}
    assert rows['serial0']['frontend-open'] is True and 'filename' in rows['serial0'], rows
    assert any(x.get('is-default') or x['name'] == 'pc' for x in c.cmd('query-machines'))
    assert isinstance(c.cmd('query-current-machine')['wakeup-suspend-support'], bool)
    types = {x['name'] for x in c.cmd('qom-list-types', implements='memory-backend')}
    assert {'memory-backend-ram', 'memory-backend-file', 'memory-backend-memfd'} <= types, types
    assert 'pc-dimm' in {x['name'] for x in c.cmd('qom-list-types', implements='memory-device')}
    assert 'pc-dimm' in {x['name'] for x in c.cmd('qom-list-types')}
    equal(c.cmd('qom-list-types', implements='nosuch'), [])
    properties = {x['name']: x for x in c.cmd('device-list-properties', typename='pc-dimm')}
    equal((properties['slot']['type'], properties['slot']['default-value']), ('int32', -1))
    equal(properties['memdev']['type'], 'link<memory-backend>')


def places_of_cpus():
    """Sockets and NUMA nodes as -smp and -numa say."""
    backends = [x for n in 'ab' for x in ('-object', f'memory-backend-ram,id={n},size=512M')]
    with machine('-smp', '4,sockets=2', *backends, '-numa', 'node,memdev=a,cpus=0-1', '-numa', 'node,memdev=b,cpus=2-3') as v, Client(v.qp) as c:
        equal([x['props'] for x in c.cmd('query-cpus-fast')],
              [{'socket-id': i // 2, 'core-id': i % 2, 'thread-id': 0, 'node-id': i // 2} for i in range(4)])
        equal({x['id']: x['size'] for x in c.cmd('query-memdev')}, {'a': 512 * MIB, 'b': 512 * MIB})
        rows = c.cmd('query-hotpluggable-cpus')
        equal([x['props'] for x in rows], [x['props'] for x in c.cmd('query-cpus-fast')][::-1])
        for x in rows:
            equal((x['vcpus-count'], x['type']), (1, c.cmd('qom-get', path=x['qom-path'], property='type')))
    with machine() as v, Client(v.qp) as c:
        equal({x['id']: x['size'] for x in c.cmd('query-memdev')}, {'pc.ram': 1024 * MIB})


def dimm(n, addr, slot, size=128 * MIB):
    return {'type': 'dimm', 'data': {'id': f'd{n}', 'addr': addr, 'slot': slot, 'node': 0, 'size': size, 'memdev': f'/objects/m{n}', 'hotplugged': True,
                                     'hotpluggable': True}}


def memory(c):
    equal(c.cmd('query-memory-devices'), [])
    equal(c.cmd('query-memory-size-summary'), {'base-memory': 1 << 30, 'plugged-memory': 0})
    equal(c.cmd('query-acpi-ospm-status'), [{'slot': str(i), 'slot-type': 'DIMM', 'source': 0, 'status': 0} for i in range(3)])
    equal(c.cmd('object-add', qom_type='memory-backend-ram', id='m1', size=128 * MIB), {})
    equal(c.cmd('object-add', qom_type='memory-backend-ram', id='m2', size=128 * MIB, share=True, merge=False, dump=False, policy='default', host_nodes=[]), {})
    equal(c.cmd('device_add', driver='pc-dimm', id='d1', memdev='m1'), {})
    equal(c.cmd('device_add', driver='pc-dimm', id='d2', memdev='m2', slot=2, addr=0x140000000, node=0), {})
    equal(c.cmd('query-memory-devices'), [dimm(1, 0x100000000, 0), dimm(2, 0x140000000, 2)])
    equal(c.cmd('query-memory-size-summary'), {'base-memory': 1 << 30, 'plugged-memory': 256 * MIB})
    equal([x.get('device') for x in c.cmd('query-acpi-ospm-status')], ['d1', None, 'd2'])
    rows = {x['id']: x for x in c.cmd('query-memdev')}
    equal(rows['m1'], {'id': 'm1', 'size': 128 * MIB, 'merge': True, 'dump': True, 'prealloc': False, 'share': False, 'reserve': True,
                       'policy': 'default', 'host-nodes': []})
    equal((rows['m2']['share'], rows['m2']['merge'], rows['m2']['dump']), (True, False, False))


def paths(c):
    """Needs what memory() left."""
    equal(sorted((x['name'], x['type']) for x in c.cmd('qom-list', path='/machine/peripheral')),
          [('d1', 'child<pc-dimm>'), ('d2', 'child<pc-dimm>'), ('type', 'string')])
    names = {x['name']: x['type'] for x in c.cmd('qom-list', path='/machine/peripheral/d1')}
    for name, kind in (('type', 'string'), ('hotplugged', 'bool'), ('realized', 'bool'), ('memdev', 'link<memory-backend>'), ('slot', 'int32'),
                       ('addr', 'uint64'), ('node', 'uint32'), ('size', 'uint64')):
        equal((name, names.get(name)), (name, kind))
    for path, name, want in (('/machine/peripheral/d2', 'slot', 2), ('/machine/peripheral/d2', 'addr', 0x140000000), ('d2', 'memdev', '/objects/m2'),
                             ('/machine/peripheral/d1', 'hotplugged', True), ('/machine/peripheral/d1', 'type', 'pc-dimm'),
                             ('/machine/peripheral', 'd1', '/machine/peripheral/d1'), ('/objects/m1', 'size', 128 * MIB), ('/objects/m2', 'share', True),
                             ('/objects/m1', 'policy', 'default'), ('/objects/m1', 'host-nodes', []), ('/objects/m1', 'type', 'memory-backend-ram')):
        equal((path, name, c.cmd('qom-get', path=path, property=name)), (path, name, want))
    # Every property that is listed can be read.
    for path in ('/machine/peripheral/d1', '/objects/m1'):
        for x in c.cmd('qom-list', path=path):
            if not QEMU:
                c.cmd('qom-get', path=path, property=x['name'])
    objects = {x['name']: x['type'] for x in c.cmd('qom-list', path='/objects')}
    equal((objects['m1'], objects['m2']), ('child<memory-backend-ram>', 'child<memory-backend-ram>'))
    equal({'machine', 'objects'} - {x['name'] for x in c.cmd('qom-list', path='/')}, set())
    equal(c.cmd('qom-set', path='/objects/m1', property='merge', value=False), {})
    equal(c.cmd('qom-get', path='/objects/m1', property='merge'), False)
    for path in ('/nosuch', 'nosuch', '/objects/nosuch', '/machine/peripheral/nosuch', '/machine/peripheral-anon/device[9]'):
        c.refused('DeviceNotFound', f"Device '{path}' not found", 'qom-list', path=path)
        c.refused('DeviceNotFound', f"Device '{path}' not found", 'qom-get', path=path, property='type')
    c.refused('GenericError', "Path '' is ambiguous", 'qom-list', path='')
    equal(c.cmd('qom-get', path='/machine', property='memory'), {'size': 1 << 30, 'slots': 3, 'max-size': 4 << 30})
    equal(c.cmd('qom-get', path='/objects/m1/m1[0]', property='size'), 128 * MIB)
    c.refused('DeviceNotActive', 'No balloon device has been activated', 'query-balloon')
    c.refused('DeviceNotActive', 'No balloon device has been activated', 'balloon', value=512 * MIB)
    c.refused('GenericError', "Parameter 'value' is missing", 'balloon')
    c.refused('GenericError', "Property 'pc-dimm.nosuch' not found", 'qom-get', path='d1', property='nosuch')
    c.refused('GenericError', "Property 'memory-backend-ram.nosuch' not found", 'qom-get', path='/objects/m1', property='nosuch')
    c.refused('GenericError', 'cannot change property', 'qom-set', path='/objects/m1', property='size', value=1)
    c.refused('GenericError', 'cannot change property value', 'qom-set', path='/objects/m1', property='share', value=True)
    c.refused('GenericError', "Property 'pc-dimm.size' is not writable", 'qom-set', path='d1', property='size', value=1)
    c.refused('GenericError', "Property 'memory-backend-ram.type' is not writable", 'qom-set', path='m1', property='type', value='x')
    c.refused('GenericError', "Attempt to set property 'slot' on device 'd1' (type 'pc-dimm') after it was realized", 'qom-set', path='d1', property='slot', value=1)
    c.refused('GenericError', "Invalid parameter type for 'merge', expected: boolean", 'qom-set', path='/objects/m1', property='merge', value='on')
    c.refused('DeviceNotFound', "Class 'nosuch' not found", 'qom-list-properties', typename='nosuch')
    for name, words in (('memory-backend-memfd', {'hugetlb', 'size', 'share', 'type'}), ('pc-dimm', {'memdev', 'slot', 'addr', 'node'})):
        equal(words - {x['name'] for x in c.cmd('qom-list-properties', typename=name)}, set())
    assert c.cmd('x-query-numa')['human-readable-text'].startswith('1 nodes\nnode 0 cpus: 0 1\n')
    equal(c.cmd('query-target'), {'arch': 'x86_64'})
    c.refused('DeviceNotFound', "Device 'nosuch' not found", 'device-list-properties', typename='nosuch')


def unnamed(c):
    equal(c.cmd('object-add', qom_type='memory-backend-ram', id='m3', size=2 * MIB), {})
    equal(c.cmd('device_add', driver='pc-dimm', memdev='m3'), {})
    path = '/machine/peripheral-anon/device[0]'
    equal(c.cmd('qom-list', path='/machine/peripheral-anon')[1:], [{'name': 'device[0]', 'type': 'child<pc-dimm>'}])
    equal(c.cmd('qom-get', path=path, property='memdev'), '/objects/m3')
    assert 'id' not in [x for x in c.cmd('query-memory-devices') if x['data']['memdev'] == '/objects/m3'][0]['data']
    equal(c.cmd('device_del', id=path), {})
    equal(c.cmd('device_del', id='/machine/peripheral/d1'), {})
    equal(c.cmd('device_del', id='d1'), {})
    equal(len(c.cmd('query-memory-devices')), 3)


REFUSED = [
    ('CommandNotFound', 'The command nosuch has not been found', 'nosuch', {}),
    ('CommandNotFound', 'The command query-events has not been found', 'query-events', {}),
    ('GenericError', "Parameter 'x' is unexpected", 'query-status', {'x': 1}),
    ('GenericError', "Parameter 'id' is missing", 'object-del', {}),
    ('GenericError', "Invalid parameter type for 'id', expected: string", 'object-del', {'id': 5}),
    ('GenericError', "object 'nosuch' not found", 'object-del', {'id': 'nosuch'}),
    ('GenericError', "object 'm1' is in use, can not be deleted", 'object-del', {'id': 'm1'}),
    ('GenericError', "Parameter 'qom-type' is missing", 'object-add', {'id': 'm9'}),
    ('GenericError', "Parameter 'id' is missing", 'object-add', {'qom_type': 'memory-backend-ram', 'size': MIB}),
    ('GenericError', "Parameter 'size' is missing", 'object-add', {'qom_type': 'memory-backend-ram', 'id': 'm8'}),
    ('GenericError', "Invalid parameter type for 'qom-type', expected: string", 'object-add', {'qom_type': 5, 'id': 'm9'}),
    ('GenericError', "Parameter 'qom-type' does not accept value 'memory-backend-bogus'", 'object-add', {'qom_type': 'memory-backend-bogus', 'id': 'm9'}),
    ('GenericError', "Parameter 'id' expects an identifier", 'object-add', {'qom_type': 'memory-backend-ram', 'id': '9m', 'size': MIB}),
    ('GenericError', "attempt to add duplicate property 'm1' to object (type 'container')", 'object-add',
     {'qom_type': 'memory-backend-ram', 'id': 'm1', 'size': MIB}),
    *[('GenericError', text, 'object-add', {'qom_type': 'memory-backend-ram', 'id': 'm8', 'size': MIB, **more}) for text, more in (
        ("Parameter 'size' expects uint64", {'size': '256M'}), ("Parameter 'size' expects uint64", {'size': 1.5}),
        ("property 'size' of memory-backend-ram doesn't take value '0'", {'size': 0}),
        ("Invalid parameter type for 'share', expected: boolean", {'share': 'on'}), ("Parameter 'bogus' is unexpected", {'bogus': 1}),
        ("Invalid parameter type for 'policy', expected: string", {'policy': 5}), ("Parameter 'policy' does not accept value 'x'", {'policy': 'x'}),
        ("Invalid parameter type for 'host-nodes', expected: array", {'host_nodes': 0}),
        ("Parameter 'host-nodes[0]' expects uint64", {'host_nodes': ['a']}), ('host-nodes must be set for policy bind', {'policy': 'bind'}))],
    ('GenericError', "Parameter 'driver' is missing", 'device_add', {'id': 'd9'}),
    ('GenericError', "'pc-dimx' is not a valid device model name", 'device_add', {'driver': 'pc-dimx'}),
    ('DeviceNotFound', "Device 'nosuch' not found", 'device_add', {'driver': 'pc-dimm', 'id': 'd9', 'memdev': 'nosuch'}),
    ('GenericError', "'memdev' property must be set", 'device_add', {'driver': 'pc-dimm', 'id': 'd9'}),
    ('GenericError', "Invalid parameter type for 'memdev', expected: string", 'device_add', {'driver': 'pc-dimm', 'memdev': 5}),
    *[('GenericError', text, 'device_add', {'driver': 'pc-dimm', 'id': 'd9', 'memdev': 'm9', **more}) for text, more in (
        ("Invalid parameter type for 'slot', expected: integer", {'slot': '0'}), ("Invalid parameter type for 'slot', expected: integer", {'slot': True}),
        ("Invalid parameter type for 'slot', expected: integer", {'slot': None}), ("Parameter 'slot' expects int32_t", {'slot': 5000000000}),
        ("Parameter 'addr' expects uint64", {'addr': '0x110000000'}), ("Parameter 'addr' expects uint64", {'addr': 1.0}),
        ("Parameter 'node' expects uint32_t", {'node': -1}), ("Property 'pc-dimm.foo' not found", {'foo': 1}),
        ("Property 'pc-dimm.size' is not writable", {'size': 1}), ('invalid slot number 7, valid range is [0-2]', {'slot': 7}),
        ('address must be aligned to 0x200000 bytes', {'addr': 0x120000001}), ("can't add memory device [0x40000000:0x200000]", {'addr': 1 << 30}),
        ("'DIMM property node has value 1' which exceeds the number of numa nodes: 1", {'node': 1}))],
    ('GenericError', "can't use already busy memdev: m1", 'device_add', {'driver': 'pc-dimm', 'id': 'd9', 'memdev': 'm1'}),
    ('GenericError', "Duplicate device ID 'd1'", 'device_add', {'driver': 'pc-dimm', 'id': 'd1', 'memdev': 'm9'}),
    ('GenericError', "Parameter 'id' is missing", 'device_del', {}),
    ('DeviceNotFound', "Device 'nosuch' not found", 'device_del', {'id': 'nosuch'}),
    ('DeviceNotFound', "Device '/machine/peripheral/nosuch' not found", 'device_del', {'id': '/machine/peripheral/nosuch'}),
    ('DeviceNotFound', "Device '/machine/peripheral-anon/device[7]' not found", 'device_del', {'id': '/machine/peripheral-anon/device[7]'}),
    ('GenericError', "Parameter 'path' is missing", 'qom-list', {}),
    ('GenericError', "Parameter 'property' is missing", 'qom-get', {'path': '/'}),
    ('GenericError', "Parameter 'command-line' is missing", 'human-monitor-command', {}),
    ('GenericError', "Parameter 'cpu-index' expects a CPU number", 'human-monitor-command', {'command_line': 'info status', 'cpu_index': 9}),
    ('GenericError', "Invalid parameter type for 'cpu-index', expected: integer", 'human-monitor-command', {'command_line': '', 'cpu_index': 'x'}),
    ('GenericError', "Invalid parameter type for 'abstract', expected: boolean", 'qom-list-types', {'abstract': 1}),
]


def refusals():
    """Each changes nothing."""
    with machine() as v, Client(v.qp) as c:
        for n in (1, 9):
            c.cmd('object-add', qom_type='memory-backend-ram', id=f'm{n}', size=2 * MIB)
        c.cmd('device_add', driver='pc-dimm', id='d1', memdev='m1')
        before = c.cmd('query-memory-devices'), c.cmd('query-memdev'), c.cmd('qom-list', path='/machine/peripheral')
        for cls, text, execute, arguments in REFUSED:
            c.refused(cls, text, execute, **arguments)
        equal((c.cmd('query-memory-devices'), c.cmd('query-memdev'), c.cmd('qom-list', path='/machine/peripheral')), before)
        c.cmd('device_add', driver='pc-dimm', id='d9', memdev='m9')          # nothing of the refused ones is left in the way


def without_acpi():
    with machine('-machine', 'pc,acpi=off') as v, Client(v.qp) as c:
        c.refused('GenericError', 'command is not supported, missing ACPI device', 'query-acpi-ospm-status')
        c.cmd('object-add', qom_type='memory-backend-ram', id='m', size=2 * MIB)
        c.refused('GenericError', 'memory hotplug is not enabled: missing acpi device or acpi disabled', 'device_add', driver='pc-dimm', memdev='m')
        equal(c.cmd('query-memory-devices'), [])


def other_devices():
    """Properties of other types reach the device."""
    ramjet_only()
    with machine() as v, Client(v.qp) as c:
        c.refused('GenericError', "Device 'isa-debug-exit' can not be hotplugged", 'device_add', driver='isa-debug-exit', id='x', iobase=0x501)
        c.refused('GenericError', "Parameter 'iobase' expects uint32_t", 'device_add', driver='isa-debug-exit', iobase=1 << 32)
        c.refused('GenericError', "Property 'isa-debug-exit.nosuch' not found", 'device_add', driver='isa-debug-exit', nosuch=1)
        c.refused('GenericError', "Invalid parameter type for 'id', expected: string", 'device_add', driver='pc-dimm', id=5)
        c.refused('GenericError', "Parameter 'size' expects uint64", 'object-add', qom_type='memory-backend-ram', id='m', size=-1)


def human(c):
    def line(text, **more):
        return c.cmd('human-monitor-command', command_line=text, **more)
    equal(line('info status'), 'VM status: paused (prelaunch)\r\n')
    equal(line(''), '')
    equal(line('info status', cpu_index=1), 'VM status: paused (prelaunch)\r\n')
    equal(line('nosuch').split('\r\n')[0], "unknown command: 'nosuch'")
    equal(line('device_del nosuch'), "Error: Device 'nosuch' not found\r\n")
    equal(line('object_add memory-backend-ram,id=hm,size=1M'), '')
    assert 'memory backend: hm\r\n' in line('info memdev')
    if not QEMU:
        assert line('nosuch \u00e4\u20ac').startswith("unknown command: 'nosuch'")
        assert line('\u20ac' * 1500).startswith("unknown command: '")          # cut within a character
    equal(c.cmd('object-del', id='hm'), {})


# ---- events

def events_of_states():
    """Events that a command causes come before its reply, with times that do not go back."""
    with machine(reboot=True) as v, Client(v.qp) as c:
        seen = []
        for execute, names in (('cont', ['RESUME']), ('cont', []), ('stop', ['STOP']), ('stop', []), ('system_reset', ['RESET']),
                               ('system_powerdown', ['POWERDOWN']), ('cont', ['RESUME']), ('stop', ['STOP'])):
            equal(c.cmd(execute), {})
            equal((execute, [e['event'] for e in c.events]), (execute, names))
            seen += c.events
            c.events = []
            if execute == 'system_reset':
                equal(seen[-1]['data'], {'guest': False, 'reason': 'host-qmp-system-reset'})
                equal(c.cmd('query-status'), {'running': False, 'status': 'prelaunch'})
        times = [(e['timestamp']['seconds'], e['timestamp']['microseconds']) for e in seen]
        equal(times, sorted(times))
        assert all(abs(t[0] - time.time()) < 600 and 0 <= t[1] < 1000000 for t in times), times
        assert not any('data' in e for e in seen if e['event'] in ('STOP', 'RESUME', 'POWERDOWN')), seen
        equal(c.cmd('human-monitor-command', command_line='cont'), '')
        equal([e['event'] for e in c.events], ['RESUME'])
        c.events = []
        # Several commands in one write, the middle one handled by the machine between two looks: order holds.
        c.send(b'{"execute":"stop","id":1}{"execute":"system_reset","id":2}{"execute":"query-status","id":3}')
        got = [c.receive() for _ in range(5)]
        equal([m.get('event') or m['id'] for m in got], ['STOP', 1, 'RESET', 2, 3])
        equal(got[4]['return']['status'], 'prelaunch')


def script_guest(*extra, **kw):
    if not os.path.exists(EVENTS):
        raise Skip(f'{EVENTS} is not built')
    args = ['-m', '64M,slots=2,maxmem=1G', '-kernel', EVENTS, *extra] + (['-accel', 'tcg'] if QEMU else [])
    return vm.VM(EMU, args, qmp=True, reboot=True, **kw)


def events_of_a_guest():
    """A guest takes a DIMM, refuses to let go of it, lets it go, resets, and turns the machine off."""
    ramjet_only()           # the image is not for firmware
    with script_guest('-no-shutdown') as v, Client(v.qp) as c:
        v.expect('READY')

        def tell(letter):
            at = len(v.buf)
            v.send(letter)
            return at

        def ost(device, source, status):
            info = {'slot': '0', 'slot-type': 'DIMM', 'source': source, 'status': status}
            return ('ACPI_DEVICE_OST', {'info': {**info, **({'device': device} if device else {})}})

        def done(at):
            v.expect('DONE', after=at)
            c.cmd('query-name')                              # events so far are in
            got, c.events = [(e['event'], e.get('data')) for e in c.events], []
            return got

        c.cmd('object-add', qom_type='memory-backend-ram', id='m1', size=2 * MIB)
        for name, path in (('d1', '/machine/peripheral/d1'), (None, '/machine/peripheral-anon/device[0]')):
            device = {'device': name} if name else {}
            c.cmd('device_add', driver='pc-dimm', memdev='m1', **({'id': name} if name else {}))
            equal(done(tell('i')), [ost(name, 1, 0)])
            equal(c.cmd('query-acpi-ospm-status')[0], {'slot': '0', 'slot-type': 'DIMM', 'source': 1, 'status': 0, **device})
            equal(c.cmd('device_del', id=path), {})
            equal(done(tell('n')), [ost(name, 3, 0x84), ost(name, 3, 0x82), ('DEVICE_UNPLUG_GUEST_ERROR', {'path': path, **device})])
            c.refused('GenericError', "object 'm1' is in use", 'object-del', id='m1')
            equal(c.cmd('device_del', id=path), {})
            equal(done(tell('e')), [ost(name, 3, 0x84), ('DEVICE_DELETED', {'path': path, **device}), ost(None, 3, 0)])
            equal(c.cmd('query-memory-devices'), [])
            c.refused('DeviceNotFound', f"Device '{path}' not found", 'device_del', id=path)
        equal(c.cmd('object-del', id='m1'), {})
        at = tell('r')
        equal(c.event('RESET')['data'], {'guest': True, 'reason': 'guest-reset'})
        v.expect('READY', after=at)
        tell('p')
        equal(c.event('SHUTDOWN')['data'], {'guest': True, 'reason': 'guest-shutdown'})
        equal(c.event('STOP')['event'], 'STOP')
        equal(c.cmd('query-status'), {'status': 'shutdown', 'running': False})
        c.refused('GenericError', 'Resetting the Virtual Machine is required', 'cont')
        at = len(v.buf)
        c.cmd('system_reset')
        equal(c.cmd('query-status')['status'], 'prelaunch')
        c.cmd('cont')
        v.expect('READY', after=at)


def counted_time():
    """With -icount, events carry the machine's time: two runs give the same."""
    ramjet_only()
    stamps = []
    for _ in range(2):
        with script_guest('-icount', 'shift=3', '-rtc', 'base=2026-01-31T12:00:00', '-S') as v, Client(v.qp) as c:
            c.cmd('system_reset')
            c.cmd('cont')
            stamps.append([e['timestamp'] for e in c.events])
    equal(stamps, [[{'seconds': 1769860800, 'microseconds': 0}] * 2] * 2)


# ---- input that no client should send, and clients that do not read

def bytes_in_pieces(c):
    text = b'{"execute":"query-name","id":"\xc3\xa4\\u20ac\\ud83d\\ude00 }{ \\" [ "}'
    want = {'return': c.cmd('query-name'), 'id': '\u00e4\u20ac\U0001f600 }{ " [ '}
    for sizes in ([1], [2], [3, 1], [7], [len(text)]):
        at, i = 0, 0
        while at < len(text):
            c.send(text[at:at + sizes[i % len(sizes)]])
            at += sizes[i % len(sizes)]
            i += 1
        equal(c.reply(), want)
    c.send(text * 3 + b' \r\n\t' + text)
    for _ in range(4):
        equal(c.reply(), want)
    c.send(b"{'execute': 'query-name', 'id': 'a\"b\\'c'}")
    equal(c.reply()['id'], 'a"b\'c')
    for value in (None, 0, -1, 1.5, True, [1, {'a': []}], {'b': {'c': 'd'}}, '', 2 ** 62):
        c.send({'execute': 'query-name', 'id': value})
        equal(c.reply()['id'], value)


def malformed(c):
    """One error for each, and the next command works."""
    rows = [b'{"execute" "query-name"}', b'{"execute":"query-name",}', b'@', b'}', b']', b'nosuch', b'%s', b'{"execute":"query-name"]',
            b'{"execute":"query-name","id":tru}', b'{"execute":"query-name","id":"\\q"}', b'{"execute":"query-name","id":"\x80abc"}',
            b'{"execute":"query-name","id":"\\ud800"}', b'{"execute":"query-name","id":{"a":1,"a":2}}',
            b'{"execute":"query-name","execute":"query-status"}']
    rows += [] if QEMU else [b'{"execute":"query-name","id":"a\x00b"}', b'\x00', b'{"execute":"query-name","id":[1}', b'}}}', b'{"a": @ {"execute":"quit"}}',
                             b'{"execute":"query-name","id":01}', b'{"execute":"query-name","id":1e999}', b'{"execute":"query-name","id":"\\u0000"}',
                             b'{"execute":"query-name","id":99999999999999999999}', b'{\x01}', b'{"execute":"query-name" \xe2\x82\xac}', b':', b',,']
    for row in rows:
        c.error(row + b'\n', 'JSON parse error')
        equal((row, c.ask('query-status').get('return', {}).get('status')), (row, 'prelaunch'))
    for row, text in ((b'[1]', 'QMP input must be a JSON object'), (b'5 ', 'QMP input must be a JSON object'), (b'"text"', 'QMP input must be a JSON object'),
                      (b'null\n', 'QMP input must be a JSON object'), (b'{}', "QMP input lacks member 'execute'"),
                      (b'{"execute":5}', "QMP input member 'execute' must be a string"),
                      (b'{"execute":"stop","arguments":[]}', "QMP input member 'arguments' must be an object"),
                      (b'{"execute":"stop","bogus":1}', "QMP input member 'bogus' is unexpected"),
                      (b'{"exec-oob":"stop"}', "QMP input member 'exec-oob' is unexpected")):
        c.error(row, text)
    equal(c.error(b'{"id":[7]}', "QMP input lacks member 'execute'")['id'], [7])
    c.silent()


def restart_byte(c):
    """FFh forgets whatever came before it."""
    for start in (b'{"execute":"quit","id":', b'{"execute":"quit', b'[[[[', b'{"a":"\\', b''):
        c.error(start + b'\xff' + (b'\n' if QEMU else b''), 'stray')
        if QEMU:
            while 'error' in c.ask('query-status'):
                pass
        equal(c.cmd('query-status')['status'], 'prelaunch')


def too_deep(c):
    ramjet_only()
    for opening, closing in ((b'[', b']'), (b'{"a":', b'}')):
        c.send(b'{"execute":"query-name","id":' + opening * 900 + b'1' + closing * 900 + b'}')
        assert 'return' in c.reply()
        for depth in (1023, 5000, 200000):
            c.error(b'{"execute":"quit","id":' + opening * depth + b'{"execute":"quit"}' + closing * depth + b'}', 'JSON nesting depth limit exceeded')
            equal(c.cmd('query-status')['status'], 'prelaunch')
    c.silent()


def too_long(c):
    ramjet_only()
    c.send(b'{"execute":"query-name","id":"' + b'a' * 1000000 + b'"}')
    equal(len(c.reply()['id']), 1000000)
    edge = (1 << 20) - len(b'{"execute":"query-name","id":""}')
    for extra, ok in ((0, True), (1, False), (2, False), (3, False), (5000000, False)):
        c.send(b'{"execute":"query-name","id":"' + b'a' * (edge + extra) + b'"}')
        r = c.reply()
        assert ('return' in r) == ok and (ok or r['error']['desc'] == 'JSON token size limit exceeded'), (extra, str(r)[:200])
        equal(c.cmd('query-status')['status'], 'prelaunch')
    for text in (b'"' + b'x' * (1 << 20) + b'"', b'z' * (1 << 20) + b'\n', b'7' * 3000000 + b' '):
        c.error(text, '')
        equal(c.cmd('query-status')['status'], 'prelaunch')
    c.error(b'{"execute":"quit",' + b' ' * (1 << 20) + b'{"execute":"quit"}}', 'JSON token size limit exceeded')
    c.silent()


def slow_reader():
    """A client that sends much and reads nothing for a while: the machine goes on, every reply arrives, in order."""
    count = 5000
    with machine() as v, Client(v.qp) as c:
        c.s.setblocking(False)
        data, sent = b''.join(b'{"execute":"query-commands","id":%d}\n' % i for i in range(count)), 0
        end = time.time() + 2
        while sent < len(data) and time.time() < end:      # until the socket takes no more
            try:
                sent += c.s.send(data[sent:])
            except BlockingIOError:
                time.sleep(0.05)
        t = time.time()
        assert v.hmp('info status').startswith('VM status: paused')
        assert time.time() - t < 5 * SLOW, 'another monitor had to wait'
        c.s.settimeout(20 * SLOW)
        got = 0
        while got < count:
            if sent < len(data):
                c.s.setblocking(False)
                try:
                    sent += c.s.send(data[sent:sent + 65536])
                except BlockingIOError:
                    pass
                c.s.settimeout(20 * SLOW)
            r = c.receive()
            equal(r['id'], got)
            assert len(r['return']) > 20
            got += 1
        equal(c.cmd('query-status')['status'], 'prelaunch')


def long_reply():
    """More than any buffer holds, to a client that takes a nap."""
    with machine('-object', 'memory-backend-ram,id=m1,size=128M', '-device', 'pc-dimm,id=d1,memdev=m1') as v, Client(v.qp) as c:
        c.send({'execute': 'human-monitor-command', 'arguments': {'command-line': 'xp /65536xg 0x100000000'}, 'id': 1})
        c.send({'execute': 'query-name', 'id': 2})
        time.sleep(1.5)
        lines = c.reply()['return'].split('\r\n')
        equal((len(lines), lines[-2]), (32769, '000000010007fff0:' + ' 0x0000000000000000' * 2))
        equal(c.reply()['id'], 2)


def client_gone():
    """A client leaves in the middle of its replies, and while a reset is on its way."""
    ramjet_only()           # QEMU's parser keeps what the client before left
    with machine(reboot=True) as v:
        for tail in (b'', b'{"execute":"system_reset"}'):
            c = Client(v.qp)
            c.send(b'{"execute":"query-commands"}' * 300 + tail)
            c.receive()
            c.s.close()
        with Client(v.qp) as c:
            equal(c.cmd('query-status')['status'], 'prelaunch')
            c.silent()


def deaf_listener():
    """Events for a client that does not read: the machine and other clients go on; what does not fit is dropped event by event."""
    ramjet_only()
    path, count = f'/tmp/ramjet-qmp-{os.getpid()}.d', 15000
    with machine('-qmp', f'unix:{path},server=on,wait=off') as v, Client(v.qp) as deaf, Client(path) as c:
        for _ in range(count // 50):
            c.send(b'{"execute":"cont"}{"execute":"stop"}' * 50 + b'{"execute":"query-status","id":"end"}')
            while 'id' not in c.receive():
                pass
        assert v.stderr().count('events are dropped') == 1, v.stderr()
        deaf.send({'execute': 'query-name', 'id': 'now'})
        seen = 0
        while (m := deaf.receive()).get('id') != 'now':
            assert m['event'] in ('RESUME', 'STOP')
            seen += 1
        assert 5000 < seen < 2 * count, seen
        c.cmd('cont')
        c.cmd('stop')
        equal([deaf.receive()['event'] for _ in range(2)], ['RESUME', 'STOP'])


tap = Tap()
for f in (greeting, next_client, several, pretty, quit_ends, signal_ends, places_of_cpus, refusals, without_acpi, other_devices, events_of_states, events_of_a_guest, counted_time,
          slow_reader, long_reply, client_gone, deaf_listener):
    tap.case('qmp: ' + f.__name__.replace('_', ' '), f)
with machine('-name', 'guest=guest 1,debug-threads=on', '-smp', '2') as shared, Client(shared.qp) as client:
    for f in (start_of_a_manager, memory, paths, unnamed, human, bytes_in_pieces, malformed, restart_byte, too_deep, too_long):
        tap.case('qmp: ' + f.__name__.replace('_', ' '), f, client)
tap.done()
