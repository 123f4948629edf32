# SPDX-License-Identifier: MIT
"""Properties given in other ways than -device TYPE,name=value: as JSON, by -set, by -global. The messages are QEMU's."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts'))
from testlib import guest, vm  # noqa: E402
from testlib.tap import Tap  # noqa: E402

EMU = vm.emulator()
BASE = [] if vm.is_qemu(EMU) else ['-kernel', guest.kernel(), '-machine', 'pc,unpack=guest']
BASE += ['-S', '-m', '256M,slots=3,maxmem=2G']
MEMORY = ['-object', 'memory-backend-ram,id=m,size=128M', '-object', 'memory-backend-ram,id=n,size=128M']
DIMM = [*MEMORY, '-device', 'pc-dimm,id=d,memdev=m']


def refused(words, *args):
    r = subprocess.run([*EMU, *BASE, '-display', 'none', '-serial', 'none', '-monitor', 'none', *args], capture_output=True, text=True, timeout=20)
    assert r.returncode == 1 and words in r.stderr, f'{args}: {r.returncode} {r.stderr}'
    assert r.stderr.count('\n') <= 2, r.stderr


def dimms(*args, commands=()):
    """{id: slot} of what is plugged."""
    with vm.VM(EMU, [*BASE, *args], qmp=True) as v:
        for c in commands:
            assert not v.hmp(c).strip(), c
        return {d['data']['id']: d['data']['slot'] for d in v.qmp('query-memory-devices')['return']}


def json():
    memory = '{"qom-type":"memory-backend-ram","id":"m","size":134217728,"share":true,"host-nodes":[0],"policy":"bind"}'
    assert dimms('-object', memory, '-device', '{"driver":"pc-dimm","id":"d","memdev":"m","slot":1}') == {'d': 1}
    if not vm.is_qemu(EMU):   # there, too
        assert dimms(commands=('object_add {"qom-type":"memory-backend-ram","id":"m","size":134217728}',
                               'device_add {"driver": "pc-dimm", "id": "d", "memdev": "m", "slot": 2}')) == {'d': 2}
    for words, text in (("'size' expects uint64", '{"qom-type":"memory-backend-ram","id":"m","size":"128M"}'), ('JSON parse error', '{"qom-type":'),
                        ("'x' is unexpected", '{"qom-type":"memory-backend-ram","id":"m","size":134217728,"x":1}'), ("'id' is missing", '{"qom-type":"memory-backend-ram","size":1}'),
                        ("'qom-type' is missing", '{}'), ("does not accept value 'nosuch'", '{"qom-type":"nosuch","id":"m"}'),
                        ("Invalid parameter type for 'qom-type', expected: string", '{"qom-type":5,"id":"m"}'), ('JSON parse error', '{' * 5000)):
        refused(words, '-object', text)
    for words, text in (("Invalid parameter type for 'slot', expected: integer", '{"driver":"pc-dimm","id":"d","memdev":"m","slot":"0"}'), ("'driver' is missing", '{"id":"d"}'),
                        ("'nosuch' is not a valid device model name", '{"driver":"nosuch"}'), ("'pc-dimm.x' not found", '{"driver":"pc-dimm","memdev":"m","x":2}')):
        refused(words, *MEMORY, '-device', text)


def json_vga():
    """A VGA as JSON is the display device: none comes by default."""
    with vm.VM(EMU, [*BASE, '-device', '{"driver":"VGA","id":"v"}']) as v:
        assert v.hmp('info qtree').count('dev: VGA') == 1


def set_option():
    assert dimms(*DIMM, '-set', 'device.d.slot=1') == {'d': 1}
    assert dimms(*DIMM, '-device', 'pc-dimm,id=dd,memdev=n', '-set', 'device.dd.slot=2') == {'d': 0, 'dd': 2}, 'the id as a whole'
    refused('there is no device "x" defined', *DIMM, '-set', 'device.x.slot=1')
    refused('there is no device "d" defined', '-set', 'device.d.slot=1', *DIMM)
    refused("There is no option group 'nosuch'", '-set', 'nosuch.d.x=1')
    refused("'pc-dimm.foo' not found", *DIMM, '-set', 'device.d.foo=1')
    for text in ('device', 'device.d', 'device.d.slot', '.d.slot=1', 'device..slot=1', 'device.d.=1', ''):
        refused(f'-set {text}:', *DIMM, '-set', text)


def global_option():
    assert dimms(*DIMM, '-global', 'pc-dimm.slot=2') == {'d': 2}
    assert dimms(*DIMM, '-global', 'driver=pc-dimm,property=slot,value=2') == {'d': 2}
    assert dimms(*DIMM, '-global', 'pc-dimm.slot=2', '-global', 'pc-dimm.slot=1') == {'d': 1}, 'the last wins'
    assert dimms(*MEMORY, '-device', 'pc-dimm,id=d,memdev=m,slot=0', '-global', 'pc-dimm.slot=2') == {'d': 0}, "the device's own word wins"
    assert dimms(*DIMM, '-global', 'pc-dimm.slot=2', commands=('device_add pc-dimm,id=e,memdev=n,slot=1',)) == {'d': 2, 'e': 1}
    assert dimms(*MEMORY, '-global', 'pc-dimm.slot=2', commands=('device_add pc-dimm,id=e,memdev=n',)) == {'e': 2}, 'plugged later'
    assert dimms(*DIMM, '-global', 'PIIX4_PM.disable_s3=1') == {'d': 0}, 'of a type that is not there: passed over'
    refused("can't apply global pc-dimm.slot=x: Parameter 'slot' expects int", *DIMM, '-global', 'pc-dimm.slot=x')
    refused("can't apply global pc-dimm.foo=1: Property 'pc-dimm.foo' not found", *DIMM, '-global', 'pc-dimm.foo=1')
    for text in ('pc-dimm', 'pc-dimm.slot', 'pc-dimm=1', '.slot=1', 'pc-dimm.=1', 'driver=pc-dimm,property=slot', 'driver=pc-dimm,property=slot,value=1,x=1'):
        refused(f'-global {text}:', *DIMM, '-global', text)


tap = Tap()
tap.case('JSON', json)
tap.case('a VGA as JSON', json_vga)
tap.case('-set', set_option)
tap.case('-global', global_option)
tap.done()
