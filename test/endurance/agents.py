"""The agents of test/soak: sessions that do mixed work, and what they are told.

Every statement is answered with an SQLSTATE that its act expects, or that something
explains which happened meanwhile (Events).  One that runs wholly while its agent is
revoked must be refused.  No answer holds what an agent may not see ("RAW").
"""
import collections
import random
import threading
import time

import psycopg

OK = "00000"
DENIED, INVALID, STOPPED, UNRECORDED = "42501", "28000", "ZA004", "ZA005"
BUDGET, APPROVAL = "ZA003", "ZA001"
STRICT, ASYNC = "soak_strict", "soak_async"
FREE = ("whoami", "command")            # acts that are answered alike without an identity
RECYCLE_AFTER = 150                     # acts of a session that does not live long


class Events:
    """What is done to agents and server, and when: "stop" AGENT, "worker", "crash"."""

    def __init__(self):
        self.lock = threading.Lock()
        self.spans = collections.defaultdict(list)      # name: [before, since, until, after]

    def begin(self, name):
        span = [time.monotonic(), None, None, None]
        with self.lock:
            self.spans[name].append(span)
        return span

    @staticmethod
    def happened(span):
        span[1] = time.monotonic()

    @staticmethod
    def ends(span):
        span[2] = time.monotonic()

    @staticmethod
    def ended(span, grace=0.0):
        span[3] = time.monotonic() + grace

    def touch(self, name, begin, end):
        """Was it so at any time between begin and end?"""
        with self.lock:
            return any(span[0] <= end and (span[3] is None or span[3] >= begin)
                       for span in self.spans[name])

    def cover(self, name, begin, end):
        """Was it so all the time?"""
        with self.lock:
            return any(span[1] is not None and span[1] <= begin and
                       (span[2] is None or span[2] >= end) for span in self.spans[name])


