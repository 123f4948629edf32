# SPDX-License-Identifier: MIT
# ramjet-test: timeout=400 every-build
"""The demo's steps on Debian's amd64 kernel: boot, plug 1 GiB, fill a tmpfs that needs it, unplug, power off."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import hotplug, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402


def story(**kw):
    with hotplug.Session(vm.emulator(), say=note, **kw) as s:
        hotplug.story(s)


tap = Tap()
tap.case('demo on amd64 with 3 slots', story)
tap.done()
