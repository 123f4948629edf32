# SPDX-License-Identifier: MIT
"""The guests that demo, tests and benchmark boot: Debian's own kernels and a small busybox initramfs.

kernel() fetches a kernel package once and keeps only its vmlinuz; initrd() writes the archive
itself, so nothing here needs root. Everything lies in ~/.cache/ramjet-guests (RAMJET_GUESTS names
another place). Several processes may call this at once: a lock per kernel, and files that appear
whole. What cannot be done is a GuestError with one line that says why.
"""
import fcntl
import glob
import gzip
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time

CACHE = os.environ.get('RAMJET_GUESTS') or os.path.expanduser('~/.cache/ramjet-guests')
C = CACHE

INIT = '''#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
export PATH=/bin PS1='# '
echo "MARK init-reached"
%s
exec setsid cttyhack sh
'''


class GuestError(Exception):
    """A guest cannot be fetched or built; the text is one line for the user."""


def _say(text, end='\n'):
    print(text, end=end, file=sys.stderr, flush=True)


# ---- Debian's kernel

def _private_apt():
    """Options that give apt a state of our own: works without root, and may know more suites."""
    root = f'{C}/apt'
    for d in ('lists/partial', 'cache/archives/partial', 'parts'):
        os.makedirs(f'{root}/{d}', exist_ok=True)
    uris = {'debian': 'http://deb.debian.org/debian', 'security': 'http://deb.debian.org/debian-security'}
    for f in ['/etc/apt/sources.list', *glob.glob('/etc/apt/sources.list.d/*')]:
        try:
            text = open(f).read()
        except OSError:
            continue
        for uri in re.findall(r'\b(https?://\S*/debian(?:-security)?)/?(?=\s)', text + '\n'):
            uris['security' if uri.endswith('security') else 'debian'] = uri
    key = '/usr/share/keyrings/debian-archive-keyring.gpg'
    if not os.path.exists(key):
        raise GuestError(f"cannot verify Debian's packages: {key} is missing (package debian-archive-keyring)")
    with open(f'{root}/sources.list', 'w') as f:
        for uri, suites in ((uris['debian'], ('bookworm', 'bookworm-updates', 'bookworm-backports')),
                            (uris['security'], ('bookworm-security',))):
            for s in suites:
                f.write(f'deb [arch=amd64 signed-by={key}] {uri} {s} main\n')
    opts = {'Dir::State::lists': f'{root}/lists', 'Dir::Cache': f'{root}/cache', 'APT::Architecture': 'amd64',
            'Dir::Etc::sourcelist': f'{root}/sources.list', 'Dir::Etc::sourceparts': f'{root}/parts',
            'Acquire::Languages': 'none', 'Acquire::Retries': '2'}
    return [x for k, v in opts.items() for x in ('-o', f'{k}={v}')]


def _run(cmd, **kw):
    return subprocess.run(cmd, capture_output=True, text=True, env={**os.environ, 'LC_ALL': 'C'}, **kw)


def _find(apt, flavour, suite):
    """(package, version, bytes) of a flavour's kernel as apt knows it now, or None."""
    name = f'linux-image-{flavour}'
    rows = [[x.strip() for x in line.split('|')] for line in _run(['apt-cache', *apt, 'madison', name]).stdout.splitlines()]
    rows = [r for r in rows if len(r) == 3 and r[2].endswith('Packages')
            and (suite in r[2] if suite else 'bookworm' in r[2] and 'backports' not in r[2])]
    if not rows:
        return None
    show = _run(['apt-cache', *apt, '--no-all-versions', 'show', f'{name}={rows[0][1]}']).stdout
    if flavour[0].isdigit(): # a release has no metapackage
        size = re.search(r'^Size: (\d+)', show, re.M)
        return name, rows[0][1], int(size[1]) if size else 0
    m = re.search(r'^Depends:.*?(linux-image-\d\S*?)[ ,]*(?:\(= (\S+?)\))?(?:,|$)', show, re.M)
    if not m:
        return None
    ver = m[2] or rows[0][1]
    size = re.search(r'^Size: (\d+)', _run(['apt-cache', *apt, 'show', f'{m[1]}={ver}']).stdout, re.M)
    return m[1], ver, int(size[1]) if size else 0