class Tally:
    """What all sessions were told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.statements = 0
        self.lost = 0
        self.changed = 0                # told that the policy has changed meanwhile
        self.sqlstates = collections.Counter()
        self.wrong = []

    def complain(self, what):
        with self.lock:
            self.wrong.append(what)

    def count(self, act, sqlstate):
        with self.lock:
            self.statements += 1
            self.sqlstates[act, sqlstate] += 1


class Count:
    """Statements of one connection: those answered, and those that may be on record."""

    def __init__(self, role):
        self.role = role
        self.answered = 0               # on record, once
        self.open = 0                   # not known whether it is: lost, or ZA005
        self.again = 0                  # stopped: a second record says so
        self.born = time.monotonic()
        self.closed = None              # when


class Refused(Exception):
    """The act is over."""


class Lost(Exception):
    """The connection is over."""


class Session(threading.Thread):
    def __init__(self, world, number):
        super().__init__(daemon=True)
        self.world = world
        self.number = number
        self.agent = number % 10
        self.role = STRICT if number // 10 % 2 == 0 else ASYNC
        self.row = 2 + 2 * number
        self.generation = 0
        self.random = random.Random(number)
        self.conn = None
        self.count = None
        self.act = ""
        self.acts = 0

    @property
    def lives_long(self):
        return self.number % 10 != 9

    @property
    def label(self):
        return f"soak-{self.number}-{self.generation}"

    def connect(self):
        self.generation += 1
        self.conn = psycopg.connect(
            host=self.world.socket, user=self.role, dbname="postgres", autocommit=True,
            application_name=self.label, connect_timeout=5, prepare_threshold=None,
            options="-c contauth.token=" + self.world.tokens[self.agent])
        self.count = self.world.counts[self.label] = Count(self.role)
        self.acts = 0

    def disconnect(self):
        if self.conn is not None:
            self.conn.close()
            self.count.closed = time.monotonic()
        self.conn = None

    # --- one statement -------------------------------------------------------------

    def answer(self, run):
        """Run it; SQLSTATE, rows and DETAIL.  Lost is raised with the connection."""
        try:
            return OK, run(), ""
        except psycopg.Error as error:
            if self.conn.broken or error.sqlstate is None or error.sqlstate.startswith("57P"):
                self.count.open += 1
                raise Lost from error
            return error.sqlstate, [], f"{error.diag.message_primary}; {error.diag.message_detail}"

    def explained(self, sqlstate, detail, begin, end):
        events = self.world.events
        if sqlstate in (INVALID, STOPPED):
            return events.touch(f"stop {self.agent}", begin, end)
        if sqlstate == UNRECORDED:
            return events.touch("worker", begin, end) or events.touch("crash", begin, end)
        if "reason=policy_changed" in detail:
            self.world.tally.changed += 1
            return True
        return False

    def judge(self, sqlstate, detail, expected, begin, end):
        if self.act not in FREE and sqlstate not in (INVALID, STOPPED, UNRECORDED) and \
                self.world.events.cover(f"stop {self.agent}", begin, end):
            self.world.tally.complain(f"{self.act}: {sqlstate} while the agent is stopped")
        elif sqlstate not in expected and not self.explained(sqlstate, detail, begin, end):
            self.world.tally.complain(f"{self.act}: {sqlstate} {detail}")

    def ask(self, run, expected=(OK,)):
        """Send one statement, judge the answer; its rows, or Refused."""
        begin = time.monotonic()
        sqlstate, rows, detail = self.answer(run)
        end = time.monotonic()
        if sqlstate == UNRECORDED:
            self.count.open += 1
        else:
            self.count.answered += 1
        self.count.again += sqlstate == STOPPED
        self.world.tally.count(self.act, sqlstate)
        self.judge(sqlstate, detail, expected, begin, end)
        if "RAW" in str(rows) or "RAW" in detail:
            self.world.tally.complain(f"{self.act}: leaked {rows} {detail}")
        if sqlstate != OK:
            raise Refused
        return rows

    def sql(self, text, values=None, expected=(OK,), prepare=False):
        def run():
            cursor = self.conn.execute(text, values, prepare=prepare)
            return cursor.fetchall() if cursor.description else []
        return self.ask(run, expected)

    def control(self, command):
        """BEGIN and the like, which work whoever is stopped."""
        def run():
            self.conn.execute(command)
            return []
        begin = time.monotonic()
        sqlstate, _, detail = self.answer(run)
        self.count.answered += 1
        self.world.tally.count("control", sqlstate)
        if sqlstate != OK and not self.explained(sqlstate, detail, begin, time.monotonic()):
            self.world.tally.complain(f"{self.act}: {command}: {sqlstate} {detail}")
        if sqlstate != OK:
            raise Refused

    def want(self, right, what):
        if not right:
            self.world.tally.complain(f"{self.act}: wrong answer {what}")

    # --- the work ------------------------------------------------------------------

    def text(self):
        rows = self.sql("SELECT id, name, email, ssn FROM app.customer WHERE id <= 20 ORDER BY id")
        self.want(len(rows) == 10, rows)

    def prepared(self):
        rows = self.sql("SELECT c.name, c.email, t.body FROM app.customer AS c"
                        " JOIN app.ticket AS t ON t.customer_id = c.id WHERE c.id = %s",
                        (self.random.randint(1, 400),), prepare=True)
        self.want(len(rows) <= 1, rows)

    def view(self):
        self.sql("SELECT count(*), min(email) FROM app.contact WHERE name LIKE 'name%%'", ())

    def write(self):
        rows = self.sql("UPDATE app.ticket SET body = %s WHERE id = %s RETURNING body",
                        (f"body {self.acts}", self.row), prepare=True)
        self.want(rows == [(f"body {self.acts}",)], rows)

    def insert(self):
        rows = self.sql("INSERT INTO app.event (tenant, note) VALUES ('acme', %s) RETURNING id",
                        (self.label,))
        rows = self.sql("DELETE FROM app.event WHERE id = %s RETURNING note", rows[0])
        self.want(len(rows) == 1, rows)

    def denied(self):
        self.sql("SELECT notes FROM app.customer", expected=(DENIED,))

    def command(self):
        self.sql("CREATE TABLE app.mine (n int)", expected=(DENIED,))

    def failing(self):
        self.sql("SELECT 1 / (count(*) - count(*)) FROM app.ticket", expected=("22012",))

    def cursor(self):
        self.control("BEGIN")
        self.sql("DECLARE c CURSOR FOR SELECT id, ssn FROM app.customer ORDER BY id")
        for _ in range(3):
            self.want(len(self.sql("FETCH 5 FROM c")) == 5, "of FETCH")
        self.control("COMMIT")

    def copy_out(self):
        def run():
            with self.conn.cursor().copy("COPY app.ticket TO STDOUT") as copy:
                return [bytes(data) for data in copy]
        self.want(len(self.ask(run)) == 200, "of COPY")

    def copy_in(self):
        def run():
            with self.conn.cursor().copy("COPY app.upload FROM STDIN") as copy:
                copy.write("acme\ta line\n" * 5)
            return []
        self.ask(run)

    def function(self):
        rows = self.sql("SELECT app.total(20), array(SELECT app.names())")
        self.want(len(rows[0][1]) == 9, rows)

    def swallow(self):
        self.want(self.sql("SELECT app.swallow()") == [("swallowed",)], "of swallow()")

    def rolled_back(self):
        self.control("BEGIN")
        self.write()
        self.control("SAVEPOINT s")
        try:
            self.denied()
        except Refused:
            pass
        self.control("ROLLBACK TO s")
        self.text()
        self.control("ROLLBACK")

    def toggle(self):
        self.sql("SELECT n FROM app.toggle", expected=(OK, DENIED))

    def few(self):
        self.sql("SELECT n FROM app.few", expected=(BUDGET,))

    def ledger(self):
        self.sql("SELECT n FROM app.ledger", expected=(OK, APPROVAL))

    def nap(self):
        self.sql("SELECT pg_sleep(0.3), count(*) FROM app.ticket")

    def whoami(self):
        self.sql("SELECT contauth.whoami()")

    def present(self):
        self.control("BEGIN")
        self.sql("SELECT contauth.authenticate(%s)", (self.world.tokens[self.agent],))
        self.text()
        self.control("COMMIT")

    ACTS = (["text", "prepared", "write"] * 4 +
            ["view", "insert", "denied", "command", "failing", "cursor", "copy_out", "copy_in",
             "function", "swallow", "rolled_back", "toggle", "few", "ledger", "nap", "whoami",
             "present"])

    def one_act(self):
        self.act = self.random.choice(self.ACTS)
        self.acts += 1
        try:
            getattr(self, self.act)()
        except Refused:
            pass
        if self.conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            try:
                self.control("ROLLBACK")
            except Refused:
                pass
        if not self.lives_long and self.acts >= RECYCLE_AFTER:
            self.disconnect()

    def lost(self):
        """A connection ends because the server does, or its agent is stopped."""
        now = time.monotonic()
        events = self.world.events
        if self.conn is not None:
            self.world.tally.lost += 1
            # the postmaster tells everybody some time after the process has died
            if not events.touch("crash", now - 5, now) and \
                    not events.touch(f"stop {self.agent}", now - 5, now):
                self.world.tally.complain(f"{self.act}: the connection is lost")
        self.disconnect()
        time.sleep(0.5)

    def run(self):
        while not self.world.done.is_set():
            self.world.done.wait(self.random.expovariate(1 / self.world.pause))
            try:
                if self.conn is None:
                    self.connect()
                self.one_act()
            except (Lost, psycopg.Error, OSError):
                self.lost()
        self.disconnect()
