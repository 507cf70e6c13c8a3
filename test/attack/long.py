#!/usr/bin/python3
"""Random statements of an agent, for a long time; see long.pl.

Input (JSON, standard input): "what" (sqlsmith or mutations), "minutes", "socket",
"port", "database", "role", "superuser", "token", "relay" (a folder to make),
"sql" (mutations: a folder with the SQL of PostgreSQL's own tests), "seed".
Output (JSON): "statements", "allowed", "sqlstates" with counts, "bytes", "found",
"lost" connections, "internal" errors.
"""
import collections
import json
import pathlib
import random
import re
import subprocess
import sys
import threading
import time

import psycopg

import markers

sys.path.append(str(pathlib.Path(__file__).parents[1] / "demo"))
import wiretap  # noqa: E402

CONFIG = json.load(sys.stdin)
CHUNK = 1 << 20
OVERLAP = 4096
ERROR = re.compile(rb"\0C([0-9A-Z]{5})\0M([^\0]*)\0((?:[A-Za-z][^\0]*\0)*)")
# where an error is raised: the server has files of the same names as we have
OURS = {(path.name, function)
        for path in pathlib.Path(__file__).parents[2].glob("src/*/*.c")
        for function in re.findall(r"(?m)^(\w+)\(", path.read_text(encoding="utf-8"))}
DONE = re.compile(rb"C\0\0\0.(?:SELECT|INSERT 0|UPDATE|DELETE|MERGE|COPY) \d+\0", re.S)


