#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=180
"""The human monitor on a socket: greeting, replies, messages and formats, with the guest paused (-S). What is meant to be as
in QEMU also passes with RAMJET_EMULATOR=qemu-system-x86_64."""
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

EMU = vm.emulator()
QEMU = vm.is_qemu(EMU)
ARGS = ['-S', '-m', '1G,slots=3,maxmem=4G', '-kernel', guest.kernel()] + (['-accel', 'tcg', '-cpu', 'max'] if QEMU else [])


def ramjet_only():
    if QEMU:
        raise Skip('not meant to be as in QEMU')


def equal(got, want):
    assert got == want, f'got {got!r}, expected {want!r}'


def dimms(v):
    """info memory-devices as QEMU prints it: without the lines that Ramjet adds."""
    text = v.hmp('info memory-devices')
    assert QEMU or text.count('  state: ') == text.count('Memory device'), text
    return re.sub(r'\n  (state|reason): .*', '', text)


def machine(*extra):
    return vm.VM(EMU, [*ARGS, *extra])


def connect(v):
    s = v._sock(v.hp)
    s.settimeout(10 * v.slow)
    return s


def until_prompt(s):
    text = b''
    while not text.endswith(b'(qemu) '):
        got = s.recv(65536)
        if not got:
            raise EOFError(f'closed after {text!r}')
        text += got
    return text.decode()


def ask(s, line):
    s.sendall(line.encode() + b'\n')
    return until_prompt(s)


def greeting():
    with machine() as v:
        with connect(v) as s:
            text = until_prompt(s)
            assert re.fullmatch(r"QEMU \d+\.\d+\.\d+ monitor - type 'help' for more information\r\n\(qemu\) ", text), repr(text)


def only_its_output():
    """No echo and no escape sequences on a socket; lines end with CR LF."""
    ramjet_only()
    with machine() as v, connect(v) as s:
        until_prompt(s)
        equal(ask(s, 'info status'), 'VM status: paused (prelaunch)\r\n(qemu) ')
        equal(ask(s, 'object_add memory-backend-ram,id=m1,size=128M'), '(qemu) ')
        equal(ask(s, ''), '(qemu) ')
        s.sendall(b'info status\r\n')
        equal(until_prompt(s), 'VM status: paused (prelaunch)\r\n(qemu) ')
        s.settimeout(0.3)
        try:
            raise AssertionError(f'one line, two replies: {s.recv(100)!r}')
        except TimeoutError:
            pass


def two_lines_at_once():
    with machine() as v, connect(v) as s:
        until_prompt(s)
        s.sendall(b'info status\ninfo version\n')
        text = ''
        while text.count('(qemu) ') < 2:
            text += s.recv(65536).decode()
        assert text.index('VM status: paused (prelaunch)') < re.search(r'10\.\d+\.\d+', text).start(), repr(text)


def next_client():
    """A second client gets its own greeting, and nothing of the half line that the first one left."""
    with machine() as v:
        with connect(v) as s:
            until_prompt(s)
            s.sendall(b'object_a')
            time.sleep(0.2)
        with connect(v) as s:
            assert 'monitor' in until_prompt(s)
            text = ask(s, 'info status')
            assert 'VM status: paused (prelaunch)' in text and 'unknown' not in text, repr(text)


def slow_reader():
    """A long reply arrives whole at a client that takes its time, and the machine goes on meanwhile."""
    with machine('-object', 'memory-backend-ram,id=m1,size=128M', '-device', 'pc-dimm,id=d1,memdev=m1') as v, connect(v) as s:
        until_prompt(s)
        s.sendall(b'xp /60000xb 0x100000000\n')
        time.sleep(1.5)
        lines = re.findall(r'^0000000100\w{6}: 0x00( 0x00){7}\r?$', until_prompt(s), re.M)
        equal(len(lines), 7500)


