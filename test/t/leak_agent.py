"""Runs statements as an agent and searches every byte that it receives.

Input (JSON, standard input): socket folder and port of the server, a folder
for the relay, the agent's role and token, the ungoverned role, the markers
and the raw values that must not be seen, and the shapes: a list of
[title, expected, statement], expected being "allow", "deny" or "any".

Output: one JSON object a line, {"shape", "protocol", "outcome", "leaks"}.
The statements run through a relay (test/demo/wiretap.py), so that what a
driver hides is judged, too.  Protocol "control" is the ungoverned role.
"""
import base64
import hashlib
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "demo"))
import psycopg  # noqa: E402
import wiretap  # noqa: E402


def base64_cores(text):
    """What base64 shows of text at each of the three alignments."""
    for pad in range(3):
        coded = base64.b64encode(b"x" * pad + text).rstrip(b"=")
        # the first and the last characters also depend on the neighbours
        yield coded[2 if pad else 0:-2]


def forms(config):
    """Every form of what is searched: {bytes in lower case or exact: name}."""
    found = {}
    for marker in config["markers"]:
        raw = marker.encode()
        for text in (raw, raw.lower(), raw.upper()):
            found[text] = marker
            found[text[::-1]] = f"{marker} reversed"
            found[text.hex().encode()] = f"{marker} in hex"
            found["".join(f"\\u{c:04x}" for c in text).encode()] = f"{marker} in \\u"
            for core in base64_cores(text):
                found[core] = f"{marker} in base64"
    for value in config["values"]:
        for name in ("md5", "sha256"):
            digest = hashlib.new(name, value.encode())
            found[digest.digest()] = f"{value} in {name}"
            found[digest.hexdigest().encode()] = f"{value} in {name}"
    return found


class Agent:
    """Statements of one role through the relay, and what came back."""

    def __init__(self, config, tap, role, token):
        self.tap = tap
        self.searched = forms(config)
        self.dsn = (f"host={tap.folder} port={config['port']} dbname=postgres "
                    f"user={role} options='-c client_min_messages=debug1"
                    + (f" -c contauth.token={token}'" if token else "'"))

    def received(self):
        return sum(len(stream) for stream in self.tap.captured())

    def leaks(self, before):
        """Names of what the bytes since before hold."""
        everything = b"".join(stream[start:] for stream, start in
                              zip(self.tap.captured(), before + [0] * 1000))
        # base64 output is broken into lines of 76
        joined = everything.replace(b"\n", b"")
        return sorted({name for form, name in self.searched.items()
                       if form in everything or form in joined})

    def run(self, work):
        """Outcome of work(), and what was leaked meanwhile."""
        before = [len(stream) for stream in self.tap.captured()]
        try:
            work()
            outcome = "00000"
        except psycopg.Error as error:
            outcome = error.sqlstate or "?????"
        except ChildProcessError as error:
            outcome = str(error)
        return outcome, self.leaks(before)

    def psql(self, sql):
        """The simple protocol, with psql."""
        done = subprocess.run(
            ["psql", "-XAtq", "-d", self.dsn, "-v", "VERBOSITY=sqlstate", "-v",
             "ON_ERROR_STOP=1", "-c", "BEGIN", "-c", sql, "-c", "ROLLBACK"],
            capture_output=True, text=True, errors="replace")
        if done.returncode != 0:
            raise ChildProcessError(done.stderr.strip().split()[-1])

    def protocols(self):
        """Name and function of every protocol, a connection each."""
        conn = psycopg.connect(self.dsn)
        yield "psql", self.psql
        yield "extended binary", lambda sql: self.fetch(conn, sql, binary=True)
        yield "prepared", lambda sql: self.prepared(conn, sql)
        yield "pipeline", lambda sql: self.pipeline(conn, sql)
        yield "cursor", lambda sql: self.cursor(conn, sql, False)
        yield "binary cursor", lambda sql: self.cursor(conn, sql, True)

    @staticmethod
    def read(cursor):
        if cursor.description:
            cursor.fetchall()

    def fetch(self, conn, sql, **options):
        try:
            if sql.startswith("COPY"):
                with conn.cursor().copy(sql) as copy:
                    for _ in copy:
                        pass
            else:
                self.read(conn.execute(sql, **options))
        finally:
            conn.rollback()

    def prepared(self, conn, sql):
        """A named statement; the second time its generic plan."""
        try:
            for mode in ("auto", "force_generic_plan"):
                conn.execute(f"SET LOCAL plan_cache_mode = {mode}")
                self.read(conn.execute(sql, prepare=True, binary=True))
        finally:
            conn.rollback()

    def pipeline(self, conn, sql):
        try:
            with conn.pipeline():
                first = conn.execute("SELECT 1")
                second = conn.execute(sql, binary=True)
                self.read(first)
                self.read(second)
        finally:
            conn.rollback()

    def cursor(self, conn, sql, binary):
        """A cursor in the server, row by row."""
        try:
            with conn.cursor(name="c") as cursor:
                cursor.execute(sql, binary=binary)
                while cursor.fetchmany(1):
                    pass
        finally:
            conn.rollback()


def applies(protocol, sql):
    """COPY ends a pipeline and cannot be prepared; cursors are for queries."""
    if sql.startswith("COPY"):
        return protocol in ("psql", "extended binary")
    if ";" in sql:
        return protocol == "psql"
    if "cursor" in protocol:
        return sql.startswith(("SELECT", "WITH", "TABLE"))
    return True


def report(shape, protocol, outcome, leaks):
    print(json.dumps({"shape": shape, "protocol": protocol,
                      "outcome": outcome, "leaks": leaks}))


def main():
    config = json.load(sys.stdin)
    wiretap.SOCKET_NAME = f".s.PGSQL.{config['port']}"
    tap = wiretap.Wiretap(config["relay"], config["socket"])
    agent = Agent(config, tap, config["role"], config["token"])
    control = Agent(config, tap, config["human"], None)
    protocols = list(agent.protocols())
    for title, _, sql in config["shapes"]:
        for protocol, execute in protocols:
            if applies(protocol, sql):
                report(title, protocol, *agent.run(lambda: execute(sql)))
        report(title, "control", *control.run(lambda: control.psql(sql)))


main()
