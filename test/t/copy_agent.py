"""An agent that copies rows in, for as long as the server lets it.

Input (JSON, one line of standard input): the socket's path, role, token, table, and
whether it goes on sending rows; otherwise it stays silent after the first ones.

Output: "ready" when rows have been sent, then the SQLSTATE of the answer, or "lost".
"""
import json
import select
import socket
import struct
import sys

ROWS = b"1\tx\n" * 100


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


class Server:
    """A connection in the protocol's version 3."""

    def __init__(self, path, role, token):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.data = b""
        startup = struct.pack("!i", 196608) + b"".join(
            text.encode() + b"\0" for text in
            ("user", role, "database", "postgres", "options", f"-c contauth.token={token}", ""))
        self.socket.sendall(struct.pack("!i", len(startup) + 4) + startup)
        self.wait_for(b"Z")

    def take(self):
        """The next message that has come, or None."""
        if len(self.data) < 5:
            return None
        size = struct.unpack("!i", self.data[1:5])[0] + 1
        if len(self.data) < size:
            return None
        found, self.data = self.data[:size], self.data[size:]
        return found[:1], found[5:]

    def read(self):
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError
        self.data += more

    def wait_for(self, kind):
        while True:
            got = self.take()
            if got is None:
                self.read()
            elif got[0] == kind:
                return
            elif got[0] == b"E":
                raise SystemExit(f"refused: {got[1]!r}")

    def error(self):
        """SQLSTATE of an error that has come, or None."""
        while (got := self.take()) is not None:
            if got[0] == b"E":
                return next(field[1:].decode() for field in got[1].split(b"\0") if field[:1] == b"C")
        return None


def main():
    path, role, token, table, goes_on = json.loads(sys.stdin.readline())
    server = Server(path, role, token)
    server.socket.sendall(message(b"Q", f"COPY {table} FROM STDIN\0".encode()))
    server.wait_for(b"G")
    server.socket.sendall(message(b"d", ROWS))
    print("ready", flush=True)
    try:
        while (sqlstate := server.error()) is None:
            if select.select([server.socket], [], [], 0.005)[0]:
                server.read()
            elif goes_on:
                server.socket.sendall(message(b"d", ROWS))
        print(sqlstate)
    except (BrokenPipeError, ConnectionError):
        print("lost")


main()