def quit_ends():
    v = machine()
    try:
        with connect(v) as s:
            until_prompt(s)
            s.sendall(b'quit\n')
            equal(v.wait_exit(10), 0)
        assert not os.path.exists(v.hp), 'the socket is left behind'
    finally:
        v.close()


def states(v):
    equal(v.hmp('info status'), 'VM status: paused (prelaunch)')
    equal(v.hmp('cont'), '')
    equal(v.hmp('info status'), 'VM status: running')
    equal(v.hmp('stop'), '')
    equal(v.hmp('info status'), 'VM status: paused')
    equal(v.hmp('c'), '')
    equal(v.hmp('info status'), 'VM status: running')
    v.hmp('stop')


DIMM = '''Memory device [dimm]: "d%d"
  addr: 0x%x
  slot: %d
  node: 0
  size: 134217728
  memdev: /objects/m%d
  hotplugged: %s
  hotpluggable: true'''
BACKEND = '''memory backend: m%d
  size:  134217728
  merge: true
  dump: true
  prealloc: false
  share: false
  reserve: true
  policy: default
  host nodes: '''


def memory_devices(v):
    equal(dimms(v), '')
    for n in (1, 2):
        equal(v.hmp(f'object_add memory-backend-ram,id=m{n},size=128M'), '')
        equal(v.hmp(f'device_add pc-dimm,id=d{n},memdev=m{n}'), '')
    equal(dimms(v),
          DIMM % (1, 0x100000000, 0, 1, 'true') + '\n' + DIMM % (2, 0x108000000, 1, 2, 'true'))
    equal(v.hmp('info memory_size_summary'), f'base memory: {1 << 30}\nplugged memory: {2 << 27}')
    text = v.hmp('info memdev')
    for n in (1, 2):
        assert BACKEND % n in text, text
    equal(v.hmp('info numa'), '1 nodes\nnode 0 cpus: 0\nnode 0 size: 1280 MB\nnode 0 plugged: 256 MB')


def cold_plug():
    with machine('-object', 'memory-backend-ram,id=m1,size=128M', '-device', 'pc-dimm,id=d1,memdev=m1,slot=2') as v:
        equal(dimms(v), DIMM % (1, 0x100000000, 2, 1, 'false'))


