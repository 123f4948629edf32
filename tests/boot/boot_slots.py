# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400
"""Hotplug with the least and the most slots: 1 and 256. One slot must be reusable after its DIMM has gone."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import hotplug, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402


def one_slot():
    with hotplug.Session(vm.emulator(), slots=1, say=note) as s:
        s.boot()
        s.plug(1, '1G')
        out = s.vm.hmp('object_add memory-backend-ram,id=mem2,size=128M')
        out += s.vm.hmp('device_add pc-dimm,id=dimm2,memdev=mem2')
        assert 'no free slots available' in out, f'second DIMM with one slot: {out!r}'
        s.fill(1300)
        s.free()
        s.unplug(1, '1G')
        s.hmp('object_del mem2')
        s.plug(1, '512M')
        s.unplug(1, '512M')
        assert not s.kernel_trouble(), s.kernel_trouble()
        s.power_off()


def many_slots():
    with hotplug.Session(vm.emulator(), slots=256, say=note) as s:
        s.boot()
        s.plug(1, '1G')
        # the highest slot, by name
        s.hmp('object_add memory-backend-ram,id=mem2,size=128M')
        s.hmp('device_add pc-dimm,id=dimm2,memdev=mem2,slot=255')
        s._until('the guest sees the DIMM in slot 255', lambda: 'slot: 255' in s.hmp('info memory-devices')
                 and '255' in s.vm.sh('cat /sys/bus/acpi/devices/PNP0C80:*/uid | grep -ix -e 0xff -e 255 && echo 255')[0], 20)
        s.fill(1300)
        s.free()
        s.hmp('device_del dimm2')
        s._until('dimm2 is gone', lambda: '"dimm2"' not in s.hmp('info memory-devices'), 30)
        s.hmp('object_del mem2')
        s.unplug(1, '1G')
        assert not s.kernel_trouble(), s.kernel_trouble()
        s.power_off()


tap = Tap()
tap.case('1 slot, used twice', one_slot)
tap.case('256 slots, and the highest of them', many_slots)
tap.done()
