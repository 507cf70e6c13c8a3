"""The course of test/soak: who does what to whom, what is checked, and the report.

    soak.py FOLDER MINUTES LOAD both|term|kill

FOLDER is that of test/soak: the server is in data, its socket in socket, its log is
server.log.
"""
import base64
import collections
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

import psycopg
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import agents
import watch

FOLDER, MINUTES, LOAD, KILLS = sys.argv[1:5]
SESSIONS = 50
STOPPABLE = (7, 8)                      # agents that are revoked and suspended
SPIFFE = "spiffe://soak.example/agent/"
MASKS = ("email", "redact", "hash")
WORKER = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'contauth audit worker'"
GROWTH = 512                            # kB an hour that the median process may grow
REST = 12                               # kills left out of as many, while memory is measured
SAMPLES = 10                            # a slope of fewer says nothing


class World:
    """What everybody knows."""

    def __init__(self):
        self.socket = FOLDER + "/socket"
        self.done = threading.Event()
        self.events = agents.Events()
        self.tally = agents.Tally()
        self.counts = {}
        self.pause = 1.5
        self.minutes = float(MINUTES)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.tokens = [self.token(agent) for agent in range(10)]
        self.start = time.monotonic()
        self.changes = self.stops = self.killed = 0

    def token(self, agent):
        parts = [{"alg": "RS256", "kid": "k", "typ": "JWT"},
                 {"sub": f"{SPIFFE}{agent}", "aud": ["soak"], "exp": int(time.time()) + 86400,
                  "jti": f"soak-{agent}", "tenant": "acme"}]
        text = b".".join(encode(json.dumps(part).encode()) for part in parts)
        return (text + b"." + encode(self.key.sign(text, padding.PKCS1v15(),
                                                   hashes.SHA256()))).decode()

    def jwks(self):
        modulus = self.key.public_key().public_numbers().n
        return json.dumps({"keys": [{"kty": "RSA", "kid": "k", "e": "AQAB",
                                     "n": encode(modulus.to_bytes(256, "big")).decode()}]})

    @property
    def kills(self):
        """Is it time for kill -9?"""
        past = (time.monotonic() - self.start) / 60
        return KILLS == "kill" or (KILLS == "both" and past > self.minutes * 2 / 3)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Admin(threading.Thread):
    """A superuser's connection that does something every so often, whatever happens."""

    def __init__(self, world, every, work):
        super().__init__(daemon=True)
        self.world, self.every, self.work = world, every, work
        self.conn = None
        self.worked = time.monotonic()

    def run(self):
        number = 0
        while not self.world.done.wait(self.every):
            number += 1
            try:
                if self.conn is None or self.conn.closed:
                    self.conn = connect(self.world)
                self.work(self.world, self.conn, number)
            except (psycopg.Error, OSError) as error:
                if not self.world.events.touch("crash", self.worked, time.monotonic()):
                    self.world.tally.complain(f"{self.work.__name__}: {error}")
            self.worked = time.monotonic()


def connect(world, user="postgres"):
    return psycopg.connect(host=world.socket, user=user, dbname="postgres", autocommit=True,
                           connect_timeout=5)


# --- what is done to them -----------------------------------------------------------

def change_policies(world, conn, number):
    """No change lets anybody see more; "toggle" is on and off."""
    step = number % 8
    alter = "SELECT contauth.alter_policy(%s, %s)"
    if step == 0:
        masks = {"app.customer.email": random.choice(MASKS[:2]),
                 "app.customer.ssn": random.choice(MASKS[1:])}
        conn.execute(alter, ("reads", json.dumps({"masks": masks})))
    elif step == 1:
        conn.execute(alter, ("reads_view", json.dumps({"limits": {"rows_per_statement": 100 + number}})))
    elif step == 2:
        conn.execute("SELECT contauth.create_policy(%s, 'permit', principals => %s)",
                     (f"noise {number}", ["spiffe://soak.example/noise/*"]))
    elif step == 3:
        conn.execute("SELECT contauth.drop_policy(name) FROM contauth.policy WHERE name LIKE 'noise%'")
    elif step == 4:
        conn.execute("SELECT contauth.enable_policy('toggle', %s)", (number % 16 < 8,))
    elif step == 5:
        conn.execute("SELECT contauth.apply_policies(contauth.export_policies())")
    else:
        conn.execute(alter, ("answers", json.dumps({"description": str(number)})))
    world.changes += 1


def until_done(conn, statement, values):
    """A crash must not leave an agent stopped."""
    while True:
        try:
            return conn.execute(statement, values)
        except psycopg.OperationalError:
            time.sleep(0.5)
            conn = connect_again()


def connect_again():
    while True:
        try:
            return connect(WORLD)
        except psycopg.OperationalError:
            time.sleep(0.5)