def messages(v):
    """What is wrong comes as `Error: ...`, changes nothing, and the machine goes on. Needs the state that memory_devices left."""
    for line, want in (
            ('object_add memory-backend-ram,id=m9', "Error: Parameter 'size' is missing"),
            ('object_add memory-backend-ram,size=128M', "Error: Parameter 'id' is missing"),
            ('object_add memory-backend-ram,id=m9,size=0', "Error: property 'size' of memory-backend-ram doesn't take value '0'"),
            ('object_add memory-backend-ram,id=m9,size=1Q', "Error: Parameter 'size' expects"),
            ('object_add memory-backend-bogus,id=m9', "Error: Parameter 'qom-type' does not accept value 'memory-backend-bogus'"),
            ('object_add memory-backend-ram,id=m9,size=1M,bogus=1', "Error: Parameter 'bogus' is unexpected"),
            ('object_add memory-backend-ram,id=9m,size=1M', "Error: Parameter 'id' expects an identifier"),
            ('object_add memory-backend-ram,id=m1,size=128M', "Error: attempt to add duplicate property 'm1' to object (type 'container')"),
            ('object_add memory-backend-ram,id=m9,size=1M,share=maybe', "Error: Parameter 'share' expects 'on' or 'off'"),
            ('object_add memory-backend-ram,id=m9,size=1M,policy=bind', 'Error: host-nodes must be set for policy bind'),
            ('object_add', 'object_add: string expected\nTry "help object_add" for more information'),
            ('object_del', 'object_del: string expected\nTry "help object_del" for more information'),
            ('object_del nosuch', "Error: object 'nosuch' not found"),
            ('object_del m1', "Error: object 'm1' is in use, can not be deleted"),
            ('device_del', 'device_del: string expected\nTry "help device_del" for more information'),
            ('device_del nosuch', "Error: Device 'nosuch' not found"),
            ('device_add pc-dim', "Error: 'pc-dim' is not a valid device model name"),
            ('device_add pc-dimm', "Error: 'memdev' property must be set"),
            ('device_add pc-dimm,id=d9,memdev=nosuch', "Error: Device 'nosuch' not found"),
            ('device_add pc-dimm,id=d9,memdev=m1', "Error: can't use already busy memdev: m1"),
            ('device_add pc-dimm,id=d1,memdev=m1', "Error: Duplicate device ID 'd1'"),
            ('device_add pc-dimm,id=d9,memdev=m1,slot=3', 'Error: invalid slot number 3, valid range is [0-2]'),
            ('device_add pc-dimm,id=d9,memdev=m1,slot=0', 'Error: slot 0 is busy'),
            ('device_add pc-dimm,id=d9,memdev=m1,foo=1', "Error: Property 'pc-dimm.foo' not found"),
            ('device_add pc-dimm,id=d9,memdev=m1,size=1G', "Error: Property 'pc-dimm.size' is not writable"),
            ('stop now', 'extraneous characters at the end of line'),
            ('info memory-devices x',
             'memory-devices: extraneous characters at the end of line\nTry "help info memory-devices" for more information'),
            ('nosuch', "unknown command: 'nosuch'"),
            ('help nosuch', "unknown command: 'nosuch'")):
        got = v.hmp(line)
        assert want in got if want.startswith('extra') else got.startswith(want), f'{line!r}: got {got!r}, expected {want!r}'
    assert re.search(r"unknown.*nosuch'", v.hmp('info nosuch'))
    equal(v.hmp('info memory-devices').count('Memory device'), 2)
    equal(v.hmp('info memdev').count('id=m9'), 0)


def placement(v):
    """Where a DIMM may go; the third slot is free, the first two are taken by 128 MiB each."""
    equal(v.hmp('object_add memory-backend-ram,id=p1,size=128M'), '')
    equal(v.hmp('object_add memory-backend-ram,id=p2,size=4G'), '')
    for line, want in (
            ('device_add pc-dimm,id=d9,memdev=p1,addr=0x40000000', "Error: can't add memory device [0x40000000:0x8000000]"),
            ('device_add pc-dimm,id=d9,memdev=p1,addr=0x110000001', 'Error: address must be aligned to 0x200000 bytes'),
            ('device_add pc-dimm,id=d9,memdev=p1,addr=0x104000000', "Error: address range conflicts with memory device id='d"),
            ('device_add pc-dimm,id=d9,memdev=p2', 'Error: not enough space, currently 0x10000000 in use of total space for memory '
             'devices 0xc0000000'),
            ('device_add pc-dimm,id=d9,memdev=p1,node=1', "Error: 'DIMM property node has value 1' which exceeds the number of numa nodes: 1")):
        got = v.hmp(line)
        assert got.startswith(want), f'{line!r}: got {got!r}, expected {want!r}'
    equal(v.hmp('device_add pc-dimm,id=d9,memdev=p1,addr=0x120000000'), '')
    assert 'addr: 0x120000000\n  slot: 2\n' in v.hmp('info memory-devices')
    equal(v.hmp('object_add memory-backend-ram,id=p3,size=2M'), '')
    assert v.hmp('device_add pc-dimm,id=d10,memdev=p3').startswith('Error: no free slots available')
    equal(v.hmp('object_del p2'), '')
    assert 'memory backend: p2' not in v.hmp('info memdev')


