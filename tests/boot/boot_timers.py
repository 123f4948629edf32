# SPDX-License-Identifier: MIT
# ramjet-test: timeout=200
"""Debian's kernel keeps time by each timer that the machine has: interrupts come and clocks agree.

Counted time, so that the guest's clocks can be compared to the millisecond with what passed.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402


def keeps_time(machine, words, source, line):
    """The kernel uses clock source `source` and takes timer interrupts on `line` of /proc/interrupts while it sleeps."""
    args = ['-machine', machine, '-m', '256', '-icount', 'shift=1,sleep=off', '-kernel', guest.kernel(), '-initrd', guest.initrd(),
            '-append', f'console=ttyS0 quiet {words}']
    with vm.VM(vm.emulator(), args) as v:
        v.ready(60)
        count = f"awk '$1 == \"{line}\" {{ print $2 }}' /proc/interrupts"
        text = v.run(f'cat /sys/devices/system/clocksource/clocksource0/current_clocksource; {count}; cat /proc/uptime; hwclock -u -r; '
                     f'sleep 3; {count}; cat /proc/uptime; hwclock -u -r')
        lines = [x.strip() for x in text.splitlines() if x.strip()]
        note(' / '.join(lines))
        assert lines[0] == source, lines[0]
        before, after = int(lines[1]), int(lines[4])
        assert after > before, f'no interrupt on {line} {before} {after}'
        slept = float(lines[5].split()[0]) - float(lines[2].split()[0])
        assert 2.99 <= slept <= 3.5, slept
        seconds = [sum(60 ** i * int(n) for i, n in enumerate(reversed(re.search(r'(\d+):(\d+):(\d+)', x).groups()))) for x in (lines[3], lines[6])]
        assert 2 <= seconds[1] - seconds[0] <= 4, f'the RTC says {seconds}'


tap = Tap()
tap.case('TSC and local APIC', keeps_time, 'pc', '', 'tsc', 'LOC:')
tap.case('HPET, through the I/O APIC', keeps_time, 'pc,hpet=on', 'clocksource=hpet nolapic_timer', 'hpet', '0:')
tap.case('HPET, through the 8259', keeps_time, 'pc,hpet=on', 'clocksource=hpet nolapic', 'hpet', '0:')
tap.case('ACPI timer and PIT', keeps_time, 'pc', 'clocksource=acpi_pm nolapic', 'acpi_pm', '0:')
tap.done()
