#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=120
"""Every row of monitor/commands.def is run in a recorded machine: what LOOKS leaves the digest and the recording as they were, what
CHANGES is in the recording as it was typed, KEYS are there as keys. A row without an example here fails."""
import os
import re
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, vm  # noqa: E402
from testlib.tap import Tap  # noqa: E402

EMU = vm.emulator()
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
DIR = tempfile.TemporaryDirectory(prefix='effects')
RECORD = DIR.name + '/recorded'
ARGS = ['-deterministic', '-S', '-m', '128M,slots=2,maxmem=1G', '-nodefaults', '-vga', 'std', '-kernel', guest.kernel(), '-machine', 'pc,unpack=guest']

LINES = {  # a line for each command of the human monitor; {dir}: a directory
    'help': 'help info', 'info': 'info status', 'quit': 'quit', 'stop': 'stop', 'cont': 'cont', 'system_reset': 'system_reset',
    'system_powerdown': 'system_powerdown', 'nmi': 'nmi', 'screendump': 'screendump {dir}/a.ppm', 'x': 'x/4xb 0xfffffff0', 'xp': 'xp /4xb 0x100000',
    'gpa2hva': 'gpa2hva 0x100000', 'gva2gpa': 'gva2gpa 0x100000', 'memsave': 'memsave 0x100000 16 {dir}/v', 'pmemsave': 'pmemsave 0x100000 16 {dir}/p',
    'qom_list': 'qom_list /objects', 'qom_get': 'qom_get /objects/pc.ram size', 'qom_set': 'qom_set /objects/pc.ram merge false', 'print': 'print/x $rip', 'object_add': 'object_add memory-backend-ram,id=m1,size=128M', 'object_del': 'object_del m1',
    'device_add': 'device_add pc-dimm,id=d1,memdev=m1', 'device_del': 'device_del d1', 'gdbserver': 'gdbserver unix:{dir}/gdb',
    'memory': 'memory +128M', 'balloon': 'balloon 512', 'sendkey': 'sendkey a', 'mouse_move': 'mouse_move 3 4', 'mouse_button': 'mouse_button 1',
}
INFOS = {'registers': '-a', 'mtree': '-f -D'}
REQUESTS = {  # arguments for each command of QMP that needs some
    'screendump': {'filename': '{dir}/b.ppm'}, 'object-add': {'qom-type': 'memory-backend-ram', 'id': 'q1', 'size': 128 << 20},
    'object-del': {'id': 'q1'}, 'device_add': {'driver': 'pc-dimm', 'id': 'e1', 'memdev': 'q1'}, 'device_del': {'id': 'e1'},
    'qom-list': {'path': '/objects'}, 'qom-get': {'path': '/objects/pc.ram', 'property': 'size'},
    'qom-set': {'path': '/objects/pc.ram', 'property': 'merge', 'value': False}, 'device-list-properties': {'typename': 'pc-dimm'},
    'memsave': {'val': 0x100000, 'size': 16, 'filename': '{dir}/v'}, 'pmemsave': {'val': 0x100000, 'size': 16, 'filename': '{dir}/p'},
    'qom-list-properties': {'typename': 'pc-dimm'}, 'balloon': {'value': 1 << 30},
    'human-monitor-command': {'command-line': 'info status'},
}
LAST = ('quit',)  # the machine is gone behind it; keys come late, too: they are let go of by the clock of the host


def rows():
    """[(kind, name, effect, name of QMP or None)]"""
    out = []
    with open(TOP + '/monitor/commands.def') as f:
        text = re.sub(r'(?m)^//.*\n', '', f.read())
    for row in re.findall(r'(?m)^(?:COMMAND|INFO|QMP)\((?:[^"()]|"[^"]*"|\n)*\)', text):
        kind, rest = row[:-1].split('(', 1)
        fields = [x.strip() for x in re.findall(r'(?:"[^"]*"\s*)+|[^,"]+', rest) if x.strip(', \n')]
        fields = [x[1:-1] if x.startswith('"') else x for x in fields]
        if kind == 'COMMAND':
            out.append((kind, fields[0], fields[2], fields[6] if len(fields) > 5 else None))
        elif kind == 'INFO':
            out.append((kind, fields[0], 'LOOKS', fields[4] if len(fields) > 3 else None))
        else:
            out.append((kind, None, fields[2], fields[1]))
    return out


def filled(value):
    return {k: v.replace('{dir}', DIR.name) if isinstance(v, str) else v for k, v in value.items()}


def recorded():
    with open(RECORD) as f:
        return [x.rstrip('\n').split(' ', 2)[1:] for x in f]


def check(v, what, effect, run, text):
    """text: what the recording must have if this is input."""
    if effect == 'LOOKS' and 'paused' not in v.hmp('info status'):
        v.hmp('stop')                                   # else every digest is another one
        v.hmp('info status')                            # the reply to stop comes before it is recorded
    before, digest = recorded(), v.hmp('info digest') if effect == 'LOOKS' else None
    try:
        run()
    except (OSError, EOFError, ValueError) as e:
        raise AssertionError(f'{what}: {e}; {v.stderr()[-500:]}') from None
    news, end = recorded()[len(before):], time.time() + 10 * SLOW
    while effect != 'LOOKS' and not news and time.time() < end:
        news = recorded()[len(before):]
    if effect == 'LOOKS':
        assert v.hmp('info digest') == digest, f'{what} is said to look, and changes the digest'
        assert not recorded()[len(before):], f'{what} is said to look, and is recorded: {news}'
    elif effect == 'CHANGES':
        assert len(news) == 1 and text(news[0]), f'{what} is said to change the machine; recorded is {news}'
    else:
        assert effect == 'KEYS', f'{what}: unknown effect {effect}'
        assert news and all(x[0] in ('key', 'pointer') for x in news), f'{what} is said to press keys; recorded is {news}'