def stop_agents(world, conn, number):
    """Revoke or suspend an agent for some seconds."""
    agent = STOPPABLE[number % len(STOPPABLE)]
    name = f"{SPIFFE}{agent}"
    span = world.events.begin(f"stop {agent}")
    if number % 4 < 2:
        conn.execute("SELECT contauth.revoke('agent', %s, 'soak')", (name,))
        undo = "SELECT contauth.unrevoke('agent', %s, 'soak')"
    else:
        conn.execute("SELECT contauth.suspend_agent(%s, 'soak')", (name,))
        undo = "SELECT contauth.resume_agent(%s, 'soak')"
    world.events.happened(span)
    world.done.wait(random.uniform(1, 6))
    world.events.ends(span)
    until_done(conn, undo, (name,))
    world.events.ended(span)
    world.stops += 1


def approve(world, conn, number):
    """A person answers what waits, and has a life."""
    with connect(world, "soak_approver") as approver:
        for (request,) in approver.execute("SELECT request FROM contauth_audit.pending_approvals"
                                           " LIMIT 3").fetchall():
            approver.execute("SELECT contauth.approve(%s, 'soak')" if number % 3 else
                             "SELECT contauth.reject(%s, 'soak')", (request,))


def kill(world, conn, number):
    """The worker, and when it is time for it, any process, also with -9."""
    if KILLS == "both" and not world.kills and number % REST:
        return                          # the worker's memory is measured, too
    (worker,) = conn.execute(WORKER).fetchone() or (None,)
    if worker is None:
        return
    (backend,) = conn.execute("SELECT pid FROM pg_stat_activity WHERE usename LIKE 'soak%'"
                              " ORDER BY random() LIMIT 1").fetchone() or (worker,)
    hard = world.kills and number % 2 == 0
    span = world.events.begin("crash" if hard else "worker")
    world.events.happened(span)
    os.kill(backend if hard and number % 4 == 0 else worker,
            signal.SIGKILL if hard else signal.SIGTERM)
    world.killed += 1
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(0.2)
        try:
            with connect(world) as other:
                if other.execute(f"SELECT true FROM ({WORKER}) AS w WHERE pid <> %s",
                                 (worker,)).fetchone():
                    break
        except psycopg.Error:
            pass
    else:
        world.tally.complain("the worker did not come back")
    world.events.ended(span, 5)


# --- what is checked ----------------------------------------------------------------

class Checks:
    def __init__(self, world):
        self.world = world
        self.records = collections.Counter()    # by application_name
        self.seq = 0
        self.memory = watch.Memory(min(600.0, world.minutes * 60 / 6))
        self.contexts = watch.Contexts(FOLDER + "/server.log")
        self.postmaster = int(pathlib.Path(FOLDER, "data/postmaster.pid").read_text().split()[0])
        self.cpu = watch.processor_time(self.postmaster)
        self.at = time.monotonic()
        self.load = 0.0
        self.lost_by_crash = 0

    def pace(self):
        """Hold the load: shorter or longer pauses, by how much it is off."""
        now, cpu = time.monotonic(), watch.processor_time(self.postmaster)
        self.load = (cpu - self.cpu) / (now - self.at)
        self.at, self.cpu = now, cpu
        self.world.pause = min(20.0, max(0.3, self.world.pause *
                                         min(1.5, max(0.67, self.load / float(LOAD)))))

    def take_records(self, conn):
        """Count the records that have come since, and verify these."""
        (newest,) = conn.execute("SELECT coalesce(max(seq), 0) FROM contauth_audit.decision").fetchone()
        for name, count in conn.execute(
                "SELECT application_name, count(*) FROM contauth_audit.decision"
                " WHERE seq > %s AND seq <= %s AND application_name LIKE 'soak-%%' GROUP BY 1",
                (self.seq, newest)):
            self.records[name] += count
        if newest > self.seq:
            row = conn.execute("SELECT * FROM contauth_audit.verify(%s, %s)",
                               (self.seq + 1, newest)).fetchone()
            if not row[0]:
                self.world.tally.complain(f"the chain is damaged: {row}")
        self.seq = newest

    def crashed(self, count):
        """Did a crash take what its records waited in?"""
        return self.world.events.touch("crash", count.born, (count.closed or time.monotonic()) + 2)

    def compare(self, before, final):
        """before: what had been answered when the records were read, by connection."""
        for name, answered in before.items():
            count, records = self.world.counts[name], self.records[name]
            missing = answered - records
            if missing > 0 and count.role == agents.ASYNC and self.crashed(count):
                self.lost_by_crash += missing if final else 0
            elif missing > 0:
                self.world.tally.complain(f"{name} {count.role}: {answered} answered, {records} on record")
            most = count.answered + count.open + count.again
            if final and records > most:
                self.world.tally.complain(f"{name} {count.role}: {records} on record, {most} sent")

    def count_records(self, conn, final=False):
        before = {name: count.answered for name, count in list(self.world.counts.items())}
        for _ in range(6):
            if conn.execute("SELECT contauth_audit.sync('10 s')").fetchone()[0]:
                break
        else:
            self.world.tally.complain("the audit does not catch up")
        self.take_records(conn)
        self.compare(before, final)

    def sample(self, conn, sessions, number):
        now = time.monotonic()
        told = []
        for session in sessions:
            if session.lives_long and session.conn is not None:
                self.memory.sample("backend", session.conn.info.backend_pid, now)
                if session.number in (0, 1, 10, 23):
                    told.append(session.conn.info.backend_pid)
        for (worker,) in conn.execute(WORKER).fetchall():
            self.memory.sample("worker", worker, now)
            told.append(worker)
        self.contexts.read()
        if number % 5 == 1:
            for pid in told:
                conn.execute("SELECT pg_log_backend_memory_contexts(%s)", (pid,))

    def line(self, number):
        tally = self.world.tally
        backends = self.memory.latest("backend")
        print(f"{number:4} min: {tally.statements} statements, {self.seq} records,"
              f" {self.world.changes} changes of policies, {self.world.stops} stops,"
              f" {self.world.killed} kills, {tally.lost} connections lost,"
              f" load {self.load:.2f}, pause {self.world.pause:.1f} s,"
              f" backends {statistics.median(backends):.0f} kB (max {max(backends)}),"
              f" worker {max(self.memory.latest('worker'))} kB,"
              f" {len(tally.wrong)} wrong", flush=True)

    def minute(self, conn, sessions, number):
        self.sample(conn, sessions, number)
        self.count_records(conn)
        self.pace()
        self.line(number)


