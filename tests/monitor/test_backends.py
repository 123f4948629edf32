#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# ramjet-test: timeout=240
"""Memory backends from outside: what is refused, in the monitor and on the command line, and that nothing is left of it; files, huge
pages and POSIX shared memory under a guest's DIMM; a file that is truncated under the guest. AS_QEMU rows also pass with
RAMJET_EMULATOR=qemu-system-x86_64."""
import contextlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../../scripts'))
import backend_rows as rows  # noqa: E402
from testlib import vm  # noqa: E402
from testlib.tap import Skip, Tap  # noqa: E402

EMU = vm.emulator()
QEMU = vm.is_qemu(EMU)
BUILD = os.environ.get('RAMJET_BUILD') or vm.TOP + '/build/opt'
SLOW = float(os.environ.get('RAMJET_SLOW') or 1)
GUEST = BUILD + '/tests/tcg/guest/dimm.bin'
DIR = tempfile.mkdtemp(prefix='backends')
MIB = 1 << 20
ARGS = ['-m', '64M,slots=4,maxmem=1G', *(['-M', 'pc'] if QEMU else ['-kernel', GUEST]), '-nodefaults']
rows.prepare(DIR)


def here(text):
    return text.replace('{d}', DIR)


def listing(d=DIR):
    """Names, kinds and lengths of everything in a directory."""
    return sorted((n, stat.S_IFMT(s.st_mode), s.st_size) for n in os.listdir(d) for s in [os.lstat(f'{d}/{n}')])


def reserved():
    with open('/proc/meminfo') as f:
        return re.findall(r'HugePages_\w+: +\d+', f.read())


def maps(v):
    """Mappings of the emulator, without those that malloc and threads come and go with."""
    with open(f'/proc/{v.p.pid}/maps') as f:
        lines = f.read().splitlines()
    return sorted(x for x in lines if len(x.split()) > 5 and '[heap]' not in x), sum(int(b, 16) - int(a, 16) for a, b in
                                                                                    (x.split()[0].split('-') for x in lines))


# ---- what is refused

def in_monitor(v, text, phrase):
    before = listing(), reserved()
    got = v.hmp('object_add ' + here(text))
    assert got.startswith('Error: ') and here(phrase) in got, f'{text}: got {got!r}, expected {phrase!r}'
    assert (listing(), reserved()) == before, f'{text} leaves something behind: {before} -> {listing(), reserved()}'


