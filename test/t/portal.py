"""Portals of the extended protocol, as no driver for psql makes them.

Input: the socket's path, role and token on the first line of standard input
(JSON); after the line "ready" on standard output, any further line.  Before
"ready" portals are made, and one is run to its second row; after the next line
of input all of them go on.

Output: one JSON array a line: title, number of rows, and how it ended
(command tag, "suspended", or SQLSTATE).
"""
import json
import socket
import struct
import sys

QUERY = b"SELECT id FROM app.customer ORDER BY id"


class Server:
    """A connection in the protocol's version 3."""

    def __init__(self, path, role, token=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        startup = struct.pack("!i", 196608) + b"".join(
            text.encode() + b"\0" for text in
            ("user", role, "database", "postgres", "options",
             f"-c contauth.token={token}" if token else "", ""))
        self.socket.sendall(struct.pack("!i", len(startup) + 4) + startup)
        self.answer()

    def exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError("the server is gone")
            data += more
        return data

    def answer(self):
        """Rows and end of what was sent, up to ReadyForQuery."""
        rows, end = 0, None
        while True:
            kind = self.exactly(1)
            body = self.exactly(struct.unpack("!i", self.exactly(4))[0] - 4)
            if kind == b"D":
                rows += 1
            elif kind == b"C":
                end = body[:-1].decode()
            elif kind == b"s":
                end = "suspended"
            elif kind == b"E":
                end = next(field[1:].decode() for field in body.split(b"\0")
                           if field[:1] == b"C")
            elif kind == b"Z":
                return rows, end

    def send(self, *messages):
        self.socket.sendall(b"".join(
            kind + struct.pack("!i", len(body) + 4) + body for kind, body in messages))
        return self.answer()

    def query(self, sql):
        return self.send((b"Q", sql + b"\0"))

    def run(self, *messages):
        return self.send(*messages, (b"S", b""))


def parse(name, sql):
    return b"P", name + b"\0" + sql + b"\0" + struct.pack("!h", 0)


def bind(portal, statement):
    return b"B", portal + b"\0" + statement + b"\0" + struct.pack("!hhh", 0, 0, 0)


def execute(portal, rows):
    return b"E", portal + b"\0" + struct.pack("!i", rows)


def report(title, answer):
    print(json.dumps([title, *answer]), flush=True)


def main():
    server = Server(*json.loads(sys.stdin.readline()))
    server.query(b"BEGIN")
    report("first rows", server.run(
        parse(b"s", QUERY), bind(b"begun", b"s"), execute(b"begun", 2)))
    report("all rows", server.run(bind(b"done", b"s"), execute(b"done", 0)))
    server.run(bind(b"bound", b"s"))
    server.query(b"SAVEPOINT s")
    server.run(bind(b"", b"s"))
    print("ready", flush=True)
    sys.stdin.readline()

    for title, messages in (
            ("portal without a name", [execute(b"", 0)]),
            ("portal begun before", [execute(b"begun", 2)]),
            ("portal bound before", [execute(b"bound", 0)]),
            ("statement parsed before", [bind(b"", b"s"), execute(b"", 0)]),
            ("statement parsed after", [parse(b"", QUERY), bind(b"", b""), execute(b"", 0)])):
        report(title, server.run(*messages))
        server.query(b"ROLLBACK TO s")
    report("close", server.run((b"C", b"Pbegun\0")))
    report("commit", server.query(b"COMMIT"))


if __name__ == '__main__':
    main()
