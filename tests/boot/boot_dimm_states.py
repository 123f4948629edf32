# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400
"""What becomes of a DIMM, told truthfully, with Debian's kernel: offline, online and idle, used, refused by Linux although it said
"success" (130 MiB), removal refused, in progress and dropped by a reset; `memory` verbs; object_del -w; notices on a terminal and
silence on sockets."""
import os
import re
import select
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import hotplug, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402


def until(what, test, timeout=30):
    end = time.time() + timeout
    while not test():
        assert time.time() < end, what
        time.sleep(0.05)


def state(v, dimm):
    """(state, reason) of a DIMM in info memory-devices; None when it is not there."""
    m = re.search(rf'"{dimm}"\n(?:  (?!state)\w+: .*\n)+  state: (.*)(?:\n  reason: (.*))?', v.hmp('info memory-devices'))
    return m and (m[1], m[2] or '')


def session(**kw):
    s = hotplug.Session(vm.emulator(), flavour='cloud-amd64', say=note, **kw)
    s.boot()
    return s


def truth(s):
    v = s.vm
    assert s.hmp('memory +256M') == 'dimm1: 256 MiB in slot 0 at 0x100000000'
    until('mapped', lambda: state(v, 'dimm1') == ('mapped, unused', ''))
    new = {b for b in s.blocks() if b >= 32}
    s.hmp('object_add memory-backend-ram,id=odd,size=130M')
    s.hmp('device_add pc-dimm,id=odd,memdev=odd')
    assert 'odd' in v.stderr() and 'not a multiple of 128 MiB' in v.stderr()
    until('acknowledged', lambda: state(v, 'odd')[1] == '')
    assert state(v, 'odd')[0] == 'not mapped', state(v, 'odd')
    time.sleep(4)
    until('refused memory is explained', lambda: 'its size is not a multiple of 128 MiB' in state(v, 'odd')[1])
    assert state(v, 'dimm1') == ('mapped, unused', ''), 'accepted but offline never warns'
    s.online(new)
    kib = re.fullmatch(r'in use, (\d+) KiB touched|mapped, unused', state(v, 'dimm1')[0])
    assert kib and int(kib[1] or 0) < 1024, f"idle: {state(v, 'dimm1')}"
    v.run('mkdir -p /fill; mount -t tmpfs none /fill; dd if=/dev/zero of=/fill/x bs=1M count=150 2>/dev/null')
    m = re.fullmatch(r'in use, (\d+) MiB touched', state(v, 'dimm1')[0])
    assert m and 100 <= int(m[1]) <= 256, state(v, 'dimm1')
    v.run('rm /fill/x')
    table = s.hmp('memory')
    assert re.search(r'^ +0  dimm1 +256 MiB  0x100000000 +0  mem1 +in use', table, re.M), table
    assert 'plugged 386 MiB of 3 GiB; 1 of 3 slots free' in table, table


def wait_for_removal(s):
    v = s.vm
    out = v.hmp('object_del -w mem1')
    assert "in use, can not be deleted" in out, f'no removal was asked for: {out}'
    s.hmp('memory -dimm1')
    assert v.hmp('object_del -w mem1', 30).strip() in ('', "Error: object 'mem1' not found")
    assert 'mem1' not in s.hmp('info memdev') and not state(v, 'dimm1')
    s.hmp('device_del odd')
    assert v.hmp('object_del -w odd', 30).strip() == '', 'the two lines of the document'
    assert 'odd' not in s.hmp('info memdev')


def refusal(s):
    v = s.vm
    had = s.blocks()
    s.hmp('memory +256M')
    until('blocks', lambda: len(s.blocks() - had) == 2)
    s.online(s.blocks() - had, 'online_kernel')
    v.run('mkdir -p /dirs; mount -t tmpfs -o size=900m none /dirs; for i in $(seq 1 3000); do mkdir /dirs/$i; done; dd if=/dev/zero of=/dirs/x bs=1M count=600 2>/dev/null')
    s.hmp('device_del dimm1')
    out = v.hmp('object_del mem1')
    assert "object 'mem1' is in use, can not be deleted" in out, out
    until('refused', lambda: 'removal refused by the guest: device busy (_OST 0x3/0x82)' in state(v, 'dimm1')[1], 60)
    assert 'online_movable' in state(v, 'dimm1')[1]
    assert 'Its DIMM' not in v.hmp('object_del mem1'), 'no longer being removed'


