"""What an agent can send that no driver would.

Input (JSON, standard input): "socket" and "port" of the server, "role",
"token_a" and "token_b".  Output: one JSON object a line, {"ok", "title",
"diag"}, a test each.
"""
import json
import re
import socket
import struct
import sys

CONFIG = json.load(sys.stdin)
A, B = CONFIG["token_a"].encode(), CONFIG["token_b"].encode()
READ = b"SELECT tenant FROM app.customer"


def ok(passed, title, diag=""):
    print(json.dumps({"ok": bool(passed), "title": title, "diag": repr(diag)}), flush=True)


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def parse(sql):
    return message(b"P", b"\0" + sql + b"\0\0\0")


def bind(*values):
    # the portal has a name, so that a simple query does not drop it
    return message(b"B", b"portal\0\0\0\0" + struct.pack("!H", len(values)) +
                   b"".join(struct.pack("!I", len(v)) + v for v in values) + b"\0\0")


def execute(rows):
    return message(b"E", b"portal\0" + struct.pack("!I", rows))


SYNC = message(b"S", b"")


class Answer:
    """Data rows and the SQLSTATE of an error, until the server is ready."""

    def __init__(self):
        self.rows, self.sqlstate, self.ended = [], "00000", False


class Wire:
    """A session that is spoken to in messages."""

    def __init__(self, **parameters):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(f"{CONFIG['socket']}/.s.PGSQL.{CONFIG['port']}")
        self.buffer = b""
        body = struct.pack("!I", 196608)
        for name, value in {"user": CONFIG["role"].encode(), "database": b"postgres",
                            **parameters}.items():
            body += name.encode() + b"\0" + value + b"\0"
        self.sock.sendall(struct.pack("!I", len(body) + 5) + body + b"\0")
        self.greeting = self.answer()

    def next_message(self):
        while len(self.buffer) < 5 or len(self.buffer) <= struct.unpack("!I", self.buffer[1:5])[0]:
            try:
                data = self.sock.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return None, b""
            self.buffer += data
        end = struct.unpack("!I", self.buffer[1:5])[0] + 1
        kind, body, self.buffer = self.buffer[:1], self.buffer[5:end], self.buffer[end:]
        return kind, body

    def answer(self):
        answer = Answer()
        while True:
            kind, body = self.next_message()
            if kind == b"D":
                answer.rows.append(body)
            elif kind == b"E":
                answer.sqlstate = re.search(rb"\0C(.....)\0", b"\0" + body).group(1).decode()
            elif kind is None or kind == b"Z":
                answer.ended = kind is None
                return answer

    def send(self, *messages):
        self.sock.sendall(b"".join(messages))
        return self.answer()

    def query(self, sql):
        return self.send(message(b"Q", sql + b"\0"))


def refused(answer, expected, title):
    ok(answer.sqlstate == expected and not answer.rows, title, (answer.sqlstate, answer.rows))


def portals():
    """A portal goes on under another identity, or under none."""
    for title, sql in (("SELECT", b"SELECT id, name FROM app.customer"),
                       ("RETURNING", b"UPDATE app.ticket SET body = body RETURNING id, body"),
                       ("WITH", b"WITH w AS (UPDATE app.ticket SET body = body RETURNING body)"
                                b" SELECT * FROM w")):
        for name, other in (("another identity", B), ("none", b"")):
            wire = Wire()
            wire.query(b"BEGIN; SET LOCAL contauth.token = '" + A + b"'")
            first = wire.send(parse(sql), bind(), execute(1), SYNC)
            ok(len(first.rows) == 1, f"{title}: a portal gives one row", first.sqlstate)
            wire.query(b"SET LOCAL contauth.token = '" + other + b"'")
            rest = wire.send(execute(0), SYNC)
            if title == "SELECT":
                refused(rest, "28000", f"{title}: it does not go on under {name}")
            else:
                # the server has run a write to its end, as the one it was, and
                # hands out what that returned: README, Limits
                ok(not any(b"GLOBEX" in row for row in rest.rows),
                   f"{title}: what it returned is that of its own identity", rest.rows)