class Searching(wiretap.Wiretap):
    """Searches what passes, and keeps none of it."""

    def __init__(self, folder, upstream, searcher):
        self.searcher = searcher
        self.bytes = self.done = 0
        self.found, self.sqlstates, self.internal = {}, collections.Counter(), {}
        self.lock = threading.Lock()
        super().__init__(folder, upstream)

    def _pump(self, source, target, stream):
        search = None if stream is None else Search(self)
        super()._pump(source, target, search)
        if search is not None:
            search.look()

    def surroundings(self, name, data):
        """Halve the data as long as one half shows the marker."""
        while len(data) > 600:
            half = len(data) // 2
            parts = [part for part in (data[:half], data[half:], data[half // 2:half // 2 + half])
                     if name in self.searcher.search(part)]
            if not parts:
                break
            data = parts[0]
        return data.decode(errors="replace")

    def look(self, data, tail):
        """tail: what has been looked at already, before what is new."""
        with self.lock:
            self.bytes += len(data) - tail
            for name in self.searcher.search(data):
                if name not in self.found:
                    self.found[name] = self.surroundings(name, data)
            self.done += sum(1 for _ in DONE.finditer(data, max(tail - 4, 0)))
            for match in ERROR.finditer(data, max(tail - 4, 0)):
                sqlstate, message = match[1].decode(), match[2].decode(errors="replace")
                self.sqlstates[sqlstate] += 1
                place = re.search(rb"(?:^|\0)F([^\0]*)\0L\d+\0R(\w+)", match[3])
                if sqlstate == "XX000" and (place is None or tuple(
                        word.decode() for word in place.groups()) in OURS):
                    self.internal.setdefault(message[:60], message)


class Search:
    """Stands in for the stream that a relay keeps."""

    def __init__(self, tap):
        self.tap, self.data, self.tail = tap, bytearray(), 0

    def __iadd__(self, data):
        self.data += data
        if len(self.data) - self.tail > CHUNK:
            self.look()
        return self

    def look(self):
        self.tap.look(bytes(self.data), self.tail)
        del self.data[:-OVERLAP]
        self.tail = len(self.data)


def connection(**more):
    return psycopg.connect(host=CONFIG["relay"], port=CONFIG["port"], dbname=CONFIG["database"],
                           user=CONFIG["role"], autocommit=True,
                           options=f"-c contauth.token={CONFIG['token']} -c statement_timeout=2s", **more)


def sqlsmith(_tap, until):
    """Until the time is over; it starts anew when a connection was lost."""
    lost = 0
    seed = CONFIG["seed"]
    while time.monotonic() < until:
        target = (f"host={CONFIG['relay']} port={CONFIG['port']} dbname={CONFIG['database']} "
                  f"user={CONFIG['role']} options='-c contauth.token={CONFIG['token']} "
                  "-c statement_timeout=1s'")
        arguments = ["sqlsmith", f"--target={target}", f"--seed={seed}", "--max-queries=20000"]
        if seed % 2:
            arguments.append("--exclude-catalog")
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as smith:
            killer = threading.Timer(until - time.monotonic(), smith.kill)
            killer.start()
            smith.wait()
            killer.cancel()
        # -9: the time was over
        lost += smith.returncode not in (0, -9)
        seed += 1
    return lost


def statements_of(folder):
    """Statements of PostgreSQL's tests, without psql's own and data of COPY."""
    statements = []
    for path in sorted(pathlib.Path(folder).glob("*.sql")):
        text = path.read_text(encoding="utf-8", errors="replace")
        text = re.sub(r"(?m)^\\\.\n|^\\.*$|--.*$", "", text)
        statements += [part.strip() for part in text.split(";") if 8 < len(part.strip()) < 2000]
    return statements


TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|[A-Za-z_][A-Za-z_0-9.]*|\d+(?:\.\d+)?|\s+|.", re.S)
KEYWORDS = set("""select from where join on using group by order having limit offset union all
intersect except insert into values update set delete returning with as not null and or in is
case when then else end cast distinct lateral left right full inner outer cross natural exists
between like create table view function index trigger temp temporary drop alter copy to execute
prepare declare cursor for fetch merge matched do nothing conflict explain analyze over
partition window recursive materialized only default true false array row any some""".split())

TABLE_NEXT = ("from", "join", "into", "update", "table", "only", "using")


class Mutator:
    def __init__(self, relations, columns, functions):
        self.relations, self.columns, self.functions = relations, columns, functions
        self.pool = [TOKEN.findall(s) for s in statements_of(CONFIG["sql"])]
        if not self.pool:
            raise SystemExit("no statements in " + CONFIG["sql"])

    def name(self):
        kind = random.random()
        if kind < 0.45:
            return random.choice(self.columns)
        if kind < 0.85:
            return random.choice(self.relations)
        return random.choice(self.functions)

    def rename(self, tokens):
        """Give a statement about tables of the tests tables that are here."""
        names = {}
        result = []
        last = ""
        for token in tokens:
            if re.match(r"[A-Za-z_]", token) and token.lower() not in KEYWORDS and \
                    random.random() < (0.9 if last.lower() in TABLE_NEXT else 0.3):
                after = last.lower() in TABLE_NEXT
                names.setdefault(token, random.choice(self.relations) if after else self.name())
                token = names[token]
            result.append(token)
            if not token.isspace():
                last = token
        return result

    def mutate(self):
        tokens = self.rename(list(random.choice(self.pool)))
        for _ in range(random.choice((0, 0, 0, 1, 1, 2, 3))):
            at = random.randrange(len(tokens))
            way = random.randrange(6)
            if way == 0:
                del tokens[at]
            elif way == 1:
                tokens.insert(at, random.choice(tokens))
            elif way == 2:
                tokens[at] = self.name()
            elif way == 3:
                other = self.rename(random.choice(self.pool))
                cut = random.randrange(len(other))
                tokens[at:at + random.randrange(8)] = other[cut:cut + random.randrange(12)]
            elif way == 4:
                other = "".join(self.rename(random.choice(self.pool)))
                tokens[at] = f"({other})"
            else:
                tokens[at] = random.choice(("*", "NULL", "0", "-1", "''", "1e300", "ctid", "t.*", "::text"))
            if not tokens:
                tokens = ["SELECT 1"]
        return "".join(tokens)


def mutations(_tap, until):
    with psycopg.connect(host=CONFIG["socket"], port=CONFIG["port"], dbname=CONFIG["database"],
                         user=CONFIG["superuser"]) as conn:
        relations = [r[0] for r in conn.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r','v','m','p','f') "
            "AND relnamespace::regnamespace::text IN ('app', 'own')")]
        columns = [r[0] for r in conn.execute(
            "SELECT DISTINCT quote_ident(attname) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped "
            "AND attrelid::regclass::text LIKE 'app.%'")]
        functions = [r[0] for r in conn.execute(
            "SELECT DISTINCT oid::regproc::text FROM pg_proc WHERE pronamespace::regnamespace::text "
            "IN ('app', 'own', 'contauth') OR oid::regproc::text ~ '^(query_to|table_to|to_json|array_agg|row_to|string_agg|ts_|pg_get)'")]
    mutator = Mutator(relations, columns, functions)
    statements = lost = 0
    random.seed(CONFIG["seed"])
    conn = None
    while time.monotonic() < until:
        if conn is None or statements % 500 == 0:
            if conn is not None:
                conn.close()
            conn = connection()
        statements += 1
        sql = mutator.mutate()
        try:
            # extended protocol half of the time; COPY would wait for us
            cursor = conn.cursor(binary=random.random() < 0.2)
            cursor.execute(sql.encode(errors="replace"), prepare=random.random() < 0.3 or None)
        except psycopg.Error:
            pass
        except (ValueError, UnicodeError, TypeError):
            pass
        if conn.closed or conn.broken:
            # a FATAL that was asked for, or a crash: then the server's log tells
            try:
                conn = connection()
            except psycopg.Error:
                lost += 1
                time.sleep(2)
                conn = None
        elif conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE and \
                random.random() < 0.3:
            try:
                conn.execute("ROLLBACK")
            except psycopg.Error:
                conn = None
    return lost


def searcher():
    with psycopg.connect(host=CONFIG["socket"], port=CONFIG["port"], dbname=CONFIG["database"],
                         user=CONFIG["superuser"]) as conn:
        return markers.Searcher(
            [row[0] for row in conn.execute("SELECT value FROM attack.hidden_value")],
            [row[0] for row in conn.execute("SELECT value FROM attack.hidden_number")],
            [row[0] for row in conn.execute("SELECT key FROM contauth.secret")])


def main():
    wiretap.SOCKET_NAME = f".s.PGSQL.{CONFIG['port']}"
    tap = Searching(CONFIG["relay"], CONFIG["socket"], searcher())
    until = time.monotonic() + CONFIG["minutes"] * 60
    lost = {"sqlsmith": sqlsmith, "mutations": mutations}[CONFIG["what"]](tap, until)
    time.sleep(1)
    print(json.dumps({"statements": tap.done + sum(tap.sqlstates.values()), "allowed": tap.done,
                      "lost": lost, "bytes": tap.bytes, "sqlstates": tap.sqlstates,
                      "found": [f"{n}: {t}" for n, t in tap.found.items()],
                      "internal": list(tap.internal.values())}))


main()
