"""Measures how long after the commit of a revocation the last row leaves.

    stop.py SOCKET TOKEN_FILE AGENT TRIALS BACKENDS [STANDBY_SOCKET]

In each trial all backends run, the agent is revoked, and taken back when all have ended.
Two ends are told, both from the commit as the server's clock has it
(track_commit_timestamp): the last row, by the clock_timestamp() that it carries, and the
error, by its receipt here.  Bytes are not looked at but for the last kilobytes, so that
the client does not hold the server up.
"""
import pathlib
import re
import selectors
import socket
import struct
import sys
import time

ROWS = "SELECT extract(epoch FROM clock_timestamp())::text FROM bench.big AS a, bench.big AS b"
NAP = "SELECT pg_sleep(600)"
COUNT = "SELECT count(*) FROM bench.big AS a, bench.big AS b, bench.big AS c WHERE a.id + b.id + c.id < 0"
STAMP = re.compile(rb"D\x00\x00\x00.\x00\x01\x00\x00\x00.(\d{10}\.\d{1,6})", re.S)
TAIL = 8192


def message(kind, body=b""):
    return kind + struct.pack("!I", len(body) + 4) + body


class Backend:
    """A connection that is asked for one thing at a time."""

    def __init__(self, path, **parameters):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        body = struct.pack("!I", 196608)
        for name, value in parameters.items():
            body += name.encode() + b"\0" + value.encode() + b"\0"
        self.socket.sendall(struct.pack("!I", len(body) + 5) + body + b"\0")
        self.tail = b""
        self.wait()

    def send(self, sql):
        self.tail = b""
        self.socket.sendall(message(b"Q", sql.encode() + b"\0"))

    def take(self):
        """Read what is there; true at the end of the answer."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise SystemExit("a connection was lost")
        self.tail = (self.tail + data)[-TAIL:]
        return re.search(rb"Z\x00\x00\x00\x05[ITE]$", self.tail) is not None

    def wait(self):
        while not self.take():
            pass

    def query(self, sql):
        self.send(sql)
        self.wait()
        if b"SERROR\0" in self.tail:
            raise SystemExit(f"{sql}: {self.tail!r}")
        found = re.search(rb"D\x00\x00..\x00\x01\x00\x00..([^\x00]*)C\x00", self.tail, re.S)
        return found.group(1).decode() if found else None


def trial(admin, there, backends, sql, agent):
    """Milliseconds from the commit to each backend's last row, and to its error."""
    selector = selectors.DefaultSelector()
    for backend in backends:
        selector.register(backend.socket, selectors.EVENT_READ, backend)
        backend.send(sql)
    begin = time.time()
    working = len(backends)
    committed = asked = False
    ends = {}
    selector.register(admin.socket, selectors.EVENT_READ, admin)
    while working > 0 or not committed:
        if not asked and time.time() - begin > 0.15:
            admin.send(f"SELECT contauth.revoke('agent', '{agent}', 'bench')")
            asked = True
        for key, _ in selector.select(0.02):
            if not key.data.take():
                continue
            if key.data is admin:
                committed = True
            else:
                ends[key.data] = time.time()
                working -= 1
    selector.close()
    commit = float(admin.query("SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin))::text"
                               " FROM contauth.revocation"))
    rows, errors = [], []
    for backend, end in ends.items():
        # on a busy machine some have not begun yet: there is nothing to stop
        if b"C28000\0" in backend.tail:
            continue
        if b"CZA004\0" not in backend.tail:
            raise SystemExit(f"not stopped: {backend.tail[-300:]!r}")
        stamps = STAMP.findall(backend.tail)
        if stamps:
            rows.append((float(stamps[-1]) - commit) * 1000)
        errors.append((end - commit) * 1000)
    admin.query(f"SELECT contauth.unrevoke('agent', '{agent}', 'bench')")
    while there.query("SELECT count(*) FROM contauth.revocation") != "0":
        time.sleep(0.01)
    return rows, errors


def tell(title, values):
    values.sort()
    if values:
        print(f"{title:42} n {len(values):6}  p50 {values[len(values) // 2]:7.1f} ms"
              f"  p99 {values[int(len(values) * 0.99)]:7.1f} ms  max {values[-1]:7.1f} ms", flush=True)


def measure(title, admin, there, backends, sql, agent, trials):
    rows, errors = [], []
    for _ in range(trials):
        more_rows, more_errors = trial(admin, there, backends, sql, agent)
        rows += more_rows
        errors += more_errors
        time.sleep(0.05)
    tell(title + ", last row", rows)
    tell(title + ", error", errors)


def main():
    path, token_file, agent, trials, count = sys.argv[1:6]
    token = pathlib.Path(token_file).read_text(encoding="ascii").split()[0]
    admin = Backend(path + "/.s.PGSQL.5432", user="postgres", database="postgres")
    for where, at in zip(("", "standby: "), [path] + sys.argv[6:]):
        there = Backend(at + "/.s.PGSQL.5432", user="postgres", database="postgres")
        backends = []
        for _ in range(int(count)):
            backends.append(Backend(at + "/.s.PGSQL.5432", user="bench_stop", database="postgres"))
            backends[-1].query(f"SET contauth.token = '{token}'")
        for title, sql in (("rows", ROWS), ("pg_sleep()", NAP), ("aggregate", COUNT)):
            measure(where + title, admin, there, backends, sql, agent, int(trials))
        for backend in backends:
            backend.socket.close()


main()
