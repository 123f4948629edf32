# SPDX-License-Identifier: MIT
"""query-qmp-schema: whole, true, and the same as QEMU's where both have a command."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap, note  # noqa: E402

EMU = vm.emulator()
MISSING = {'pmem', 'prealloc-context'}   # refused by name
JSON = {'string': str, 'int': int, 'boolean': bool, 'value': object}


def ask(emu=EMU):
    kernel = [] if vm.is_qemu(emu) else ['-kernel', guest.kernel(), '-machine', 'unpack=guest']
    with vm.VM(emu, ['-S', *kernel], qmp=True) as v:
        return {e['name']: e for e in v.qmp('query-qmp-schema')['return']}, [c['name'] for c in v.qmp('query-commands')['return']]


def fits(schema, type_name, value):
    """Is the value of the type?"""
    t = schema[type_name]
    if t['meta-type'] == 'builtin':
        return isinstance(value, JSON[t['json-type']]) and (t['json-type'] != 'int' or not isinstance(value, bool))
    if t['meta-type'] == 'array':
        return isinstance(value, list) and all(fits(schema, t['element-type'], v) for v in value)
    if t['meta-type'] == 'enum':
        return value in t['values']
    members = {m['name']: m for m in t['members']}
    return isinstance(value, dict) and set(value) <= set(members) and all(
        fits(schema, m['type'], value[n]) if n in value else 'default' in m for n, m in members.items())


def whole():
    schema, commands = ask()
    for e in schema.values():
        used = [e[k] for k in ('arg-type', 'ret-type', 'element-type') if k in e] + [m['type'] for m in e.get('members', ()) if e['meta-type'] == 'object']
        used += [v['type'] for v in e.get('variants', ())]
        assert all(u in schema for u in used), e
        assert e['meta-type'] in ('builtin', 'array', 'enum', 'object', 'command', 'event'), e
    assert sorted(n for n, e in schema.items() if e['meta-type'] == 'command') == sorted(commands)
    add = schema[schema['object-add']['arg-type']]
    assert [v['case'] for v in add['variants']] == schema[add['members'][0]['type']]['values'] and add['tag'] == 'qom-type'


def wire(schema, name, value):
    """A value that a type does not have."""
    return {'string': 5, 'int': 'x', 'boolean': 'x'}.get(schema[name].get('json-type'), None)


def true():
    """A command refuses what its schema does not have: a wrong type, a missing and an unknown member. Events are as described."""
    schema, commands = ask()
    with vm.VM(EMU, ['-S', '-kernel', guest.kernel(), '-machine', 'unpack=guest', '-m', '128M,slots=2,maxmem=1G'], qmp=True, reboot=True) as v:
        tried = 0
        for name in commands:
            if name in ('quit', 'device_add', 'object-add', 'qmp_capabilities'):   # further members by type; was asked already
                continue
            members = schema[schema[name]['arg-type']]['members']
            r = v.qmp(name, nosuch=1)
            assert r['error']['class'] == 'GenericError', (name, r)
            for m in members:
                bad = wire(schema, m['type'], None)
                if bad is None:
                    continue
                good = {n['name']: {'str': 'x', 'int': 1, 'bool': True}.get(n['type'], []) for n in members}
                r = v.qmp(name, **{**good, m['name']: bad})
                assert f"'{m['name']}'" in r['error']['desc'], (name, r)
                if 'default' not in m:
                    del good[m['name']]
                    r = v.qmp(name, **good)
                    assert r['error']['desc'] == f"Parameter '{m['name']}' is missing", (name, r)
                tried += 1
        note(f'{tried} members of {len(commands)} commands')
        v.qmp('cont')
        v.qmp('stop')
        v.qmp('system_reset')
        v.qmp('object-add', **{'qom-type': 'memory-backend-ram', 'id': 'm', 'size': 128 << 20})
        v.qmp('system_powerdown')
        for name in ('RESUME', 'STOP', 'RESET', 'POWERDOWN'):
            e = v.qmp_event(name)
            assert fits(schema, schema[name]['arg-type'], e.get('data', {})), e
    assert not fits(schema, schema['RESET']['arg-type'], {'guest': 1}), 'the check itself'


def like_qemu():
    qemu = shutil.which('qemu-system-x86_64')
    if not qemu:
        raise Skip('no qemu-system-x86_64 to compare with (scripts/peer installs it)')
    ours, _ = ask()
    theirs, _ = ask([qemu])

    def shape(schema, name, depth=2):
        """Type by its content, as names differ."""
        t = schema[name]
        if t['meta-type'] == 'object':
            return {m['name']: (shape(schema, m['type'], depth - 1), 'default' in m) for m in t['members']} if depth else 'object'
        return sorted(t['values']) if t['meta-type'] == 'enum' else t['meta-type'] + t.get('json-type', '')

    differ = []
    for name, e in ours.items():
        if e['meta-type'] not in ('command', 'event') or name not in theirs:
            continue
        mine, other = shape(ours, e['arg-type'], 1), shape(theirs, theirs[name]['arg-type'], 1)
        for member, what in mine.items():
            if member not in other:
                differ.append(f'{name}: QEMU has no {member}')
            elif what != other[member] and what[0] != 'builtinvalue' and name != 'object-add' and not (isinstance(what[0], str) and isinstance(other[member][0], list)):
                differ.append(f'{name} {member}: {what}, QEMU {other[member]}')
        differ += [f'{name}: we lack {m}' for m, what in other.items() if m not in mine and not what[1]]
    variants = [{v['case']: v['type'] for v in s[s['object-add']['arg-type']]['variants']} for s in (ours, theirs)]
    for kind, t in variants[0].items():
        mine, other = shape(ours, t), shape(theirs, variants[1][kind])
        differ += [f'{kind} {m}: {mine.get(m)}, QEMU {other.get(m)}' for m in sorted({*mine, *other} - MISSING) if mine.get(m) != other.get(m)]
    assert not differ, '\n'.join(differ)


tap = Tap()
tap.case('whole', whole)
tap.case('true', true)
tap.case("like QEMU's", like_qemu)
tap.done()
