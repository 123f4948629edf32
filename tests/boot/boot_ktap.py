#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=200
"""A script in the guest prints KTAP about the memory that was plugged; its serial log becomes TAP, which Perl's prove reads, and
JUnit, which junitparser reads; -stop-text ends the run with its own status."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

TOP = vm.TOP
SCRIPT = r'''
check() { n=$((n+1)); if eval "$2"; then echo "    ok $n $1"; else echo "    # $2"; echo "    not ok $n $1"; fi; }
n=0
echo 'KTAP version 1'; echo '1..2'
echo '    KTAP version 1'; echo '    # Subtest: memory'; echo '    1..3'
check 'boot RAM' '[ $(grep -o "[0-9]*" /proc/meminfo | head -1) -gt 300000 ]'
check 'blocks of 128 MiB' '[ $(cat /sys/devices/system/memory/block_size_bytes) = 8000000 ]'
check 'a DIMM in slot 0' '[ -d /sys/bus/acpi/devices/PNP0C80:00 ]'
echo 'ok 1 memory'
n=0
echo '    KTAP version 1'; echo '    # Subtest: other'; echo '    1..3'
check 'this one fails' '[ 1 = 2 ]'
echo '    ok 2 not here # SKIP no such device'
echo '    not ok 3 not yet # TODO known'
echo 'not ok 2 other'
echo 'KTAP is over'
sleep 1000
'''


def run(where):
    """The guest's serial log."""
    log = where + '/serial'
    p = subprocess.run([*vm.emulator(), '-m', '512M,slots=2,maxmem=2G', '-display', 'none', '-serial', 'file:' + log, '-monitor', 'none', '-no-reboot',
                        '-object', 'memory-backend-ram,id=m,size=128M', '-device', 'pc-dimm,id=d,memdev=m', '-stop-text', 'KTAP is over',
                        '-kernel', guest.kernel('cloud-amd64'), '-initrd', guest.initrd('ktap', {}, SCRIPT),
                        '-append', 'console=ttyS0 quiet panic=-1'], stdin=subprocess.DEVNULL, capture_output=True, timeout=100)
    assert p.returncode == 120, f'-stop-text: status {p.returncode}: {p.stderr.decode()[-300:]}'
    p = subprocess.run([TOP + '/scripts/ktap', '--junit', where + '/junit.xml', log], capture_output=True, text=True)
    assert p.returncode == 1, f'one failed: {p.returncode} {p.stdout}{p.stderr}'
    with open(where + '/all.tap', 'w') as f:
        f.write(p.stdout)
    assert 'not ok 4 - other.this one fails' in p.stdout and 'not ok 6 - other.not yet # TODO known' in p.stdout and len(re.findall('^ok', p.stdout, re.M)) == 4, p.stdout


def prove(where):
    try:
        p = subprocess.run(['prove', '-v', '--exec', 'cat', where + '/all.tap'], capture_output=True, text=True)
    except FileNotFoundError as e:
        raise Skip('no prove (package perl)') from e
    assert re.search(r'Failed test:\s+4$', p.stdout, re.M) and 'Tests: 6 Failed: 1' in p.stdout and p.returncode == 1, p.stdout


def junit(where):
    code = ('import sys, junitparser; x = junitparser.JUnitXml.fromfile(sys.argv[1]); s = [x] if isinstance(x, junitparser.TestSuite) else list(x); '
            'print(sum(t.tests for t in s), sum(t.failures for t in s), sum(t.skipped for t in s))')
    p = subprocess.run(['/usr/bin/python3', '-c', code, where + '/junit.xml'], capture_output=True, text=True)
    if 'No module named' in p.stderr:
        raise Skip('no junitparser (package python3-junitparser)')
    assert p.stdout.split() == ['6', '1', '2'], p.stdout + p.stderr


tap = Tap()
with tempfile.TemporaryDirectory(prefix='ktap') as d:
    tap.case('a guest prints KTAP', run, d)
    tap.case('prove reads its TAP', prove, d)
    tap.case('junitparser reads its JUnit', junit, d)
tap.done()