def totals(s):
    v = s.vm
    for command, error in (('memory 512M', 'boot RAM is 1 GiB and stays'), ('memory 100G', 'not enough space'), ('memory x', 'not a size'),
                           ('memory -x', 'neither a DIMM nor a size'), ('memory 1G 2G', 'one argument at most'),
                           ('memory -1G', 'no DIMMs add up to 1 GiB')):
        out = v.hmp(command)
        assert out.startswith('Error: ') and error in out, f'{command}: {out}'
    assert 'in slot 1' in s.hmp('memory 2G') and 'plugged 1 GiB of 3 GiB' in s.hmp('memory')
    assert 'already' in s.hmp('memory 2G')
    until('mapped', lambda: state(v, 'dimm2') == ('mapped, unused', ''))
    assert 'dimm2: the guest is asked' in s.hmp('memory 1280M')
    until('gone', lambda: not state(v, 'dimm2'))
    assert 'mem2' not in s.hmp('info memdev'), 'the backend goes with its DIMM'


def reset_drops_requests():
    """Asked before the guest listens: told so; a reset ends the request, and nothing is ejected afterwards."""
    with hotplug.Session(vm.emulator(), flavour='cloud-amd64', say=note) as s:
        v = s.vm = vm.VM(s.emu, [*s.args, '-S'], reboot=True)
        s.hmp('memory +128M')
        s.hmp('device_del dimm1')
        assert 'does not listen' in state(v, 'dimm1')[1], state(v, 'dimm1')
        s.hmp('system_reset')
        s.hmp('cont')
        v.ready()
        assert 'ended with a reset' in state(v, 'dimm1')[1], state(v, 'dimm1')
        time.sleep(1)
        s.hmp('memory +128M')
        until('second DIMM mapped', lambda: state(v, 'dimm2')[0] == 'mapped, unused')
        assert state(v, 'dimm1'), 'the old request ejected it'


def before_boot():
    """Plugged and asked for before Linux boots: it answers "failure" to both, because it has not found the DIMMs so far; what is really
    refused has its reason, what is mapped has none, and who asks again gets the DIMM."""
    with hotplug.Session(vm.emulator(), flavour='cloud-amd64', say=note) as s:
        v = s.vm = vm.VM(s.emu, [*s.args, '-S'])
        for line in ('memory +130M', 'memory +128M', 'memory +256M', 'memory -dimm3', 'cont'):
            s.hmp(line)
        v.ready()
        until('refused memory is explained', lambda: state(v, 'dimm1')[1])
        assert re.fullmatch(r"(answered 'failure, not specified' \(_OST 0x1/0x1\), and|acknowledged, but) not in the guest's page tables: its size "
                            'is not a multiple of 128 MiB.*', state(v, 'dimm1')[1]), state(v, 'dimm1')
        assert state(v, 'dimm2') == ('mapped, unused', ''), state(v, 'dimm2')
        if state(v, 'dimm3'):
            assert re.search(r'_OST 0x3/0x1\); a guest that was booting then', state(v, 'dimm3')[1]), state(v, 'dimm3')
            s.hmp('memory -dimm3')
            assert v.hmp('object_del -w mem3', 30) == '', 'asked again'
        assert not state(v, 'dimm3')


def notices():
    """A terminal is told, above the prompt; a socket is not."""
    with hotplug.Session(vm.emulator(), flavour='cloud-amd64', say=note) as s:
        v = s.vm = vm.VM(s.emu, [*s.args, '-chardev', 'pty,id=tty', '-mon', 'tty'])
        v.ready()
        master = os.open(re.search(r'/dev/pts/\d+', v.stderr())[0], os.O_RDWR | os.O_NOCTTY)
        os.write(master, b'\r')
        s.hmp('object_add memory-backend-ram,id=odd,size=130M')
        s.hmp('device_add pc-dimm,id=odd,memdev=odd')
        text = b''

        def seen(want):
            nonlocal text
            while select.select([master], [], [], 0)[0]:
                text += os.read(master, 65536)
            v._pump(0)
            return want in text
        until('the notice of an unused DIMM', lambda: seen(b"DIMM 'odd' is not used by the guest: acknowledged"))
        os.write(master, b'info sta')
        s.hmp('device_del odd')
        until('the notice of its removal', lambda: seen(b"device 'odd' is removed"))
        os.write(master, b'tus\r')
        until('the edited line survives', lambda: seen(b'VM status: running'))
        assert v.hmp('info status').strip() == 'VM status: running', 'nothing but the reply on a socket'
        os.close(master)


tap = Tap()
with session() as run:
    tap.case('offline, idle, used and refused DIMMs', truth, run)
    tap.case('object_del -w waits for the guest', wait_for_removal, run)
    tap.case('a removal refused, by whom and why', refusal, run)
    tap.case('memory SIZE, memory -SIZE', totals, run)
tap.case('a reset drops requests', reset_drops_requests)
tap.case('plugged before the guest boots', before_boot)
tap.case('notices', notices)
tap.done()