def on_command_line(text, phrase):
    r = subprocess.run([*EMU, *ARGS, '-S', '-display', 'none', '-object', here(text)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=20 * SLOW)
    assert r.returncode == 1, f'exit status {r.returncode}: {r.stderr!r}'
    assert here(phrase) in r.stderr, f'{text}: got {r.stderr!r}, expected {phrase!r}'
    if not QEMU:
        assert r.stderr.startswith(f'ramjet: -object {here(text)}: '), r.stderr


def duplicates(v):
    assert v.hmp('object_add memory-backend-ram,id=twice,size=1M') == ''
    got = v.hmp('object_add memory-backend-ram,id=twice,size=1M')
    assert "attempt to add duplicate property 'twice' to object (type 'container')" in got, got
    assert v.hmp('object_del twice') == ''
    assert "object 'twice' not found" in v.hmp('object_del twice')
    r = subprocess.run([*EMU, *ARGS, '-S', '-display', 'none', *['-object', 'memory-backend-ram,id=m1,size=1M'] * 2], capture_output=True, text=True,
                       timeout=20 * SLOW)
    assert r.returncode == 1 and "Duplicate ID 'm1' for object" in r.stderr, r.stderr


def nothing_is_left(v):
    """All rows again: the emulator's mappings, and the number of its files, are as before."""
    if QEMU:
        raise Skip('QEMU leaks a huge-page reservation')
    both = rows.AS_QEMU + rows.OURS
    for text, *_ in both:
        v.hmp('object_add ' + here(text))
    before, files = maps(v), len(os.listdir(f'/proc/{v.p.pid}/fd'))
    for text, *_ in both:
        v.hmp('object_add ' + here(text))
    after = maps(v)
    assert after[0] == before[0], set(after[0]) ^ set(before[0])
    assert after[1] - before[1] < MIB, f'{after[1] - before[1]} bytes of addresses more'
    assert len(os.listdir(f'/proc/{v.p.pid}/fd')) == files
    assert 'memory backend: x' not in v.hmp('info memdev')


# ---- what is accepted

def can_bind(v):
    """Whether this process may set NUMA policies: some containers forbid it."""
    got = v.hmp('object_add memory-backend-ram,id=b,size=1M,policy=bind,host-nodes.0=0')
    assert not got or re.search('not permitted|not implemented', got), got
    return not got and v.hmp('object_del b') == ''


SIZES = (('6MB', 6 << 20), ('1GiB', 1 << 30), ('512MiB', 512 << 20), ('1.5G', 3 << 29), ('1g', 1 << 30), ('0x40000000', 1 << 30),
         ('+1G', 1 << 30), ('1048576k', 1 << 30), ('16777216', 16 << 20), ('16777216B', 16 << 20), ('0.5GB', 1 << 29), ('64KiB', 65536))


def sizes(v):
    if QEMU:
        raise Skip('QEMU refuses some')
    for text, size in SIZES:
        got = v.hmp(f'object_add memory-backend-ram,id=s,size={text},reserve=off')
        assert got == '', f'{text}: {got}'
        assert f'memory backend: s\n  size:  {size}\n' in v.hmp('info memdev'), text
        v.hmp('object_del s')


def memdev(v):
    """All fields, for each type."""
    for type_, more, share in (('ram', '', 'false'), ('memfd', '', 'true'), ('shm', '', 'true'), ('memfd', 'share=off', 'false'),
                               ('file', f'mem-path={DIR}/f16', 'false'), ('file', f'mem-path={DIR},share=on', 'true'),
                               ('ram', 'merge=off,dump=off,prealloc=on,prealloc-threads=2', 'false'), ('ram', 'reserve=off', 'false'),
                               ('ram', 'policy=bind,host-nodes.0=0', 'false')):
        off = {k: 'false' if f'{k}=off' in more else 'true' for k in ('merge', 'dump', 'reserve')}
        if 'bind' in more and not can_bind(v):
            continue
        got = v.hmp(f'object_add memory-backend-{type_},id=i,size=1M,{more}' if more else f'object_add memory-backend-{type_},id=i,size=1M')
        assert got == '', got
        want = (f'memory backend: i\n  size:  1048576\n  merge: {off["merge"]}\n  dump: {off["dump"]}\n'
                f'  prealloc: {"true" if "prealloc=on" in more else "false"}\n  share: {share}\n  reserve: {off["reserve"]}\n'
                f'  policy: {"bind" if "bind" in more else "default"}\n  host nodes: {"0" if "bind" in more else ""}')
        text = v.hmp('info memdev')
        assert want in text, f'{more}: {text}'
        v.hmp('object_del i')


def odd_sizes(v):
    """A backend may have any size; a DIMM wants whole pages of its backend."""
    for type_, size, words in (('ram', '4095', 'backend memory size must be multiple of 0x200000'),
                               ('ram', '3M', 'backend memory size must be multiple of 0x200000'),
                               (f'file,mem-path={DIR}/f16,align=1G', '16M', 'backend memory size must be multiple of 0x40000000')):
        assert v.hmp(f'object_add memory-backend-{type_},id=odd,size={size}') == ''
        got = v.hmp('device_add pc-dimm,id=d,memdev=odd')
        assert words in got, got
        assert v.hmp('object_del odd') == ''
    assert v.hmp(f'object_add memory-backend-file,mem-path={DIR}/f16,id=odd,size=3M') == ''
    assert v.hmp('device_add pc-dimm,id=d,memdev=odd') == ''
    assert 'size: 3145728' in v.hmp('info memory-devices')
    got = v.hmp('object_del odd')
    assert "object 'odd' is in use, can not be deleted" in got, got


def node_lists(v):
    """Ranges and lists, with single and doubled commas and repeated: in the monitor and on the command line."""
    if QEMU:
        raise Skip('QEMU takes one node or range')
    if not can_bind(v):
        raise Skip('this process may not set NUMA policies')
    spellings = (('0', '0'), ('0-2,5', '0-2,5'), ('0-2,,5', '0-2,5'), ('0,host-nodes=3-4', '0,3-4'), ('5,0,1,2', '0-2,5'), ('0,127', '0,127'))
    for text, want in spellings:
        got = v.hmp(f'object_add memory-backend-ram,id=n,size=1M,host-nodes={text},policy=interleave')
        assert got == '', f'{text}: {got}'
        assert f'  policy: interleave\n  host nodes: {want}' in v.hmp('info memdev'), text
        v.hmp('object_del n')
    objects = [x for i, (text, _) in enumerate(spellings)
               for x in ('-object', f'memory-backend-ram,id=n{i},size=1M,host-nodes={text},policy=bind')]
    with vm.VM(EMU, [*ARGS, '-S', *objects]) as w:
        text = w.hmp('info memdev')
        for _, want in spellings:
            assert f'  policy: bind\n  host nodes: {want}\n' in text + '\n', f'{want}: {text}'


def helps(v):
    if QEMU:
        raise Skip('other words')
    for ask in (lambda x: v.hmp('object_add ' + x),
                lambda x: subprocess.run([*EMU, '-object', x], capture_output=True, text=True, timeout=20, check=True).stdout):
        text = ask('help')
        for t in ('ram', 'file', 'memfd', 'shm'):
            assert re.search(rf'^  memory-backend-{t}\b', text, re.M), text
        text = ask('memory-backend-file,help')
        for name in ('mem-path=<string>', 'size=<size>', 'align=<size>', 'rom=<OnOffAuto>', 'policy=<HostMemPolicy>', 'discard-data=<bool>'):
            assert re.search(rf'^  {name} .*- ', text, re.M), f'{name}: {text}'
        assert 'hugetlb' not in text and re.search(r'^  share=.*\(default: off\)', text, re.M)
        assert re.search(r'^  share=.*\(default: on\)', ask('memory-backend-memfd,help'), re.M)


def new_file():
    """A path that does not exist becomes a file, which is said and stays; a directory gets a file without a name."""
    with tempfile.TemporaryDirectory() as d, vm.VM(EMU, [*ARGS, '-S']) as v:
        assert v.hmp(f'object_add memory-backend-file,id=m,size=1M,mem-path={d}/new') == ''
        assert QEMU or f'created new file {d}/new' in v.stderr(), v.stderr()
        assert v.hmp(f'object_add memory-backend-file,id=n,size=1M,mem-path={d}') == ''
        assert listing(d) == [('new', stat.S_IFREG, MIB)]
        v.hmp('object_del m')
        v.hmp('object_del n')
        assert listing(d) == [('new', stat.S_IFREG, MIB)]
        with open(d + '/old', 'wb') as f:
            f.write(b'x' * 8192)
        assert v.hmp(f'object_add memory-backend-file,id=m,size=4K,offset=4096,mem-path={d}/old,prealloc=on,share=on') == ''
        v.hmp('object_del m')
        with open(d + '/old', 'rb') as f:
            assert f.read() == b'x' * 8192, 'preallocation changed the file'
        assert QEMU or v.stderr().count('created') == 1 and 'hugetlbfs' not in v.stderr()
        os.mkdir(d + '/hugepages')
        assert v.hmp(f'object_add memory-backend-file,id=n,size=4M,mem-path={d}/hugepages/x') == ''
        assert QEMU or f"'n': no hugetlbfs is mounted at {d}/hugepages/x" in v.stderr(), v.stderr()


# ---- under a guest's DIMM

def page(first, words={}):
    data = bytearray(2 * MIB)
    data[:len(first)] = first
    for at, raw in words.items():
        data[at:at + len(raw)] = raw
    return bytes(data)


def run_guest(options, backend='x86_64', path=None, prefix=()):
    """The guest of tests/tcg/guest/dimm.c with a DIMM of that backend; returns (output, exit status, stderr)."""
    cmd = [*prefix, *EMU, *ARGS, '-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-no-reboot', '-accel', f'tcg,backend={backend}',
           '-device', 'isa-debug-exit,iobase=0x501,iosize=2', '-object', options + ',id=m,size=2M', '-device', 'pc-dimm,memdev=m']
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        text = ''
        if path:  # take the memory away when the guest uses it
            while 'LOOPING' not in text:
                line = p.stdout.readline()
                assert line, p.stderr.read()
                text += line
            time.sleep(0.2 * SLOW)
            os.truncate(path, 8192)
        out, err = p.communicate(timeout=60 * SLOW)
    finally:
        p.kill()
        p.wait()
    return text + out, p.returncode, err


def good(result):
    out, status, err = result
    assert 'GUEST-OK' in out and 'not ok' not in out and status == 1, f'{status}: {out} {err}'


def shared_file():
    path = DIR + '/dimm'
    for share in ('on', 'off'):
        with open(path, 'wb') as f:
            f.write(page(b'COPYONCE'))
        good(run_guest(f'memory-backend-file,mem-path={path},share={share}'))
        with open(path, 'rb') as f:
            data = f.read()
        if share == 'on':
            assert data[16:24] == bytes.fromhex('8877665544332211') and data[-4096:] == b'\x77' * 4096 and data[:8] == b'COPYONCE'
            assert all(int.from_bytes(data[i * 4096 + 8 * (i & 255):][:8], 'little') == 0x5a5a0000 + i for i in range(1, 511))
        else:
            assert data == page(b'COPYONCE'), 'private stores are in the file'
    good(run_guest(f'memory-backend-file,mem-path={path},share=on,discard-data=on'))
    with open(path, 'rb') as f:
        assert f.read() == bytes(2 * MIB), 'discard-data=on leaves data'


def other_types():
    for options in ('memory-backend-memfd', 'memory-backend-shm', f'memory-backend-file,mem-path={DIR}', 'memory-backend-ram,reserve=off',
                    'memory-backend-memfd,share=off,seal=off,prealloc=on', f'memory-backend-file,mem-path={DIR},discard-data=on,share=on'):
        good(run_guest(options))


ROM = page(b'ROM-DIMM', {0x2000: b'\xb8\x44\x33\x22\x11\xc3', 0x3000: (0x100004003).to_bytes(8, 'little') + (0x2000003).to_bytes(8, 'little'),
                         0x4000: b'DATADATA'})


def read_only():
    """ROM: no store of the guest breaks anything or changes the file, which the emulator could not write anyway."""
    path = DIR + '/rom'
    with open(path, 'wb') as f:
        f.write(ROM)
    os.chmod(path, 0o444)
    for more in ('', ',share=on', ',rom=on'):
        for backend in ('x86_64', 'interp'):
            result = run_guest(f'memory-backend-file,mem-path={path},readonly=on{more}', backend)
            good(result)
            assert result[0].count('\nok') == 9
    with open(path, 'rb') as f:
        assert f.read() == ROM
    os.chmod(path, 0o644)
    with open(path, 'r+b') as f:
        f.write(b'COPYONCE')
    good(run_guest(f'memory-backend-file,mem-path={path},readonly=on,rom=off'))
    with open(path, 'rb') as f:
        assert f.read() == b'COPYONCE' + ROM[8:], 'the private copy is in the file'


def truncated(mode, backend):
    """The guest uses the DIMM when its file gets shorter: backend and file are named, exit status 1, no signal."""
    path = DIR + '/loop'
    with open(path, 'wb') as f:
        f.write(page(mode))
    out, status, err = run_guest(f'memory-backend-file,mem-path={path},share=on', backend, path)
    assert status == 1, f'{status}: {out} {err}'
    assert re.search(rf"^ramjet: memory backend 'm' \({path}\): its file was truncated to 8192 bytes, but 2097152 are in use by the guest", err,
                     re.M), err


def truncated_for_monitor():
    """The same when the monitor's xp reads it; the monitor's socket goes, too."""
    path = DIR + '/loop'
    with open(path, 'wb') as f:
        f.write(page(b'12345678'))
    with vm.VM(EMU, [*ARGS, '-S', '-object', f'memory-backend-file,id=m,size=2M,mem-path={path}', '-device', 'pc-dimm,memdev=m']) as v:
        assert v.hmp('xp /8xb 0x100000000') == '0000000100000000: 0x31 0x32 0x33 0x34 0x35 0x36 0x37 0x38'
        os.truncate(path, 4096)
        assert v.hmp('xp /1xb 0x100000fff') == '0000000100000fff: 0x00'
        with contextlib.suppress(OSError):
            v.hmp('xp /8xb 0x100100000')
        assert v.wait_exit(10) == 1
        assert f"memory backend 'm' ({path}): its file was truncated to 4096 bytes" in v.stderr(), v.stderr()
        assert '(at offset 1048576)' in v.stderr()
        assert not os.path.exists(v.hp), 'the socket is left behind'


def terminal_restored():
    """The terminal is as before when the emulator ends like that."""
    import pty
    import termios
    path = DIR + '/loop'
    with open(path, 'wb') as f:
        f.write(page(b'LOOP-RUN'))
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    p = subprocess.Popen([*EMU, *ARGS, '-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-object',
                          f'memory-backend-file,id=m,size=2M,mem-path={path}', '-device', 'pc-dimm,memdev=m'], stdin=theirs, stdout=theirs,
                         stderr=subprocess.PIPE, text=True)
    try:
        text = b''
        while b'LOOPING' not in text:
            text += os.read(ours, 1000)
        assert termios.tcgetattr(theirs) != before
        os.truncate(path, 0)
        _, err = p.communicate(timeout=30 * SLOW)
    finally:
        p.kill()
        p.wait()
    assert p.returncode == 1 and 'truncated to 0 bytes' in err, f'{p.returncode}: {err}'
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


# ---- mounts: need root, and happen in a mount namespace of the emulator's own

def in_namespace(mount):
    """A command prefix that mounts first."""
    probe = subprocess.run(['unshare', '-m', 'sh', '-c', mount], capture_output=True, text=True) if shutil.which('unshare') else None
    if not probe or probe.returncode:
        raise Skip('cannot mount: ' + (probe.stderr.strip().splitlines() or ['?'])[-1] if probe else 'no unshare(1)')
    return ['unshare', '-m', 'sh', '-c', mount + ' && exec "$@"', 'sh']


def small_file_system():
    os.makedirs(DIR + '/tmpfs', exist_ok=True)
    prefix = in_namespace(f'mount -t tmpfs -o size=8m none {DIR}/tmpfs')
    with vm.VM([*prefix, *EMU], [*ARGS, '-S']) as v:
        assert v.hmp(f'object_add memory-backend-file,id=m,size=4M,mem-path={DIR}/tmpfs/a,share=on,prealloc=on') == ''
        for name in ('b', ''):
            got = v.hmp(f'object_add memory-backend-file,id=n,size=16M,mem-path={DIR}/tmpfs/{name}')
            assert 'no room for backing store' in got and '0x1000000 bytes are needed, 0x400000 are free' in got, got
        got = v.hmp(f'object_add memory-backend-file,id=n,size=8M,mem-path={DIR}/tmpfs/b,prealloc=on')
        assert 'no room for backing store' in got, got
    prefix = in_namespace(f'mount -t tmpfs -o size=1m none {DIR}/tmpfs')
    out, status, err = run_guest(f'memory-backend-file,mem-path={DIR}/tmpfs/b,reserve=off,share=on', prefix=prefix)
    assert status == 1 and 'GUEST' not in out, f'{status}: {out}'
    assert f"memory backend 'm' ({DIR}/tmpfs/b): no room left on its file system" in err, err


def huge_pool():
    if not os.path.isdir('/sys/kernel/mm/hugepages/hugepages-2048kB'):
        raise Skip('no huge pages of 2 MiB on this host')
    with open('/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages') as f, \
         open('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages') as g:
        return int(f.read()), int(g.read())


def empty_pool():
    """A hugetlbfs mount without enough pages: how many there are is said, and nothing stays there."""
    os.makedirs(DIR + '/huge', exist_ok=True)
    prefix = in_namespace(f'mount -t hugetlbfs -o pagesize=2M none {DIR}/huge')
    total, free = huge_pool()
    before = reserved()
    with vm.VM([*prefix, *EMU], [*ARGS, '-S']) as v:
        inside = f'/proc/{v.p.pid}/root{DIR}/huge'
        for options in (f'mem-path={DIR}/huge', f'mem-path={DIR}/huge/new', f'mem-path={DIR}/huge/new,share=on'):
            got = v.hmp(f'object_add memory-backend-file,id=h,size=8T,{options}')
            assert re.search(rf'unable to map backing store for guest RAM: Cannot allocate memory: need 4194304 huge pages of 2 MiB, the host '
                             rf'has {free} free of {total} in total, \d+ of them reserved', got), got
            assert 'nr_hugepages' in got
        for size, words in (('1M', 'memory size 0x100000 must be equal to or larger than page size 0x200000'),
                            ('3M', "backend 'memory-backend-file' memory size must be multiple of 2 MiB")):
            got = v.hmp(f'object_add memory-backend-file,id=h,size={size},mem-path={DIR}/huge/new')
            assert words in got, got
        assert "can't open backing store" in v.hmp(f'object_add memory-backend-file,id=h,size=2M,mem-path={DIR}/huge/nosuch/x')
        assert os.listdir(inside) == [] and reserved() == before


def huge_pages():
    """Huge pages are really used, and go back."""
    if huge_pool()[1] < 12:
        raise Skip('fewer than 12 free huge pages of 2 MiB in the pool (sysctl vm.nr_hugepages)')
    os.makedirs(DIR + '/huge', exist_ok=True)
    prefix = in_namespace(f'mount -t hugetlbfs -o pagesize=2M none {DIR}/huge')
    before = reserved()
    with vm.VM([*prefix, *EMU], [*ARGS, '-S']) as v:
        inside = f'/proc/{v.p.pid}/root{DIR}/huge'
        for n, options in enumerate((f'file,mem-path={DIR}/huge', f'file,mem-path={DIR}/huge/new,share=on', 'memfd,hugetlb=on',
                                     'memfd,hugetlb=on,hugetlbsize=2M,share=off')):
            assert v.hmp(f'object_add memory-backend-{options},id=h{n},size=4M,prealloc=on') == ''
        with open(f'/proc/{v.p.pid}/smaps') as f:
            blocks = re.findall(r'^[0-9a-f]+-[0-9a-f]+ .*?VmFlags[^\n]*', f.read(), re.M | re.S)
        used = sum(int(re.search(r'(?:Private|Shared)_Hugetlb: +([1-9]\d*)', b)[1]) for b in blocks if re.search(r'_Hugetlb: +[1-9]', b))
        assert used == 16 << 10, f'{used} kB of huge pages'
        assert sum(' ht' in b and 'KernelPageSize:     2048 kB' in b for b in blocks) == 4
        assert os.listdir(inside) == ['new'] and 'created new file' in v.stderr() and 'huge pages of 2 MiB' in v.stderr()
        now = reserved()
        got = v.hmp(f'object_add memory-backend-file,id=x,size=3M,mem-path={DIR}/huge')
        assert 'must be multiple of 2 MiB' in got and reserved() == now, got
        got = v.hmp('object_add memory-backend-memfd,hugetlb=on,id=x,size=4M,policy=bind,host-nodes=127')
        assert 'cannot bind' in got and reserved() == now, got
        for n in range(4):
            assert v.hmp(f'object_del h{n}') == ''
        os.unlink(inside + '/new')
    assert reserved() == before
    good(run_guest('memory-backend-memfd,hugetlb=on'))
    good(run_guest(f'memory-backend-file,mem-path={DIR}/huge', prefix=prefix))


def giant_pool():
    """Free pages of 1 GiB."""
    path = '/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages'
    if not os.path.exists(path):
        raise Skip('no huge pages of 1 GiB on this host')
    with open(path) as f:
        return int(f.read())


def giant_refusals():
    """A page of 1 GiB decides size and alignment; when there are too few, it is said how many. Needs none."""
    if giant_pool() > 7:
        raise Skip('the pool of 1 GiB pages could satisfy what must be refused')
    os.makedirs(DIR + '/giant', exist_ok=True)
    prefix = in_namespace(f'mount -t hugetlbfs -o pagesize=1G none {DIR}/giant')
    with vm.VM([*prefix, *EMU], [*ARGS, '-S']) as v:
        inside = f'/proc/{v.p.pid}/root{DIR}/giant'
        for kind in (f'file,mem-path={DIR}/giant/new', 'memfd,hugetlb=on,hugetlbsize=1G'):
            for size, words in (('512M', 'memory size 0x20000000 must be equal to or larger than page size 0x40000000'),
                                ('1536M', 'memory size must be multiple of 1 GiB'), ('8G', 'need 8 huge pages of 1 GiB, the host has ')):
                got = v.hmp(f'object_add memory-backend-{kind},id=g,size={size}')
                assert words in got, f'{kind},size={size}: {got}'
        assert os.listdir(inside) == []


def giant_page():
    """One page of 1 GiB is really used, its DIMM is aligned to it, and it goes back."""
    before = giant_pool()
    if before < 1:
        raise Skip(f'1 free huge page of 1 GiB is needed, there are {before} (hugepages-1048576kB/nr_hugepages)')
    os.makedirs(DIR + '/giant', exist_ok=True)
    prefix = in_namespace(f'mount -t hugetlbfs -o pagesize=1G none {DIR}/giant')
    for kind, start in ((f'file,mem-path={DIR}/giant', prefix), ('memfd,hugetlb=on,hugetlbsize=1G', ())):
        with vm.VM([*start, *EMU], [*ARGS, '-S', '-m', '1G,slots=2,maxmem=4G']) as v:
            assert v.hmp('object_add memory-backend-ram,id=small,size=2M') + v.hmp('device_add pc-dimm,id=small,memdev=small') == ''
            assert v.hmp(f'object_add memory-backend-{kind},id=g,size=1G,prealloc=on') == ''
            assert giant_pool() == before - 1
            with open(f'/proc/{v.p.pid}/smaps') as f:
                blocks = re.findall(r'^[0-9a-f]+-[0-9a-f]+ .*?VmFlags[^\n]*', f.read(), re.M | re.S)
            mine = [b for b in blocks if 'KernelPageSize:  1048576 kB' in b]
            assert len(mine) == 1 and re.search(r'(Private|Shared)_Hugetlb: +1048576 kB', mine[0]), mine
            got = v.hmp('device_add pc-dimm,id=d,memdev=g,addr=0x108000000')
            assert 'address must be aligned to 0x40000000 bytes' in got, got
            assert v.hmp('device_add pc-dimm,id=d,memdev=g') == ''
            assert 'addr: 0x140000000' in v.hmp('info memory-devices').split('"d"')[1], v.hmp('info memory-devices')
            assert v.hmp('xp /1xg 0x17ffffff8').endswith(': 0x0000000000000000')
            got = v.hmp('object_add memory-backend-memfd,hugetlb=on,hugetlbsize=1G,id=h,size=64G')
            assert 'need 64 huge pages of 1 GiB' in got and giant_pool() == before - 1, got
        assert giant_pool() == before


def block_device():
    path = DIR + '/disk'
    with open(path, 'wb') as f:
        f.write(page(b'COPYONCE'))
    r = subprocess.run(['losetup', '-f', '--show', path], capture_output=True, text=True) if shutil.which('losetup') else None
    if not r or r.returncode:
        raise Skip('no loop device: ' + (r.stderr.strip() if r else 'no losetup(8)'))
    device = r.stdout.strip()
    try:
        with vm.VM(EMU, [*ARGS, '-S']) as v:
            got = v.hmp(f'object_add memory-backend-file,id=m,size=4M,mem-path={device}')
            assert "m backing store size 0x200000 is too small for 'size' option 0x400000" in got, got
        good(run_guest(f'memory-backend-file,mem-path={device},share=on'))
    finally:
        subprocess.run(['losetup', '-d', device])
    with open(path, 'rb') as f:
        assert f.read()[-4096:] == b'\x77' * 4096


tap = Tap()
try:
    with vm.VM(EMU, [*ARGS, '-S']) as shared:
        for text, phrase, _ in rows.AS_QEMU + (() if QEMU else rows.OURS):
            tap.case('refused: ' + text, in_monitor, shared, text, phrase)
        for f in (duplicates, nothing_is_left, sizes, odd_sizes, memdev, node_lists, helps):
            tap.case('backends: ' + f.__name__.replace('_', ' '), f, shared)
    for text, phrase, other in rows.AS_QEMU:
        if (other or text in [x[0] for x in rows.AS_QEMU[::6]]) and 'host-nodes.' not in text:  # a list in QMP's way
            tap.case('-object refused: ' + text, on_command_line, text, other or phrase)
    tap.case('backends: new file', new_file)
    if not QEMU:
        for f in (shared_file, other_types, read_only, truncated_for_monitor, terminal_restored, small_file_system, empty_pool, huge_pages, giant_refusals, giant_page,
                  block_device):
            tap.case('backends: ' + f.__name__.replace('_', ' '), f)
        for mode in (b'LOOP-RUN', b'CODE-RUN'):
            for backend in ('x86_64', 'interp'):
                tap.case(f'backends: truncated under the guest, {mode.decode()} {backend}', truncated, mode, backend)
finally:
    shutil.rmtree(DIR, ignore_errors=True)
tap.done()
