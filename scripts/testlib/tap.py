# SPDX-License-Identifier: MIT
"""Print TAP from a test script: each case is a function; an exception is `not ok` with its text."""
import os
import sys
import time
import traceback


class Skip(Exception):
    """Raised by a case that cannot run here; the text says why."""


class Tap:
    def __init__(self):
        self.n, self.bad = 0, 0

    def case(self, name, fn, *args, **kw):
        """Run fn(*args); prints its line at once. Returns what fn returned, None on failure."""
        self.n += 1
        t = time.time()
        try:
            r = fn(*args, **kw)
        except Skip as e:
            print(f'ok {self.n} - {name} # SKIP {e}', flush=True)
            return None
        except Exception as e:
            self.bad += 1
            print(f'not ok {self.n} - {name}')
            text = str(e).replace('\r', '') or e.__class__.__name__
            if isinstance(e, (AssertionError, KeyError, IndexError, AttributeError, TypeError, NameError)):
                text = traceback.format_exc()
            print('\n'.join('# ' + x for x in text.splitlines()), flush=True)
            return None
        print(f'ok {self.n} - {name} ({time.time() - t:.1f} s)', flush=True)
        return r

    def done(self):
        """The plan, and the exit."""
        print(f'1..{self.n}', flush=True)
        sys.exit(1 if self.bad else 0)


def note(text):
    print('# ' + text, flush=True)


def emulator_exists(emu):
    return os.path.exists(emu[0]) or any(os.path.exists(os.path.join(d, emu[0])) for d in os.environ['PATH'].split(':'))
