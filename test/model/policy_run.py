#!/usr/bin/python3
"""Compare the server with the model on random policies and requests.

Called by test/t/016_policies.pl with a JSON object on standard input: socket,
port, superuser, seed, pairs, workers.  Prints one with counts and the first
differences, each shrunk to the policies that it needs.

Each worker has a database of its own.  With the same seed, pairs and workers a
run is the same again.
"""
import json
import multiprocessing
import random
import re
import sys
import time
from collections import Counter

import psycopg
from psycopg.rows import tuple_row

from policy_answer import Asked, sort
from policy_make import random_request, random_set
from policy_model import FLAWS, Model
from policy_world import IDENTITIES, ROLE, install

# Python 3.14 no longer forks by itself
FORK = multiprocessing.get_context("fork")

REQUESTS_A_SET = 20
SHOWN = 3
REASON = re.compile(r"\breason=(\w+)")
POLICY = re.compile(r"\bpolicy=([^:]+):")
COLUMNS = re.compile(r"no policy permits column ([^;.]+)")


class Server:
    """One session of the agent's role."""

    def __init__(self, dsn):
        self.conn = psycopg.connect(dsn, autocommit=True, row_factory=tuple_row)
        self.conn.prepare_threshold = None
        self.identity = None

    def present(self, identity, token):
        if self.identity is not identity:
            self.conn.execute(f"SET contauth.token = '{token}'")
            self.identity = identity

    def ask(self, request):
        """(SQLSTATE, reason, policy, columns named, rows), and everything undone."""
        reading = request.kind == "SELECT"
        if not reading:
            self.conn.execute("BEGIN")
        try:
            if request.shape == "copy":
                rows = self.copy(request.sql)
            else:
                cursor = self.conn.execute(request.sql)
                rows = sort([list(r) for r in cursor.fetchall()]) if cursor.description \
                    else cursor.rowcount if request.shape in ("insert", "update", "delete") else []
            return "00000", None, None, None, rows
        except psycopg.Error as error:
            return self.refusal(error)
        finally:
            if not reading:
                self.conn.execute("ROLLBACK")

    def copy(self, sql):
        """Rows of a COPY in text format, as the model has them."""
        with self.conn.cursor() as cursor, cursor.copy(sql) as copy:
            return sort(list(self.fields(copy)))

    @staticmethod
    def fields(copy):
        text = b"".join(copy).decode()
        for line in text.splitlines():
            yield [None if f == "\\N" else f for f in line.split("\t")]

    @staticmethod
    def refusal(error):
        detail = error.diag.message_detail or ""
        reason, policy, named = (r.search(detail) for r in (REASON, POLICY, COLUMNS))
        # what became of requests is no matter of policies
        reason = reason and re.sub("^approval_.*", "approval_needed", reason[1])
        return (error.sqlstate, reason, policy and policy[1],
                frozenset(named[1].split(", ")) if named else None, [])


def as_text(answer, request):
    """COPY shows everything as text."""
    if request.shape == "copy" and answer.rows is not None:
        answer.rows = sort([[None if v is None else str(v) for v in row] for row in answer.rows])
    return answer


def expected(policies, key, request, identity, flaw=None):
    return as_text(Asked(Model(policies, key, flaw), request, identity).answer(), request)


class Worker:
    def __init__(self, config, number):
        base = f"host={config['socket']} port={config['port']}"
        self.rng = random.Random(f"{config['seed']} {number}")
        self.database = f"policies_{number}"
        with psycopg.connect(f"{base} user={config['superuser']} dbname=postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {self.database}")
        self.admin = psycopg.connect(f"{base} user={config['superuser']} dbname={self.database}",
                                     autocommit=True)
        install(self.admin)
        self.key = self.admin.execute("SELECT key FROM contauth.secret WHERE name = 'mask'").fetchone()[0]
        self.server = Server(f"{base} user={ROLE} dbname={self.database}")
        self.tokens = [(identity, identity.token()) for identity in IDENTITIES]
        self.pairs = config["pairs"] // config["workers"]
        self.counts, self.differences, self.unnoticed = Counter(), [], set(FLAWS)

    def apply(self, bundle):
        self.admin.execute("SELECT count(*) FROM contauth.apply_policies(%s::jsonb)", (bundle,))

    def run(self):
        while self.counts["pairs"] < self.pairs:
            policies, bundle = random_set(self.rng)
            self.apply(bundle)
            self.counts["sets"] += 1
            for _ in range(REQUESTS_A_SET):
                self.one(policies, bundle)
        return {"counts": dict(self.counts), "differences": self.differences,
                "unnoticed": sorted(self.unnoticed)}

    def one(self, policies, bundle):
        request = random_request(self.rng)
        identity, token = self.rng.choice(self.tokens)
        self.server.present(identity, token)
        said = self.server.ask(request)
        right = expected(policies, self.key, request, identity)
        self.counts["pairs"] += 1
        self.counts["sqlstate " + said[0]] += 1
        self.counts["shape " + request.shape] += 1
        if said[1]:
            self.counts["reason " + said[1]] += 1
        if not right.agrees(said):
            self.counts["differences"] += 1
            if len(self.differences) < SHOWN:
                self.differences.append(self.shrink(policies, bundle, request, identity, token))
            return
        for flaw in list(self.unnoticed):
            if not expected(policies, self.key, request, identity, flaw).agrees(said):
                self.unnoticed.discard(flaw)

    def shrink(self, policies, bundle, request, identity, token):
        """Leave out policies one by one while the difference stays."""
        rows = json.loads(bundle)["policies"]
        for policy in list(policies):
            fewer = [p for p in policies if p is not policy]
            fewer_rows = [r for r in rows if r["name"] != policy.name]
            self.apply(json.dumps({"policies": fewer_rows}))
            said = self.server.ask(request)
            if not expected(fewer, self.key, request, identity).agrees(said):
                policies, rows = fewer, fewer_rows
        self.apply(json.dumps({"policies": rows}))
        said = self.server.ask(request)
        right = expected(policies, self.key, request, identity)
        self.apply(bundle)
        return {"policies": rows, "statement": request.sql, "identity": repr(identity),
                "server": repr(said), "model": repr(right)}


def work(config, number, results):
    try:
        results.put(Worker(config, number).run())
    except BaseException as error:      # pylint: disable=broad-except
        results.put({"error": repr(error)})
        raise


def main():
    config = json.load(sys.stdin)
    results = FORK.Queue()
    begun = time.monotonic()
    workers = [FORK.Process(target=work, args=(config, i, results))
               for i in range(config["workers"])]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    errors = [f["error"] for f in found if "error" in f]
    if errors:
        sys.exit("\n".join(errors))
    counts = sum((Counter(f["counts"]) for f in found), Counter())
    unnoticed = set.intersection(*(set(f["unnoticed"]) for f in found))
    print(json.dumps({"counts": counts, "seconds": round(time.monotonic() - begun),
                      "unnoticed": sorted(unnoticed), "flaws": len(FLAWS),
                      "differences": [d for f in found for d in f["differences"]]}))


main()