def bound_before():
    """Bound while there is an identity, executed when there is none."""
    wire = Wire()
    wire.query(b"BEGIN; SET LOCAL contauth.token = '" + A + b"'")
    wire.send(parse(READ), bind(), SYNC)
    wire.query(b"SET LOCAL contauth.token = ''")
    refused(wire.send(execute(0), SYNC), "28000", "a portal that was bound under an identity")
    wire.query(b"ROLLBACK")
    refused(wire.send(parse(READ), bind(), execute(0), SYNC), "28000", "one without")
    wire.query(b"ROLLBACK")


def bytes_in_tokens():
    """Bytes that are no text, in what presents an identity."""
    call = b"SELECT contauth.authenticate($1)"
    wire = Wire()
    for title, value, expected in (
            ("NUL", A + b"\0", ("22021",)), ("NUL first", b"\0" + A, ("22021",)),
            ("invalid UTF-8", A + b"\xff", ("22021", "28000")),
            ("overlong UTF-8", b"\xc0\xaf" + A, ("22021", "28000")),
            ("1 MB", b"e" * 1048576, ("28000",)),
            ("1 MB of parts", b"e.e.e" + b"A" * 1048576, ("28000",)),
            ("line ends", A + b"\r\n", ("28000",)), ("two tokens", A + b" " + A, ("28000",)),
            ("a comma", A + b"," + A, ("28000",)), ("nothing", b"", ("28000",))):
        answer = wire.send(parse(call), bind(value), execute(0), SYNC)
        ok(answer.sqlstate in expected and not answer.rows, f"a token with {title}",
           answer.sqlstate)
        refused(wire.query(READ), "28000", f"a token with {title} gives nothing")
    wire.query(b"SET client_encoding = 'LATIN1'")
    refused(wire.send(parse(call), bind(A + b"\xe9"), execute(0), SYNC), "28000",
            "a token in LATIN1")
    wire.query(b"SET client_encoding = 'SQL_ASCII'")
    refused(wire.query(b"SET contauth.token = '" + A[:-1] + b"\xc3'"), "22021",
            "a token cut in half a character")
    refused(wire.query(READ), "28000", "still nothing")


def startup():
    """The startup packet is not checked for its encoding."""
    for title, value in (("invalid UTF-8", A + b"\xff"), ("a digest", b"sha256:" + b"0" * 64),
                         ("9 kB", b"a" * 9000)):
        wire = Wire(options=b"-c contauth.token=" + value)
        ok(wire.greeting.sqlstate == "28000" and wire.greeting.ended,
           f"a connection whose token is {title}", wire.greeting.sqlstate)
    wire = Wire(**{"contauth.token": A, "contauth.mode": b"off"})
    ok(wire.greeting.ended, "a connection with a setting of the superuser", wire.greeting.sqlstate)
    for value in (b"\xff\xfe", b"caf\xe9", b"\xed\xa0\x80"):
        wire = Wire(**{"contauth.token": A, "contauth.purpose": value})
        if wire.greeting.ended:
            ok(True, f"a purpose {value!r} is refused")
            continue
        answer = wire.query(b"SELECT contauth.whoami()")
        try:
            b"".join(answer.rows).decode()
            ok(len(answer.rows) == 1, f"with purpose {value!r} whoami() answers", answer.sqlstate)
        except UnicodeDecodeError as error:
            ok(False, f"with purpose {value!r} whoami() answers valid text", error)


def fast_path():
    """A function call of the protocol: set_config() has OID 2078."""
    wire = Wire(**{"contauth.token": A})
    arguments = [b"contauth.mode", b"off", b"f"]
    answer = wire.send(message(
        b"F", struct.pack("!IHH", 2078, 0, 3) +
        b"".join(struct.pack("!I", len(v)) + v for v in arguments) + b"\0\0"))
    ok(answer.sqlstate == "42501", "set_config() by the fast path", answer.sqlstate)
    ok(len(wire.query(READ).rows) == 5, "and nothing has changed")


for suite in (portals, bound_before, bytes_in_tokens, startup, fast_path):
    suite()