def _download(apt, pkg, ver, size, where):
    """Run apt-get download with a line of progress; returns the .deb's path, or (None, reason)."""
    t0, tty = time.time(), sys.stderr.isatty()
    line = f"guest: downloading Debian's {pkg} {ver} ({size / 1e6:.0f} MB, once)"
    _say(line, '' if tty else '\n')
    with tempfile.TemporaryFile('w+') as err:
        root = ['-o', 'APT::Sandbox::User=root'] if os.geteuid() == 0 else []
        p = subprocess.Popen(['apt-get', *apt, *root, '-q', 'download', f'{pkg}={ver}'], cwd=where,
                             stdout=subprocess.DEVNULL, stderr=err, env={**os.environ, 'LC_ALL': 'C'})
        while p.poll() is None:
            time.sleep(0.2)
            got = sum(os.path.getsize(f) for f in glob.glob(where + '/**/*.deb', recursive=True) if os.path.exists(f))
            if tty and size:
                _say(f'\r{line} {100 * got // size:3d} %', '')
        err.seek(0)
        why = [x for x in err.read().splitlines() if x.startswith('E:')]
    debs = glob.glob(where + '/*.deb')
    if p.returncode == 0 and debs:
        _say(f'\r{line} in {time.time() - t0:.1f} s' if tty else f'guest: downloaded in {time.time() - t0:.1f} s')
        return debs[0], None
    if tty:
        _say('')
    return None, why[-1][3:] if why else f'apt-get download ended with status {p.returncode}'


def _fetch(flavour, suite, where):
    """Find and download the kernel package (of a flavour or of a release) with the system's apt state, then with one of our own."""
    reason = 'unknown to apt'
    for private in (False, True):
        apt = []
        if private:
            apt = _private_apt()
            _say(f"guest: reading Debian's package lists for linux-image-{flavour}")
            root = ['-o', 'APT::Sandbox::User=root'] if os.geteuid() == 0 else []
            up = _run(['apt-get', *apt, *root, '-q', '-o', 'Acquire::http::Timeout=20', 'update'])
            bad = [x for x in up.stderr.splitlines() if x[:2] in ('E:', 'W:', 'Er')]
            if bad:
                reason = bad[0][3:]
        found = _find(apt, flavour, suite)
        if not found:
            continue
        deb, why = _download(apt, *found, where)
        if deb:
            return deb
        reason = why
    raise GuestError(f"cannot download Debian's kernel linux-image-{flavour}" + (f' from {suite}' if suite else '')
                     + f' (is the network reachable?): {reason}')


def kernel(flavour='amd64', suite=None):
    """Path of Debian's kernel of a flavour (amd64, cloud-amd64, rt-amd64), from another suite
    (bookworm-backports) if named. Downloads it on first use."""
    d = f'{C}/k-{flavour}' + (f'-{suite}' if suite else '')
    have = glob.glob(d + '/boot/vmlinuz*')
    if have:
        return have[0]
    for tool in ('apt-get', 'dpkg-deb'):
        if not shutil.which(tool):
            raise GuestError(f"cannot fetch Debian's kernel: {tool} is missing (this needs Debian 12)")
    try:
        os.makedirs(C, exist_ok=True)
        lock = open(d + '.lock', 'w')
    except OSError as e:
        raise GuestError(f'cannot write {C}: {e.strerror}')
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        have = glob.glob(d + '/boot/vmlinuz*')
        if have:
            return have[0]
        with tempfile.TemporaryDirectory(dir=C, prefix='fetch-') as tmp:
            deb = _fetch(flavour, suite, tmp)
            os.mkdir(tmp + '/x')
            unpack = _unpack(deb, tmp + '/x')
            if not glob.glob(tmp + '/x/boot/vmlinuz*'):
                raise GuestError(f'cannot unpack {os.path.basename(deb)}: {unpack.stderr.strip()[-200:]}')
            shutil.rmtree(d, ignore_errors=True)
            os.rename(tmp + '/x', d)
    return glob.glob(d + '/boot/vmlinuz*')[0]


# Modules that tests load into the guest: kept when the kernel is unpacked.
MODULES = ('psmouse', 'pvpanic', 'pvpanic-mmio')