def run_last(v, run):
    try:
        run()
    except (OSError, EOFError, ValueError):
        pass
    assert v.p.wait(20 * SLOW) == 0


def human():
    with vm.VM(EMU, [*ARGS, '-record', RECORD], reboot=True) as v:
        v.hmp('info version')
        table = [r for r in rows() if r[0] != 'QMP']
        helped = re.findall(r'(?m)^([a-z0-9_?-]+)[| ]', v.hmp('help')), re.findall(r'(?m)^info ([a-z_-]+) ', v.hmp('help info'))
        for said, kind in zip(helped, ('COMMAND', 'INFO')):
            names = {r[1].replace('-', '_') for r in table if r[0] == kind}
            assert {x.replace('-', '_') for x in said} == names, f'rows that were not understood: {set(said) ^ names}'
        for kind, name, effect, _ in sorted(table, key=lambda r: (r[1] in LAST, r[2] == 'KEYS')):
            line = ('info ' + name + ' ' + INFOS.get(name, '')).strip() if kind == 'INFO' else LINES.get(name)
            assert line, f'no example for {name}'
            line = line.replace('{dir}', DIR.name)
            if name in LAST:
                run_last(v, lambda: v.hmp(line))
                assert ['monitor', line] in recorded()
                continue
            check(v, line, effect, lambda: v.hmp(line), lambda new: new == ['monitor', line])
            assert 'unknown' not in v.hmp('help ' + name) or kind == 'INFO', name


def programs():
    with vm.VM(EMU, [*ARGS, '-record', RECORD], qmp=True, reboot=True) as v:
        v.qmp('query-version')
        table = [r for r in rows() if r[3]]
        names = [r[3] for r in table]
        known = {r['name'] for r in v.qmp('query-commands')['return']}
        assert known == set(names), f'rows that were not understood: {known ^ set(names)}'
        for _, _, effect, name in sorted(table, key=lambda r: r[3] in LAST):
            if name == 'qmp_capabilities':
                continue
            arguments = filled(REQUESTS.get(name, {}))

            def run():
                reply = v.qmp(name, **arguments)
                assert 'return' in reply or effect == 'CHANGES' or reply['error']['class'] == 'DeviceNotActive', reply
            if name in LAST:
                run_last(v, run)
                assert recorded()[-2][0] == 'qmp'
                continue
            what = 'LOOKS' if effect == 'LINE' else effect
            check(v, name, what, run, lambda new: new[0] == 'qmp' and f'"{name}"' in new[1])
        assert len(table) > 25


def by_line():
    """human-monitor-command is what its line is."""
    with vm.VM(EMU, [*ARGS, '-record', RECORD], qmp=True, reboot=True) as v:
        v.qmp('query-version')

        def line(text):
            return lambda: v.qmp('human-monitor-command', **{'command-line': text})
        check(v, 'info', 'LOOKS', line('info registers'), None)
        check(v, '"stop"', 'CHANGES', line('"stop"'), lambda new: new[0] == 'qmp')
        check(v, 'sendkey', 'KEYS', line('sendkey b'), None)
        check(v, 'no command', 'LOOKS', line('sotp'), None)


def files():
    """What a file holds is no part of the command line, whoever asks for it, and when."""
    path = DIR.name + '/bytes'
    with open(path, 'wb') as f:
        f.write(b'\xaa' * (128 << 20))
    words = 'memory-backend-file cannot be had with -deterministic'
    with vm.VM(EMU, ARGS, qmp=True) as v:
        options = f'size=128M,mem-path={path},share=on'
        assert words in v.hmp(f'object_add memory-backend-file,id=f,{options}')
        assert words in v.hmp(f'object_add qom-type=memory-backend-file,id=f,{options}')
        reply = v.qmp('object-add', **{'qom-type': 'memory-backend-file', 'id': 'f', 'size': 128 << 20, 'mem-path': path})
        assert words in reply['error']['desc'], reply
        reply = v.qmp('human-monitor-command', **{'command-line': f'object_add memory-backend-file,id=f,{options}'})
        assert words in reply['return'], reply
        assert 'no memory backends' in v.hmp('info memdev').lower() or ' f' not in v.hmp('info memdev').split('\n')[0]
        assert 'Error' not in v.hmp('object_add memory-backend-memfd,id=g,size=128M,share=on'), 'its bytes are zeros everywhere'
    with vm.VM(EMU, ARGS[1:]) as v:
        assert 'Error' not in v.hmp(f'object_add memory-backend-file,id=f,{options}'), 'without -deterministic it is there'


def main():
    t = Tap()
    t.case('the human monitor, row by row', human)
    t.case('QMP, row by row', programs)
    t.case('a line in QMP', by_line)
    t.case('memory from files', files)
    t.done()


main()
