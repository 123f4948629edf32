#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=300
"""Deterministic mode from outside: what is refused, digests at counts, limits and their exit statuses, scripts, pvpanic and
-action, scripts/first-difference on planted differences, scripts/ktap. Runs are the first instructions of a kernel's boot."""
import os
import re
import shlex
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + '/scripts')
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

EMU = vm.emulator()
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
DIR = tempfile.TemporaryDirectory(prefix='determ')
# The guest unpacks its kernel by itself: that is code enough, and starts at once.
CORE = ['-m', '128M', '-nodefaults', '-kernel', guest.kernel(), '-append', 'console=ttyS0 panic=-1', '-machine', 'pc,unpack=guest']
BASE = ['-display', 'none', *CORE]
HOST = BASE[:-2]  # unpacked on the host
SERIAL = ['-serial', 'null']
HAVE = subprocess.run(EMU + BASE + ['-deterministic', '-digest-at', '0', '-limit-instructions', '1'], capture_output=True)


def run(*args, base=BASE):
    return subprocess.run([*EMU, *base, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100 * SLOW)


def write(name, text):
    path = f'{DIR.name}/{name}'
    with open(path, 'w') as f:
        f.write(text)
    return path


def refused(words, *args):
    r = run(*args)
    line = (r.stderr.strip().splitlines() or [''])[0]
    assert r.returncode == 1 and words in line, f'status {r.returncode}: {r.stderr[:300]!r}'


def refusals():
    d = '-deterministic'
    for words, args in (
            ('-icount sleep=on', [d, '-icount', 'shift=0,sleep=on']), ("'-5' is not a number", [d, '-digest-at', '-5']), ('file= needs a name', [d, '-record', 'file=']),
            ('cannot read', [d, '-script', DIR.name]), ('shift=auto', [d, '-icount', 'shift=auto']),
            ('-icount align=on', [d, '-icount', 'shift=0,align=on']), ('shift=N or shift=auto is needed', ['-icount', 'sleep=off']),
            ('0 to 10, or auto', ['-icount', 'shift=11']), ("Invalid parameter 'rr'", ['-icount', 'shift=0,rr=record,rrfile=x']),
            ('align=on and sleep=off are incompatible', ['-icount', 'shift=auto,align=on,sleep=off']),
            ('-digest-at ...: cannot be had with -icount shift=auto', ['-icount', 'shift=auto', '-digest-at', '5']),
            ('-digest-every ...: cannot be had with -icount shift=auto', ['-icount', 'shift=auto', '-digest-every', '5']),
            ('cannot be had with -icount shift=auto', ['-icount', 'shift=auto', '-script', DIR.name + '/s']),
            ('needs -deterministic', ['-icount', 'shift=auto', '-record', DIR.name + '/r']),
            ('-mem-path ' + DIR.name + ': memory-backend-file cannot be had with -deterministic', [d, '-mem-path', DIR.name]),
            ('base=utc', [d, '-rtc', 'base=utc']), ('localtime', [d, '-rtc', 'base=localtime']),
            ('unpack=auto', [d, '-machine', 'pc,unpack=auto']), ("'seed' expects a number", [d + ',seed=x']),
            ("Invalid parameter 'sed=1'", [d + ',sed=1']), ('-digest-at', ['-digest-at', '5']),
            ('-digest-every', ['-digest-every', '5']), ("'x'", [d, '-digest-at', 'x']), ("'0'", [d, '-digest-every', '0']),
            ("'-1'", [d, '-limit-instructions', '-1']), ("'ten'", ['-limit-time', 'ten']), ('-stop-text', ['-stop-text', 'x']),
            ('needs -deterministic', ['-icount', 'shift=0', '-record', DIR.name + '/r']), ('cannot write', [d, '-record', '/nowhere/r']),
            ("'speed=1'", [d, '-record', DIR.name + '/r,speed=1']), ('cannot open', [d, '-script', '/nowhere/s']),
            ('memory-backend-file', [d, '-object', f'memory-backend-file,id=f,size=4M,mem-path={DIR.name}/f']),
            ("'panic'", ['-action', 'panic=dance']), ("'panick'", ['-action', 'panick=none']), ('no watchdog', ['-action', 'watchdog=reset'])):
        refused(words, *args)


def bad_scripts():
    for words, text in (("unknown event 'seral'", '5 seral x'), ('comes after 9', '9 serial x\n5 serial x'), (':3: ', '#\n\n5 key nokey'),
                        ("'x5'", 'x5 serial x'), ('there is no serial port 1', '5 serial1 x'), ('unknown escape', '5 serial a\\q'),
                        ('expected ADDRESS.BIT', '5 flip 0x1000.9'), ('something must follow', '5 monitor'), ("'sideways'", '5 key a sideways'),
                        ('expected an exit status', '5 end never'), ('use key or pointer', '5 monitor sendkey a'), ('expected DX DY', '5 pointer 1 2'), ('use key or pointer', '5 qmp {"execute":"human-monitor-command","arguments":{"command-line":"sendkey a"}}'),
                        ('5: an event must follow', '5'), ('a text must follow', '5 serial'), ("nothing can come after 'end'", '5 end 0\n5 end 0'),
                        ('expected 32 hexadecimal digits', '5 digest 12'), (":2: unknown command: 'device_ad'", '5 serial x\n5 monitor device_ad x'),
                        (':1: not a command of QMP', '5 qmp {"execute":"object-ad"}'), (":1: Parameter 'id' is missing", '5 qmp {"execute":"object-del"}'),
                        ('expected register CPU NAME', '5 gdb register 0 rax'), ('expected register CPU', '5 gdb register 1 rax 0000000000000000'),
                        ('expected register CPU', '5 gdb register 0 rax 00'), ('expected register CPU', '5 gdb memory 0 0x10 xx'),
                        ('expected register CPU', '5 gdb physical 0x10 00 00')):
        refused(words, '-deterministic', *SERIAL, '-script', write('bad', text + '\n'))


def failing_scripts():
    """What goes wrong at its count is told with the line; the run goes on."""
    for words, text in (("s:2: 'device_add pc-dimm,id=d,memdev=m' has failed", '#\n5 monitor device_add pc-dimm,id=d,memdev=m'),
                        ('has failed: ', '5 qmp {"execute":"object-del","arguments":{"id":"m"}}'),
                        ("s:1: 'info nothing' has failed", '5 monitor info nothing'), ('s:1: flip 0xfffffff000000.1: there is no memory', '5 flip 0xfffffff000000.1')):
        r = run('-deterministic', *SERIAL, '-limit-instructions', '1000', '-script', write('s', text + '\n'))
        assert r.returncode == 121 and words in r.stderr, f'status {r.returncode}: {r.stderr[:300]!r}'
    for text in ('0020 flip rax.1', '20 flip rax.1'):
        assert digests('-limit-instructions', '30', '-digest-at', '30', '-script', write('s', text + '\n'))[30, 'all'] == \
            digests('-limit-instructions', '30', '-digest-at', '30', '-script', write('s', '0x14 flip rax.1\n'))[30, 'all'], text
    script = write('s', '5 monitor stop\n')
    p = subprocess.Popen([*EMU, *BASE, '-deterministic', '-script', script], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lines = [p.stderr.readline(), p.stderr.readline()]
    p.terminate()
    p.communicate(timeout=20 * SLOW)
    assert 's:1: the guest stands still at count 5' in lines[1], lines


def unwritable():
    """What cannot be written down ends the run with status 1: here the reader of a pipe has gone."""
    for option in ('-digest-every', '-digest-at', '-record'):
        path = f'{DIR.name}/pipe{option}'
        os.mkfifo(path)
        value = {'-digest-every': f'1000,file={path}', '-digest-at': f'1000,2000000,file={path}', '-record': path + ',every=1000'}[option]
        p = subprocess.Popen([*EMU, *BASE, *SERIAL, '-deterministic', option, value, '-limit-instructions', '3000000'], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        with open(path) as f:
            f.readline()
        _, err = p.communicate(timeout=60 * SLOW)
        assert p.returncode == 1 and f"{option}: cannot write '{path}': Broken pipe" in err, f'status {p.returncode}: {err[-300:]}'
    path = DIR.name + '/comma,name'
    digests('-digest-at', f'5,file={path.replace(",", ",,")}', '-limit-instructions', '5')
    assert os.path.exists(path), 'a doubled comma'


def digests(*args, status=121):
    r = run('-deterministic', *SERIAL, *args)
    assert r.returncode == status, f'status {r.returncode}: {r.stderr[-300:]}'
    rows = [x.split() for x in r.stdout.splitlines() if x.startswith('digest ')]
    return {(int(x[1]), x[2]): x[3] for x in rows}


def digest_lines():
    some = digests('-digest-at', '3000000,1000000', '-limit-instructions', '3000000')
    parts = [p for n, p in some if n == 1000000]
    assert parts[:2] == ['cpu0', 'ram:pc.ram'] and parts[-1] == 'all' and 'lapic' in parts and 'serial0' in parts, parts
    assert all(re.fullmatch('[0-9a-f]{32}', x) for x in some.values())
    every = digests('-digest-every', '500000', '-digest-at', '777,1234567', '-limit-instructions', '3000001', '-accel', 'tcg,max-insns=3')
    assert all(every[k] == v for k, v in some.items()), 'digests in between change later ones'
    assert every[1000000, 'all'] != every[1500000, 'all'] and every[1000000, 'cpu0'] != every[1500000, 'cpu0']
    path = DIR.name + '/digests'
    assert not digests('-digest-at', f'1000000,file={path}', '-limit-instructions', '1000000')
    with open(path) as f:
        assert f'digest 1000000 all {some[1000000, "all"]}\n' in f.read()


def files_and_counts():
    """One file for both kinds of digests; no file that is written and read; what is not reached is said."""
    path = DIR.name + '/both'
    digests('-digest-at', f'700,file={path}', '-digest-every', f'400,file={path}', '-limit-instructions', '1000')
    with open(path) as f:
        counts = [x.split()[1] for x in f if ' all ' in x]
    assert counts == ['400', '700', '800'], counts
    script = write('both.script', '5 serial x\n5000 serial y\n')
    refused('this is the file of -script', '-deterministic', *SERIAL, '-script', script, '-record', DIR.name + '/./both.script')
    refused('this is the file of -record or -script', '-deterministic', *SERIAL, '-script', script, '-digest-at', f'5,file={script}')
    r = run('-deterministic', *SERIAL, '-digest-at', '5,3000', '-script', script, '-limit-instructions', '1000')
    with open(script) as f:
        assert f.read().startswith('5 serial x'), 'the script was written over'
    assert '-digest-at 3000: not reached, the run ended at count 1000' in r.stderr and 'line 2 and what follows was not reached' in r.stderr, r.stderr


def info_digest():
    with vm.VM(EMU, ['-deterministic', '-S', *CORE]) as v:
        live = v.hmp('info digest')
    # The same machine without a monitor's socket: consoles are no part of the state.
    r = run('-deterministic', *SERIAL, '-digest-at', '0', '-limit-instructions', '1')
    assert live.split() == r.stdout.split(), f'{live}\n{r.stdout}'
    with vm.VM(EMU, ['-S', *CORE]) as v:
        assert ' all ' in v.hmp('info digest'), 'also with the host clock'


def state_matters():
    """What ought to change a digest does: one key, one bit, the seed of the machine's randomness."""
    at = ['-digest-at', '2000000', '-limit-instructions', '2000000']
    plain = digests(*at)
    for what, text in (('kbc', '1000000 key a'), ('ram:pc.ram', '1999999 flip 0x7f00000.0'), ('cpu0', '1999990 flip r15.63'),
                       ('serial0', '1000000 serial x')):
        other = digests(*at, '-script', write('s', text + '\n'))
        changed = [p for n, p in plain if other.get((n, p)) != plain[n, p]]
        assert what in changed and 'all' in changed, f'{text}: changed {changed}'
    line = [x for x in (run('-deterministic' + seed, *SERIAL, '-limit-instructions', '1').stderr.splitlines()[0] for seed in ('', ',seed=1', ',seed=9'))]
    assert line[0] == line[1] != line[2] and 'seed=9' in line[2], line


def contract():
    lines = [run('-deterministic', *SERIAL, '-limit-instructions', '1', base=b).stderr.splitlines()[0] for b in
             (HOST, HOST[:-1] + ['console=ttyS0'])]
    assert lines[0].startswith('deterministic: machine=pc') and '/' not in lines[0], lines[0]
    for word in ('kernel=', 'initrd=', 'append=', 'aml=', 'build=', 'seed=1', 'unpack=host', 'icount=0', 'rtc=1767225600'):
        assert word in lines[0], f'{word} is not in {lines[0]}'
    a, b = (dict(x.split('=', 1) for x in line.split()[2:]) for line in lines)
    assert [k for k in a if a[k] != b[k]] == ['append'], 'only the command line differs'


def limits():
    record = DIR.name + '/recorded'

    def ended(status, words, *args):
        r = run('-deterministic', *args, '-record', record, base=HOST)
        assert r.returncode == status and words in r.stderr, f'status {r.returncode}: {r.stderr[-200:]}'
        with open(record) as f:
            last = f.read().splitlines()[-1].split()
        assert last[1:3] == ['end', str(status)], last
        return int(last[0])

    assert ended(121, '-limit-instructions', *SERIAL, '-limit-instructions', '1234567') == 1234567
    # Nothing idles so early: virtual time is the count.
    assert 5000000 <= ended(122, '-limit-time', *SERIAL, '-limit-time', '5ms') < 5000100
    n = ended(120, 'ended by -stop-text', *SERIAL, '-stop-text', 'Linux version')
    assert n == ended(120, '', *SERIAL, '-stop-text', 'Linux version', '-accel', 'tcg,max-insns=4'), 'not where it was'
    r = run('-limit-instructions', '1000000', *SERIAL)
    assert r.returncode == 121, 'limits without counted time'


def panics():
    """A write to the port, as Linux's driver does it."""
    init = guest.initrd('panic', {}, "cat /sys/bus/acpi/devices/QEMU0001:00/status; printf '\\001' > /tmp/b; dd if=/tmp/b of=/dev/port bs=1 seek=1285 count=1; "
                        'echo WENT ON; poweroff -f')
    base = ['-m', '128M', '-nodefaults', '-display', 'none', '-kernel', guest.kernel(), '-initrd', init, '-append', 'console=ttyS0 quiet', '-serial', 'stdio']
    for device, action, status, present, goes_on in (('no', 'panic=shutdown', 0, '0', True), ('yes', 'panic=exit-failure', 1, '15', False),
                                                      ('yes', 'panic=none', 0, '15', True), ('yes', 'panic=shutdown', 0, '15', False)):
        r = run('-deterministic', '-action', action, *(['-device', 'pvpanic'] if device == 'yes' else []), base=base)
        lines = r.stdout.replace('\r', '').splitlines()
        assert r.returncode == status and present in lines, f'{action}: status {r.returncode}: {r.stdout[-200:]}'
        assert ('the guest\'s kernel has panicked' in r.stderr) == (device == 'yes') and ('WENT ON' in lines) == goes_on, f'{action}: {r.stdout[-200:]}'


def panic_pauses():
    init = guest.initrd('pause', {}, "printf '\\001' > /tmp/b; dd if=/tmp/b of=/dev/port bs=1 seek=1285 count=1")
    with vm.VM(EMU, ['-m', '128M', '-nodefaults', '-kernel', guest.kernel(), '-initrd', init, '-append', 'console=ttyS0 quiet',
                     '-device', 'pvpanic', '-action', 'panic=pause']) as v:
        v.expect('MARK init-reached')
        for _ in range(200):
            if 'guest-panicked' in v.hmp('info status'):
                return
    raise AssertionError('it does not pause')


def signalled():
    """A recording that a signal ends has no digest at its end; the replay stops there with the same status."""
    path = DIR.name + '/signalled'
    with vm.VM(EMU, ['-deterministic', *CORE, '-record', path + ',every=1000000']) as v:
        for _ in range(1000):
            v.hmp('info status')
            with open(path) as f:
                if ' digest ' in f.read():
                    break
        v.p.terminate()
        assert v.wait_exit(20) == 0
    with open(path) as f:
        last = f.read().splitlines()[-1]
    assert re.fullmatch(r'\d+ end 0', last), last
    r = run('-deterministic', *SERIAL, '-script', path)
    assert r.returncode == 0 and 'differs' not in r.stderr, f'status {r.returncode}: {r.stderr[-300:]}'
    with open(path) as f:
        killed = write('killed', f.read().replace(last, ''))
    r = run('-deterministic', *SERIAL, '-script', killed, '-limit-instructions', '2000000')
    assert r.returncode == 121 and 'this recording has no end' in r.stderr, f'a recording without an end: status {r.returncode}: {r.stderr[-300:]}'
    r = run('-deterministic', *SERIAL, '-script', path, '-limit-instructions', '500000')
    assert r.returncode == 123 and 'ended with status 121 at count 500000' in r.stderr, f'status {r.returncode}: {r.stderr[-300:]}'


# ---- scripts/first-difference

def difference(a, b, *args):
    cmd = [TOP + '/scripts/first-difference', '--max', '3000000', '--step', '500000', *args, shlex.join(a), shlex.join(b)]
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200 * SLOW)
    return p.returncode, p.stdout


COMMAND = EMU + BASE + SERIAL + ['-deterministic']


def planted_bit():
    status, text = difference(COMMAND, COMMAND + ['-script', write('p', '1234567 flip 0x7f12345.6\n')])
    assert status == 1 and 'equal at 1234567, different at 1234568' in text, text
    assert 'parts that differ: ram:pc.ram\n' in text and '0x7f12345: 0x00 and 0x40 (bit 6)' in text, text


def planted_flag():
    """Before a jump that asks for it: what differs then goes on."""
    queries = ''.join(f'{n} monitor x /1i $pc\n' for n in range(1500000, 1500200))
    r = run('-deterministic', *SERIAL, '-script', write('q', queries), '-limit-instructions', '1500300')
    code = [x.split()[1] for x in r.stderr.splitlines() if re.match('0x[0-9a-f]+:', x)]
    if len(code) != 200:
        raise Skip('no disassembler')
    at = [1500000 + i for i, x in enumerate(code) if x in ('je', 'jne')]
    for n in at[:4]:
        status, text = difference(COMMAND, COMMAND + ['-script', write('p', f'{n} flip zf\n'), '-accel', 'tcg,max-insns=5'])
        if status == 1:
            assert f'equal at {n}, different at {n + 1}' in text and 'cpu0 rip' in text and 'ZF' in text, text
            return
    raise AssertionError(f'no flag that was flipped at {at[:4]} was found')


def nothing_planted():
    status, text = difference(COMMAND, COMMAND + ['-accel', 'tcg,one-insn=on'])
    assert status == 0 and 'no difference up to 3000000' in text, text
    status, text = difference(COMMAND, COMMAND + ['-deterministic,seed=7'])
    assert status == 1 and 'different at 0, before the first instruction' in text and 'board random_state' in text, text
    path = DIR.name + '/first-recorded'
    run('-deterministic', *SERIAL, '-record', path + ',every=300000', '-script', write('k', '700000 key a\n'), '-limit-instructions', '1000000')
    status, text = difference(COMMAND + ['-script', path], COMMAND)
    assert status == 1 and 'equal at 700000, different at 700001' in text and 'kbc keyboard.queue' in text, text
    status, text = difference(COMMAND, COMMAND + ['-script', write('k', 'x key a\n')])
    assert status == 2 and "'x key a' does not begin with an instruction count" in text, text
    status, text = difference(EMU + BASE + SERIAL, COMMAND)
    assert status == 2 and 'counts mean something only' in text, text
    status, text = difference(COMMAND, EMU + ['-bogus'])
    assert status == 2 and '-bogus' in text, text


def endings():
    """One that ends before the other, runs without an end of their own, words that are no command line."""
    record = DIR.name + '/left-out'
    status, text = difference(COMMAND, COMMAND + ['-limit-instructions', '1000100', '-record', record])
    assert status == 1 and 'equal at 1000100, different at 1000101' in text and 'B does not reach 1000101: exit status 121' in text, text
    assert not os.path.exists(record), '-record was not left out'
    status, text = difference(COMMAND, COMMAND + ['-script', write('e', '700001 monitor quit\n')])
    assert status == 1 and 'B does not reach 700002: exit status 0' in text, text
    status, text = difference(COMMAND, COMMAND + ['-script', write('e', '1200000 flip rbx.7\n')], '--max', '1000000000000')
    assert status == 1 and 'equal at 1200000, different at 1200001' in text, f'runs that do not end: {text}'
    ends = COMMAND + ['-script', write('e', '1200000 monitor quit\n')]
    status, text = difference(ends, ends)
    assert status == 0 and 'no difference; both: exit status 0' in text, text
    status, text = difference(ends, ['sh', '-c', '"$@"; kill -SEGV $$', 'sh', *ends])
    assert status == 1 and 'A: exit status 0, B: killed by signal 11' in text, text
    for words, commands in (('No closing quotation', ("a 'b", 'a')), ('an empty command', ('', 'a')), ('cannot run /nowhere', ('/nowhere', '/nowhere'))):
        p = subprocess.run([TOP + '/scripts/first-difference', *commands], capture_output=True, text=True, timeout=60 * SLOW)
        assert p.returncode == 2 and words in p.stderr and 'Traceback' not in p.stderr, p.stderr
    p = subprocess.run([TOP + '/scripts/first-difference', '--help'], capture_output=True, text=True, timeout=60 * SLOW)
    assert p.returncode == 0 and '--max N' in p.stdout and '--step N' in p.stdout and 'Exit status' in p.stdout, p.stdout


# ---- scripts/ktap

LOG = '''[    0.000000] Linux version 6.1
[    1.000000] KTAP version 1
[    1.000000] 1..3
[    1.000000]     KTAP version 1
[    1.000000]     # Subtest: math
[    1.000000]     1..2
[    1.000001]     ok 1 add
[    1.000001] random: crng init done
[    1.000001]     # sub: EXPECTATION FAILED at math.c:3
[    1.000001]     not ok 2 sub
[    1.000001] not ok 1 math
[    1.000000]     KTAP version 1
[    1.000000]     # Subtest: list
[    1.000000]     1..2
[    1.000001]     ok 1 one # SKIP no hardware
[    1.000002]         KTAP version 1
[    1.000002]         # Subtest: deep
[    1.000002]         ok 1 p=1
[    1.000002]         ok 2 p=2
[    1.000001]     ok 2 deep
[    1.000001] ok 2 list
'''


def ktap(text, *args):
    p = subprocess.run([TOP + '/scripts/ktap', *args, write('log', text)], capture_output=True, text=True)
    return p.returncode, p.stdout, p.stderr


def ktap_results():
    status, out, _ = ktap(LOG, '--junit', DIR.name + '/x.xml', '--name', 'boot')
    assert status == 1, out
    assert re.findall(r'^((?:not )?ok \d+ - .*)$', out, re.M) == [
        'ok 1 - math.add', 'not ok 2 - math.sub', 'ok 3 - list.one # SKIP no hardware', 'ok 4 - list.deep.p=1', 'ok 5 - list.deep.p=2',
        'not ok 6 - (1 of 3 planned)'] and out.startswith('1..6\n') and '# sub: EXPECTATION FAILED' in out, out
    suite = ElementTree.parse(DIR.name + '/x.xml').getroot()
    assert (suite.get('tests'), suite.get('failures'), suite.get('skipped')) == ('6', '2', '1'), suite.attrib
    assert [(c.get('classname'), c.get('name')) for c in suite][1] == ('boot.math', 'sub')
    passed = LOG.replace('1..3', '1..2').replace('not ok', 'ok')
    assert ktap(passed)[0] == 0, 'all passed'
    status, out, _ = ktap('KTAP version 1\n1..2\nok 1 a\nOops: 0000\nKTAP version 1\n1..1\nok 1 second\n')
    assert status == 1 and 'not ok 2 - (1 of 2 planned)' in out and 'ok 3 - second' in out, f'a list that ended too early, and another: {out}'
    status, out, _ = ktap(LOG.replace('[    1.000001] not ok 1 math\n', '').replace('    1..2\n[    1.000001]     ok 1 add', '    1..3\n[    1.000001]     ok 1 add'))
    assert status == 1 and 'math.(1 of 3 planned)' in out and 'ok 5 - list.deep.p=1' in out, f'a suite without a result of its own: {out}'
    status, _, err = ktap('nothing here\n')
    assert status == 1 and 'no KTAP' in err


def main():
    t = Tap()
    if b'made without' in HAVE.stderr:
        print('1..0 # SKIP built without libxxhash')
        return
    for name, fn in (('options that cannot be had are refused by name', refusals), ('scripts that are wrong are refused by line', bad_scripts),
                     ('scripts that go wrong on the way say where', failing_scripts), ('files that cannot be written', unwritable), ('digests at counts', digest_lines), ('files, and counts that are not reached', files_and_counts), ('info digest is the same', info_digest), ('state is in the digest', state_matters),
                     ('the contract line', contract), ('limits and their exit statuses', limits), ('a recording ended by a signal', signalled), ('pvpanic and -action', panics),
                     ('-action panic=pause', panic_pauses), ('first-difference: a bit of memory', planted_bit),
                     ('first-difference: a flag', planted_flag), ('first-difference: equal runs, and a wrong one', nothing_planted), ('first-difference: runs that end, and some that do not', endings),
                     ('ktap to TAP and JUnit', ktap_results)):
        t.case(name, fn)
    t.done()


main()
