# SPDX-License-Identifier: MIT
"""A client of GDB's remote protocol, for tests that want to see each packet.

    g = Remote('/tmp/gdb.sock'); g.ask('qSupported:swbreak+'); g.registers()['rip']
"""
import os
import socket
import time
import xml.etree.ElementTree as ElementTree

SLOW = float(os.environ.get('RAMJET_SLOW') or 1)


class Remote:
    def __init__(self, path, hello=True, timeout=30):
        self.timeout = timeout * SLOW
        end = time.time() + self.timeout
        while True:
            self.s = socket.socket(socket.AF_UNIX)
            self.s.settimeout(self.timeout)
            self.buf, self.rows = b'', None
            try:
                self.s.connect(path)
                if hello:
                    self.supported = self.ask('qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+')
                break
            except (OSError, EOFError): # not there yet, or the client before is not gone yet
                self.s.close()
                if time.time() > end:
                    raise
                time.sleep(0.02)
        if hello:
            assert self.ask('QStartNoAckMode') == 'OK'

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.s.close()

    # ---- packets

    @staticmethod
    def frame(data):
        data = data.encode('latin1') if isinstance(data, str) else data
        return b'$' + data + b'#%02x' % (sum(data) & 255)

    def send(self, data):
        self.s.sendall(self.frame(data))

    def more(self):
        d = self.s.recv(65536)
        if not d:
            raise EOFError('the stub has closed the connection')
        self.buf += d

    def receive(self):
        """The next packet's bytes; acknowledgements are skipped."""
        while True:
            self.buf = self.buf.lstrip(b'+-')
            if self.buf:
                assert self.buf[:1] == b'$', f'bytes outside of packets: {self.buf[:60]!r}'
                end = self.buf.find(b'#')
                if 0 <= end <= len(self.buf) - 3:
                    data, self.buf = self.buf[1:end], self.buf[end + 3:]
                    return data
            self.more()

    def ask(self, data):
        self.send(data)
        return self.receive().decode('latin1')

    def ok(self, data):
        got = self.ask(data)
        assert got == 'OK', f'{data[:80]!r}: {got!r}'

    def quiet(self, seconds=0.15):
        """Nothing comes for a while."""
        self.s.settimeout(seconds)
        try:
            self.more()
        except socket.timeout:
            pass
        finally:
            self.s.settimeout(self.timeout)
        assert not self.buf.lstrip(b'+'), f'unexpected: {self.buf!r}'

    # ---- what packets mean

    def description(self):
        text = ''
        while True:
            r = self.ask('qXfer:features:read:target.xml:%x,%x' % (len(text), 0x3f0))
            text += r[1:]
            if r[0] == 'l':
                return text

    def layout(self):
        """[(name, bytes)] in the order of the g packet."""
        if not self.rows:
            rows = [(int(r.get('regnum')), r.get('name'), int(r.get('bitsize')) // 8)
                    for r in ElementTree.fromstring(self.description()).iter('reg')]
            assert [r[0] for r in rows] == list(range(len(rows)))
            self.rows = [r[1:] for r in rows]
        return self.rows

    def registers(self):
        raw = bytes.fromhex(self.ask('g'))
        out, at = {}, 0
        for name, size in self.layout():
            out[name] = int.from_bytes(raw[at:at + size], 'little')
            at += size
        assert at == len(raw), (at, len(raw))
        return out

    def number(self, name):
        return [r[0] for r in self.layout()].index(name)

    def get(self, name):
        return int.from_bytes(bytes.fromhex(self.ask('p%x' % self.number(name))), 'little')

    def put(self, name, value):
        n = self.number(name)
        return self.ask('P%x=' % n + value.to_bytes(self.layout()[n][1], 'little').hex())

    def read(self, address, size):
        r = self.ask('m%x,%x' % (address, size))
        assert len(r) == 2 * size, f'm {address:#x}: {r[:40]!r}'
        return bytes.fromhex(r)

    def word(self, address):
        return int.from_bytes(self.read(address, 8), 'little')

    def write(self, address, data):
        self.ok('M%x,%x:' % (address, len(data)) + data.hex())

    def monitor(self, line):
        self.send('qRcmd,' + line.encode().hex())
        text = b''
        while True:
            r = self.receive()
            if r[:1] != b'O' or r == b'OK':
                assert r == b'OK', r
                return text.decode()
            text += bytes.fromhex(r[1:].decode())

    def go(self, how='c'):
        """Resume; the stop reply as {'signal': 5, 'thread': 1, ...} (W and X: {'exit': status} or {'killed': signal})."""
        self.send(how)
        return self.stopped()

    def stopped(self):
        r = self.receive().decode()
        if r[0] in 'WX':
            return {'exit' if r[0] == 'W' else 'killed': int(r[1:], 16)}
        assert r[0] == 'T', r
        out = {'signal': int(r[1:3], 16)}
        for field in r[3:].rstrip(';').split(';'):
            k, v = field.split(':')
            out[k] = int(v, 16) if v else True
        return out

    def step(self, how='vCont;s:1'):
        r = self.go(how)
        assert r['signal'] == 5, r
        return r

    def interrupt(self):
        self.s.sendall(b'\x03')
        return self.stopped()