def check_memory(checks):
    """The report on memory; complains when the median process grows too fast."""
    for kind in ("backend", "worker"):
        slopes = sorted(checks.memory.slopes(kind, SAMPLES))
        if not slopes:
            print(f"memory of {kind}s: too few samples")
            continue
        middle = statistics.median(slope for slope, _, _ in slopes)
        print(f"memory of {len(slopes)} {kind}(s), kB an hour: median {middle:.0f},"
              f" least {slopes[0][0]:.0f}, most {slopes[-1][0]:.0f}"
              f" ({slopes[-1][1]} -> {slopes[-1][2]} kB)")
        if middle > GROWTH:
            checks.world.tally.complain(f"{kind}s grow by {middle:.0f} kB an hour")
    for pid, times, first, last, most in checks.contexts.growth():
        print(f"contexts of {pid}, told {times} times: {first} -> {last} bytes used; {most}")


def report(checks):
    tally = checks.world.tally
    print("answers:")
    for (act, sqlstate), count in sorted(tally.sqlstates.items()):
        print(f"  {act:12} {sqlstate} {count}")
    check_memory(checks)
    print(f"told that the policy has changed meanwhile: {tally.changed}")
    if tally.changed * 100 > tally.statements:
        tally.complain("too many are told that the policy has changed meanwhile")
    print(f"records of async sessions lost by crashes: {checks.lost_by_crash}")
    log = pathlib.Path(FOLDER, "server.log").read_text(encoding="utf-8", errors="replace")
    if "PANIC" in log or "signal 11" in log or "signal 6" in log or "TRAP" in log:
        tally.complain("a server process crashed by itself")
    for what, count in collections.Counter(tally.wrong).most_common(40):
        print(f"WRONG ({count} times): {what}")
    print("soak: " + ("FAILED" if tally.wrong else "ok"), flush=True)


def watch_over(world, sessions):
    """Every minute to the end."""
    checks = Checks(world)
    number = 0
    while not world.done.wait(max(0, world.start + 60 * (number + 1) - time.monotonic())):
        number += 1
        try:
            with connect(world) as conn:
                checks.minute(conn, sessions, number)
        except psycopg.OperationalError as error:
            print(f"{number:4} min: the server is away: {error}", flush=True)
        if number >= world.minutes:
            break
    return checks


def main():
    pathlib.Path(FOLDER, "jwks.json").write_text(WORLD.jwks(), encoding="ascii")
    subprocess.run(["psql", "-X", "-q", "-h", WORLD.socket, "-d", "postgres", "-v",
                    "jwks=" + WORLD.jwks(), "-f", FOLDER + "/endurance/soak.sql"],
                   check=True, stdout=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: WORLD.done.set())
    sessions = [agents.Session(WORLD, number) for number in range(SESSIONS)]
    span = WORLD.events.begin("worker")     # it may not have found its tables yet
    for session in sessions:
        session.start()
    WORLD.events.ended(span, 10)
    between_kills = max(20.0, WORLD.minutes * 60 / 48)
    others = [Admin(WORLD, 1, change_policies), Admin(WORLD, 9, stop_agents),
              Admin(WORLD, 15, approve), Admin(WORLD, between_kills, kill)]
    for other in others:
        other.start()
    checks = watch_over(WORLD, sessions)
    WORLD.done.set()
    for thread in others + sessions:
        thread.join(90)
    with connect_again() as conn:
        checks.count_records(conn, final=True)
        print("verify(): " + str(conn.execute("SELECT * FROM contauth_audit.verify()").fetchone()))
    report(checks)
    sys.exit(1 if WORLD.tally.wrong else 0)


WORLD = World()
main()
