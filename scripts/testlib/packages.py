# SPDX-License-Identifier: MIT
"""Programs from Debian's packages for a guest: files() downloads the packages once, keeps them unpacked in guests' cache, and says
which host file belongs at which path of an initramfs."""
import fcntl
import glob
import os
import re
import shutil
import subprocess
import tempfile

from . import guest

HTOP = ('htop', 'libncursesw6', 'libtinfo6', 'libnl-3-200', 'libnl-genl-3-200', 'libc6', 'libc-bin', 'ncurses-base')
HTOP_FILES = (r'usr/bin/htop|lib64/ld-linux-x86-64\.so\.2|lib/x86_64-linux-gnu/(libc|libm)\.so\.6|'
              r'(usr/)?lib/x86_64-linux-gnu/(libncursesw\.so\.6|libtinfo\.so\.6|libnl-3\.so\.200|libnl-genl-3\.so\.200)|'
              r'lib/terminfo/x/xterm-256color|usr/lib/locale/C\.utf8/.*')

EDITORS = ('vim-tiny', 'less', 'libacl1', 'libselinux1', 'libpcre2-8-0') # and what htop needs
EDITORS_FILES = r'usr/bin/vim\.tiny|(usr/)?bin/less|(usr/)?lib/x86_64-linux-gnu/(libacl\.so\.1|libselinux\.so\.1|libpcre2-8\.so\.0)'


def _unpack(names, where):
    """Download all packages into where/deb, unpack them into where/x; None, or why not."""
    why = ''
    for private in (False, True):
        apt = guest._private_apt() if private else []
        if os.geteuid() == 0:
            apt = [*apt, '-o', 'APT::Sandbox::User=root']
        if private:
            guest._run(['apt-get', *apt, '-q', '-o', 'Acquire::http::Timeout=20', 'update'])
        shutil.rmtree(where + '/deb', ignore_errors=True)
        os.mkdir(where + '/deb')
        r = guest._run(['apt-get', *apt, '-q', 'download', *names], cwd=where + '/deb')
        if r.returncode == 0:
            break
        why = ([x[3:] for x in r.stderr.splitlines() if x.startswith('E:')] or [f'apt-get ended with status {r.returncode}'])[-1]
    else:
        return why
    for deb in glob.glob(where + '/deb/*.deb'):
        r = subprocess.run(['dpkg-deb', '-x', deb, where + '/x'], capture_output=True, text=True)
        if r.returncode:
            return r.stderr.strip()[-200:]
    return None


def files(names, wanted):
    """{path in the guest: path on the host} of the packages' files whose whole path matches the pattern; links become what they name."""
    root = f'{guest.C}/p-{names[0]}'
    for tool in ('apt-get', 'dpkg-deb'):
        if not shutil.which(tool):
            raise guest.GuestError(f'cannot fetch {names[0]}: {tool} is missing')
    os.makedirs(guest.C, exist_ok=True)
    with open(root + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(root):
            guest._say(f"guest: downloading Debian's {names[0]} and what it needs (once)")
            with tempfile.TemporaryDirectory(dir=guest.C, prefix='fetch-') as tmp:
                why = _unpack(names, tmp)
                if why:
                    raise guest.GuestError(f'cannot fetch {names[0]}: {why}')
                os.rename(tmp + '/x', root)
    out = {}
    for d, _, here in os.walk(root):
        for f in here:
            path = os.path.relpath(f'{d}/{f}', root)
            if re.fullmatch(wanted, path):
                out[path] = _target(root, f'{d}/{f}')
    return out


def _target(root, path):
    """What a link inside root names; absolute ones count from root."""
    while os.path.islink(path):
        to = os.readlink(path)
        path = root + to if to.startswith('/') else os.path.join(os.path.dirname(path), to)
    return path
