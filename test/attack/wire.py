"""A PostgreSQL client that speaks in messages and keeps every byte it is sent.

It decodes only what a test has to judge: SQLSTATEs, text rows, the end of an
answer.  What has leaked is judged on the bytes themselves.
"""
import socket
import struct

TIMEOUT = 20


class Lost(Exception):
    """The server has closed the connection."""


class Answer:
    """What one statement brought: first SQLSTATE, rows of text or binary."""

    def __init__(self):
        self.sqlstate = "00000"
        self.message = ""
        self.rows = []


def message(kind, body=b""):
    return kind + struct.pack("!I", len(body) + 4) + body


def text(value):
    return value.encode() + b"\0"


class Session:
    """One connection.  All that was received is in ``received``."""

    def __init__(self, path, **parameters):
        self.received = bytearray()
        self.sqlstates = []
        self.copy_data = b""
        self._buffer = b""
        self._in_sync = False
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(path)
        body = struct.pack("!I", 196608)
        for name, value in parameters.items():
            body += text(name) + text(value)
        self._send(struct.pack("!I", len(body) + 5) + body + b"\0")
        self.greeting = self._answer()

    def close(self):
        try:
            self._send(message(b"X"))
            while data := self._socket.recv(65536):
                self.received += data
        except OSError:
            pass
        self._socket.close()

    # --- ways to run a statement -----------------------------------------

    def simple(self, sql):
        self._send(message(b"Q", text(sql)))
        return self._answer()

    def extended(self, sql, binary=True, times=1):
        """Parse once, bind and run it, with results in binary."""
        self._send(self._parse("", sql) + b"".join(
            self._bind("", "", binary) + self._describe("") + self._execute("", 0)
            for _ in range(times)) + message(b"S"))
        return self._answer()

    def prepared(self, sql):
        """A named statement, often enough for a generic plan."""
        self._send(self._parse("s", sql) + b"".join(
            self._bind("", "s", False) + self._execute("", 0) for _ in range(7)) +
            message(b"C", b"Ss\0") + message(b"S"))
        return self._answer()

    def portal(self, sql):
        """A named portal that is asked for one row at a time."""
        self._send(self._parse("", sql) + self._bind("p", "", True) + self._describe("p") +
                   self._execute("p", 1) * 60 + message(b"C", b"Pp\0") + message(b"S"))
        return self._answer()

    def pipeline(self, statements):
        """All of them before the first answer is read."""
        self._send(b"".join(self._parse("", sql) + self._bind("", "", True) +
                            self._describe("") + self._execute("", 0)
                            for sql in statements) + message(b"S"))
        return self._answer()

    def call(self, oid, arguments):
        """A fast-path function call, arguments and result in text."""
        body = struct.pack("!IHH", oid, 0, len(arguments))
        for argument in arguments:
            body += struct.pack("!I", len(argument)) + argument.encode()
        self._send(message(b"F", body + struct.pack("!H", 0)))
        return self._answer()

    # --- messages ----------------------------------------------------------

    @staticmethod
    def _parse(name, sql):
        return message(b"P", text(name) + text(sql) + struct.pack("!H", 0))

    @staticmethod
    def _bind(portal, statement, binary):
        return message(b"B", text(portal) + text(statement) +
                       struct.pack("!HHHH", 0, 0, 1, 1 if binary else 0))

    @staticmethod
    def _describe(portal):
        return message(b"D", b"P" + text(portal))

    @staticmethod
    def _execute(portal, rows):
        return message(b"E", text(portal) + struct.pack("!I", rows))

    def _send(self, data):
        self._in_sync = data.endswith(message(b"S"))
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Lost(str(error)) from error

    def _receive(self):
        try:
            data = self._socket.recv(65536)
        except ConnectionError as error:
            raise Lost(str(error)) from error
        if not data:
            raise Lost("closed")
        self.received += data
        self._buffer += data

    def _message(self):
        while len(self._buffer) < 5 or \
                len(self._buffer) <= struct.unpack("!I", self._buffer[1:5])[0]:
            self._receive()
        end = struct.unpack("!I", self._buffer[1:5])[0] + 1
        kind, body, self._buffer = self._buffer[:1], self._buffer[5:end], self._buffer[end:]
        return kind, body

    def _answer(self):
        """Everything until the server is ready again."""
        answer = Answer()
        while True:
            kind, body = self._message()
            if kind in (b"E", b"N"):
                self._report(answer, kind, body)
            elif kind == b"D":
                answer.rows.append(self._row(body))
            elif kind == b"G":
                # the Sync that was sent before is lost in the copy
                self._send(message(b"d", self.copy_data) + message(b"c") +
                           (message(b"S") if self._in_sync else b""))
            elif kind == b"W":
                self._send(message(b"c"))
            elif kind == b"d":
                answer.rows.append([body.rstrip(b"\n")])
            elif kind == b"Z":
                return answer

    def _report(self, answer, kind, body):
        fields = {field[:1]: field[1:].decode(errors="replace")
                  for field in body.split(b"\0") if field}
        self.sqlstates.append(fields.get(b"C", "?????"))
        if kind == b"E" and answer.sqlstate == "00000":
            answer.sqlstate = fields.get(b"C", "?????")
            answer.message = fields.get(b"M", "")
            if fields.get(b"V", fields.get(b"S")) == "FATAL":
                raise Lost(f"FATAL {answer.sqlstate} {answer.message}")

    @staticmethod
    def _row(body):
        values, at = [], 2
        for _ in range(struct.unpack("!H", body[:2])[0]):
            length = struct.unpack("!i", body[at:at + 4])[0]
            at += 4
            values.append(None if length < 0 else body[at:at + length])
            at += max(length, 0)
        return values