def _unpack(deb, where):
    """The kernel and the modules above, out of its package."""
    wanted = ' '.join(f"'./lib/modules/*/{m}.ko'" for m in MODULES)
    return subprocess.run(f"dpkg-deb --fsys-tarfile '{deb}' | tar -x -C '{where}' --wildcards './boot*' {wanted}", shell=True,
                          capture_output=True, text=True)


def module(name, flavour='amd64'):
    """Path of a module (of MODULES) of the kernel; fetches the package again when it was unpacked without modules."""
    path = kernel(flavour)
    d = os.path.dirname(os.path.dirname(path))
    release = os.path.basename(path).removeprefix('vmlinuz-')
    with open(d + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = glob.glob(f'{d}/lib/modules/{release}/**/{name}.ko', recursive=True)
        if not found:
            with tempfile.TemporaryDirectory(dir=C, prefix='fetch-') as tmp:
                os.mkdir(tmp + '/x')
                _unpack(_fetch(release, None, tmp), tmp + '/x')
                if os.path.isdir(tmp + '/x/lib'):
                    shutil.rmtree(d + '/lib', ignore_errors=True)
                    os.rename(tmp + '/x/lib', d + '/lib')
            found = glob.glob(f'{d}/lib/modules/{release}/**/{name}.ko', recursive=True)
    if not found:
        raise GuestError(f"Debian's package of kernel {release} has no module {name}")
    return found[0]


# ---- initramfs

def _newc(out, name, mode, data=b'', rdev=(0, 0)):
    """One entry of a cpio archive in the newc format: owner root, time 0, so that it is reproducible."""
    raw = name.encode() + b'\0'
    ino = out.tell() // 4 + 1
    head = [ino, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0]
    out.write(b'070701' + b''.join(b'%08X' % v for v in head) + raw)
    out.write(b'\0' * (-out.tell() % 4) + data)
    out.write(b'\0' * (-out.tell() % 4))


def busybox():
    """Path of a statically linked busybox."""
    for p in ('/bin/busybox', '/usr/bin/busybox'):
        if os.path.exists(p):
            with open(p, 'rb') as f:
                if b'ld-linux' not in f.read(4096):
                    return p
    raise GuestError('cannot build the initramfs: no static busybox (package busybox-static; scripts/setup installs it)')


def initrd(name='sh', extra={}, tail=''):
    """Path of an initramfs: busybox, an init that mounts /proc, /sys, /dev, prints "MARK init-reached",
    runs `tail` and becomes a shell. extra: {path in the guest: path on the host, or bytes}."""
    files = {'bin/busybox': busybox(), **{k.lstrip('/'): v for k, v in extra.items()}, 'init': (INIT % tail).encode()}
    out, dirs = io.BytesIO(), set()
    _newc(out, 'dev', stat.S_IFDIR | 0o755)
    _newc(out, 'dev/console', stat.S_IFCHR | 0o600, rdev=(5, 1))
    dirs.add('dev')
    for path, src in files.items():
        parts = path.split('/')[:-1]
        for i in range(1, len(parts) + 1):
            d = '/'.join(parts[:i])
            if d not in dirs:
                dirs.add(d)
                _newc(out, d, stat.S_IFDIR | 0o755)
        data = src
        if not isinstance(src, bytes):
            with open(src, 'rb') as f:
                data = f.read()
        _newc(out, path, stat.S_IFREG | 0o755, data)
    _newc(out, 'TRAILER!!!', 0)
    raw = out.getvalue()
    path = f'{C}/{name}-{hashlib.sha256(raw).hexdigest()[:12]}.cpio.gz'
    if not os.path.exists(path):
        try:
            os.makedirs(C, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=C, prefix='ir-', delete=False) as f:
                f.write(gzip.compress(raw, 1, mtime=0))
            os.chmod(f.name, 0o644)
            os.replace(f.name, path)
        except OSError as e:
            raise GuestError(f'cannot write {path}: {e.strerror}')
    return path


if __name__ == '__main__':
    try:
        print(kernel(*sys.argv[1:]), initrd())
    except GuestError as e:
        sys.exit(f'guest: {e}')