def dumps(v):
    equal(v.hmp('xp /8xb 0x100000000'), '0000000100000000:' + ' 0x00' * 8)
    equal(v.hmp('xp/9xb 0x100000000'), '0000000100000000:' + ' 0x00' * 8 + '\n0000000100000008: 0x00')
    equal(v.hmp('xp /5xw 0x100000000'), '0000000100000000:' + ' 0x00000000' * 4 + '\n0000000100000010: 0x00000000')
    equal(v.hmp('xp /3xg 0x100000000'), '0000000100000000:' + ' 0x0000000000000000' * 2 + '\n0000000100000010: 0x0000000000000000')
    equal(v.hmp('xp /2xh 0x100000000'), '0000000100000000: 0x0000 0x0000')
    equal(v.hmp('xp /2dw 0x100000000').split(), ['0000000100000000:', '0', '0'])
    equal(v.hmp('xp /8xb 0x200000000'), '0000000200000000: Cannot access memory')
    assert v.hmp('x /4q 0').startswith("invalid char in format: 'q'") or v.hmp('x /4q 0').startswith("Error: invalid char in format: 'q'")


def numbers(v):
    for text, want in (('p/d 17', '17'), ('p/x 17', '0x11'), ('p/d 1+2*3', '7'), ('p/d (1+2)*3', '9'), ('p/x 0x10|3', '0x13'),
                       ('p/d 20/6', '3'), ('p/d 20%6', '2'), ('p/x 12-0xc+1', '0x1')):
        equal((text, v.hmp(text).strip()), (text, want))


def registers(v):
    text = v.hmp('info registers')
    for word in ('CPU#0', 'CR0=', 'CR3=', 'GDT=', 'EFER=', 'XMM00='):
        assert word in text, f'{word} is not in {text!r}'
    assert re.search(r'[RE]IP=\w+', text)
    assert re.match(r'0x[0-9a-f]+$|0x0+$', v.hmp('p/x $eflags').strip())


def tree(v):
    text = v.hmp('info mtree')
    assert '0000000100000000-000000027fffffff (prio 0, i/o): device-memory' in text, text[:2000]
    assert re.search(r'0000000100000000-0000000107ffffff \(prio 0, ram\): m1', text)
    assert '0000000000000a00-0000000000000a17 (prio 0, i/o): acpi-mem-hotplug' in text
    assert re.search(r'0000000100000000-0000000107ffffff \(prio 0, ram\): m1', v.hmp('info mtree -f'))


def other_items(v):
    equal(v.hmp('info mem'), 'PG disabled') if QEMU else v.hmp('info mem')
    assert 'serial0: filename=' in v.hmp('info chardev')
    assert re.search(r'CPU #0', v.hmp('info cpus'))
    assert re.search(r'ioapic0: ', v.hmp('info pic'))
    for item in ('irq', 'jit', 'qtree', 'version'):
        assert v.hmp(f'info {item}'), f'info {item} says nothing'
    assert re.search(r'^10\.\d+\.\d+', v.hmp('info version'))


def helps(v):
    text = v.hmp('help')
    for name in ('x', 'xp', 'stop', 'cont', 'quit', 'info', 'object_add', 'object_del', 'device_add', 'device_del', 'system_reset',
                 'system_powerdown'):
        assert re.search(rf'^{name}\b.* -- ', text, re.M), f'{name} has no help'
        assert re.match(rf'{name}\b.* -- ', v.hmp(f'help {name}')), f'help {name}'
    text = v.hmp('help info')
    for name in ('status', 'registers', 'mtree', 'memory-devices', 'memdev', 'memory_size_summary', 'tlb', 'mem', 'pic', 'irq', 'jit', 'qtree',
                 'cpus', 'version', 'numa', 'chardev'):
        assert re.search(rf'^info {name}\b.* -- ', text, re.M), f'info {name} has no help'


tap = Tap()
for f in (greeting, only_its_output, two_lines_at_once, next_client, slow_reader, quit_ends, cold_plug):
    tap.case('monitor: ' + f.__name__.replace('_', ' '), f)
with machine() as shared:
    for f in (memory_devices, messages, placement, dumps, numbers, registers, tree, other_items, helps, states):
        tap.case('monitor: ' + f.__name__.replace('_', ' '), f, shared)
tap.done()
