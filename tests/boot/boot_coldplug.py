# SPDX-License-Identifier: MIT
# ramjet-test: timeout=300
"""Two DIMMs cold-plugged by -object and -device: both are there after boot, and one can be pulled out."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import hotplug, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402

EXTRA = ['-object', 'memory-backend-ram,id=mem1,size=512M', '-device', 'pc-dimm,id=dimm1,memdev=mem1',
         '-object', 'memory-backend-ram,id=mem2,size=1G', '-device', 'pc-dimm,id=dimm2,memdev=mem2']


def two_dimms():
    with hotplug.Session(vm.emulator(), extra=EXTRA, say=note) as s:
        s.boot()
        listed = s.hmp('info memory-devices')
        assert re.findall(r'"(dimm\d)"', listed) == ['dimm1', 'dimm2'], listed
        assert listed.count('hotplugged: false') == 2, listed
        found = s.vm.run('ls -d /sys/bus/acpi/devices/PNP0C80:*').split()
        assert len(found) >= 2, f'the guest has {found}'
        offline = {b for b in s.blocks() if s.vm.run(f'cat {hotplug.SYSMEM}/memory{b}/state') == 'offline'}
        assert len(offline) == 12, f'expected 12 blocks of the DIMMs offline, found {sorted(offline)}'
        s.online(offline)
        now = s.mem_total()
        assert abs(now - s.start - 1536) < 80, f'MemTotal from {s.start} to {now}'
        s.fill(1700)
        s.free()
        s.unplug(2, '1G')
        assert '"dimm1"' in s.hmp('info memory-devices')
        assert not s.kernel_trouble(), s.kernel_trouble()
        s.power_off()


tap = Tap()
tap.case('two cold-plugged DIMMs', two_dimms)
tap.done()
