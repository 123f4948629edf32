# SPDX-License-Identifier: MIT
# ramjet-test: long timeout=900
"""The demo's steps on more of Debian's kernels, and with 2 vCPUs."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import hotplug, vm  # noqa: E402
from testlib.tap import Tap, note  # noqa: E402


def story(**kw):
    with hotplug.Session(vm.emulator(), say=note, **kw) as s:
        hotplug.story(s)


tap = Tap()
tap.case('6.1 cloud-amd64', story, flavour='cloud-amd64')
tap.case('6.12 amd64 from backports', story, suite='bookworm-backports')
tap.case('6.12 cloud-amd64 from backports', story, flavour='cloud-amd64', suite='bookworm-backports')
tap.case('6.1 cloud-amd64 with 1 slot', story, flavour='cloud-amd64', slots=1)
tap.case('6.12 amd64 from backports with 256 slots', story, suite='bookworm-backports', slots=256)
tap.case('6.1 amd64 with 2 vCPUs', story, extra=['-smp', '2'])
tap.done()
