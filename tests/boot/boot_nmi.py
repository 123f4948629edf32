# SPDX-License-Identifier: MIT
# ramjet-test: timeout=120
"""The monitor's `nmi` and QMP's `inject-nmi` reach Debian's kernel: it complains, or panics where it was told to."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Tap  # noqa: E402

ARGS = ['-m', '256', '-kernel', guest.kernel(), '-initrd', guest.initrd(), '-no-reboot', '-append']


def complains():
    with vm.VM(vm.emulator(), [*ARGS, 'console=ttyS0']) as v:
        v.ready(60)
        assert v.hmp('nmi').strip() == ''
        v.expect(r'NMI received for unknown reason \w+ on CPU 0')
        assert 'still here' in v.run('echo still here')


def panics():
    with vm.VM(vm.emulator(), [*ARGS, 'console=ttyS0 unknown_nmi_panic panic=-1'], qmp=True) as v:
        v.ready(60)
        v.qmp('inject-nmi')
        v.expect('Kernel panic - not syncing: NMI: Not continuing')
        v.wait_exit()


tap = Tap()
tap.case('nmi', complains)
tap.case('inject-nmi', panics)
tap.done()
