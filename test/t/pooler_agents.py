"""Agents of two tenants that share a pooler's few server connections.

Input (JSON, standard input): "socket" and "port" of pgbouncer, "agents" (name,
agent, token, delegation, on_behalf_of, tenant, tickets, own, other, id),
"statements" (how many to run at least) and "run" (which of SUITES).

Output: one JSON object a line, {"ok", "title", "diag"}, a test each.

Names of pgbouncer's databases: tx and tx1 pool by transaction and log in as a
role whose contauth.identity_scope is transaction; plain and plain1 pool by
transaction and log in as a role whose scope is session; sess1 pools by
session.  Those with 1 have one server connection only.
"""
import json
import os
import random
import socket
import sys
import threading

import psycopg

CONFIG = json.load(sys.stdin)
AGENTS = CONFIG["agents"]
A, B = AGENTS[0], AGENTS[1]
NAMES = "SELECT tenant, name FROM app.customer ORDER BY id"


def ok(passed, title, diag=""):
    print(json.dumps({"ok": bool(passed), "title": title, "diag": str(diag)}), flush=True)
    return passed


def equal(got, expected, title):
    return ok(got == expected, title, f"got {got!r}, expected {expected!r}")


# --- connections and statements ----------------------------------------------

def connect(dbname, **options):
    """A client of the pooler; transactions are begun and ended by hand."""
    return psycopg.connect(host=CONFIG["socket"], port=CONFIG["port"], dbname=dbname,
                           user="whoever", autocommit=True, prepare_threshold=None, **options)


def hang_up(conn):
    """Disconnect without a word, as a client that is killed does."""
    with socket.socket(fileno=os.dup(conn.pgconn.socket)) as own:
        own.shutdown(socket.SHUT_RDWR)
    conn.close()


def outcome(conn, sql, params=None, **options):
    """SQLSTATE, or the rows of a statement that succeeds."""
    try:
        cursor = conn.execute(sql, params, **options)
        return cursor.fetchall() if cursor.description else []
    except psycopg.Error as error:
        return error.sqlstate


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def agent_of(conn):
    rows = outcome(conn, "SELECT contauth.whoami() ->> 'agent'")
    return rows[0][0] if isinstance(rows, list) else rows


def backend(conn, agent):
    """Process id of the server connection, which only an identity may ask for."""
    conn.execute("BEGIN")
    conn.execute("SELECT contauth.authenticate(%s)", [agent["token"]])
    pid = conn.execute("SELECT pg_backend_pid()").fetchone()[0]
    conn.execute("COMMIT")
    return pid


def tenants(rows):
    """The tenants in rows whose first column is one."""
    return sorted({row[0] for row in rows}) if isinstance(rows, list) else rows


def nobody(conn, after):
    """The next client on the connection has no identity, whatever it does."""
    equal(agent_of(conn), None, f"{after}: the next client is nobody")
    equal(outcome(conn, NAMES), "28000", f"{after}: reads nothing in autocommit")
    conn.execute("BEGIN")
    equal(agent_of(conn), None, f"{after}: nobody in a transaction either")
    equal(outcome(conn, NAMES), "28000", f"{after}: reads nothing in a transaction")
    conn.execute("ROLLBACK")


# --- the load ----------------------------------------------------------------

class Tally:
    """What all clients together have done."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = {}
        self.wrong = []
        self.last = {}  # server process id: name of the last agent

    def add(self, what, n=1):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + n

    def served(self, pid, name):
        with self.lock:
            if self.last.get(pid, name) != name:
                self.counts["handed over"] = self.counts.get("handed over", 0) + 1
            self.last[pid] = name

    def complain(self, text):
        with self.lock:
            self.wrong.append(text)

    def of(self, what):
        return self.counts.get(what, 0)


class Client:
    """One client of the pooler: transaction after transaction, as any agent."""

    def __init__(self, dbname, tally, seed):
        self.dbname = dbname
        self.tally = tally
        self.random = random.Random(seed)
        self.conn = connect(dbname)
        self.agent = None
        self.serial = 0

    def run(self, sql, params=None, **options):
        """A statement that must succeed and show nothing of the other tenant."""
        self.tally.add("statements")
        cursor = self.conn.execute(sql, params, **options)
        return self.judge(sql, cursor.fetchall() if cursor.description else [])

    def judge(self, sql, rows):
        for row in rows:
            self.tally.add("rows")
            if self.agent["other"] in repr(row):
                self.tally.add("rows of the other tenant")
                self.tally.complain(f"{self.agent['name']}: {sql}: {row!r}")
        return rows

    def refused(self, sql, expected, params=None):
        """A statement that must fail, inside a transaction."""
        self.run("SAVEPOINT s")
        self.tally.add("statements")
        got = outcome(self.conn, sql, params)
        self.run("ROLLBACK TO s")
        if got != expected:
            self.tally.complain(f"{self.agent['name']}: {sql}: {got!r}, not {expected}")
        self.tally.add("refused")

    # presenting

    def by_set(self):
        self.run(f"SET LOCAL contauth.token = {literal(self.agent['token'])}")
        if self.agent["delegation"]:
            self.run(f"SET LOCAL contauth.delegation = {literal(self.agent['delegation'])}")

    def by_bind(self):
        self.run("SELECT contauth.authenticate(%s, %s::jsonb)",
                 [self.agent["token"], self.agent["delegation"]],
                 binary=self.random.random() < 0.5)

    def by_set_config(self):
        """In two bound calls; the delegation first, as its order is free."""
        if self.agent["delegation"]:
            self.run("SELECT set_config('contauth.delegation', %s, true)",
                     [self.agent["delegation"]])
        self.run("SELECT set_config('contauth.token', %s, true)", [self.agent["token"]])

    # working

    def whoami(self):
        row = self.run("SELECT contauth.whoami() ->> 'agent',"
                       " contauth.whoami() ->> 'on_behalf_of',"
                       " contauth.claim('tenant'), pg_backend_pid()")[0]
        self.tally.served(row[3], self.agent["name"])
        expected = (self.agent["agent"], self.agent["on_behalf_of"], self.agent["tenant"])
        if row[:3] != expected:
            self.tally.complain(f"whoami: {row!r}, not {expected!r}")

    def five(self, rows):
        if len(rows) != 5:
            self.tally.complain(f"{self.agent['name']}: {len(rows)} rows, not 5")

    def simple(self):
        self.five(self.run(NAMES))

    def view(self):
        self.five(self.run("SELECT tenant, name, phone FROM app.customer_view"))

    def bound(self):
        self.five(self.run("SELECT tenant, name FROM app.customer WHERE id > %s", [0],
                           binary=True))

    def generic(self):
        """A statement of the protocol with a name, and its generic plan."""
        name = b"own%d" % self.serial
        self.run("SET LOCAL plan_cache_mode = force_generic_plan")
        self.conn.pgconn.prepare(name, b"SELECT tenant, name FROM app.customer WHERE id > $1")
        for _ in range(2):
            self.tally.add("statements")
            result = self.conn.pgconn.exec_prepared(name, [b"0"])
            self.five(self.judge("prepared", [(result.get_value(i, 0).decode(),
                                               result.get_value(i, 1).decode())
                                              for i in range(result.ntuples)]))
        self.run(f"DEALLOCATE {name.decode()}")

    def prepared(self):
        self.run(f"PREPARE own AS {NAMES}")
        self.five(self.run("EXECUTE own"))
        self.run("DEALLOCATE own")

    def cursor(self):
        self.run(f"DECLARE c CURSOR FOR {NAMES}")
        first = self.run("FETCH 2 FROM c")
        self.five(first + self.run("FETCH ALL FROM c"))
        self.run("CLOSE c")

    def function(self):
        self.run("SELECT app.names()")

    def several(self):
        """Several statements in one message of the simple protocol."""
        self.tally.add("statements", 2)
        result = self.conn.pgconn.exec_(f"SET LOCAL work_mem = '4MB'; {NAMES}".encode())
        self.five(self.judge("several", [(result.get_value(i, 1).decode(),)
                                         for i in range(result.ntuples)]))

    def tickets(self):
        if self.agent["tickets"]:
            self.five(self.run("SELECT tenant, body FROM app.ticket"))
            self.run("UPDATE app.ticket SET body = %s WHERE id = %s RETURNING tenant, body",
                     [f"{self.agent['own']}{self.serial}", self.agent["id"]])
        else:
            self.refused("SELECT tenant, body FROM app.ticket", "42501")

    def denied(self):
        self.refused("SELECT notes FROM app.customer", "42501")

    # a transaction

    def without_identity(self):
        """What the connection's last user has left must be nothing."""
        self.agent = {"name": "nobody", "other": "tenant"}
        self.tally.add("statements without identity", 2)
        for sql in (NAMES, "SELECT app.names()"):
            got = outcome(self.conn, sql)
            if got != "28000":
                self.tally.complain(f"autocommit without identity: {got!r}")
        if agent_of(self.conn) is not None:
            self.tally.complain("autocommit: somebody is there")
        self.conn.execute("BEGIN")
        got = outcome(self.conn, "SELECT tenant FROM app.customer WHERE id > %s", [0])
        if got != "28000":
            self.tally.complain(f"transaction without identity: {got!r}")
        self.tally.add("statements without identity")
        self.conn.execute("ROLLBACK")

    def end(self):
        how = self.random.random()
        if how < 0.7:
            self.run("COMMIT")
        elif how < 0.85:
            self.run("ROLLBACK")
        elif how < 0.95:
            self.tally.add("ended by an error")
            got = outcome(self.conn, self.random.choice(
                ("SELECT 1 / 0 FROM app.customer", "SELECT notes FROM app.customer",
                 "SELECT nothing")))
            if got not in ("22012", "42501", "42703"):
                self.tally.complain(f"error: {got!r}")
            self.run("ROLLBACK")
        else:
            self.tally.add("disconnected")
            (hang_up if self.random.random() < 0.5 else psycopg.Connection.close)(self.conn)
            self.conn = connect(self.dbname)

    def transaction(self):
        self.serial += 1
        if self.random.random() < 0.15:
            self.without_identity()
            return
        self.agent = self.random.choice(AGENTS)
        self.run("BEGIN")
        self.random.choice((self.by_set, self.by_bind, self.by_set_config))()
        self.whoami()
        for work in self.random.choices((self.simple, self.view, self.bound, self.generic,
                                         self.prepared, self.cursor, self.function,
                                         self.several, self.tickets, self.denied), k=6):
            work()
        self.end()

    def work(self, enough):
        try:
            while self.tally.of("statements") < enough:
                self.transaction()
        except Exception as error:  # noqa: BLE001  a thread must not die in silence
            self.tally.complain(f"{type(error).__name__}: {error}")
        finally:
            self.conn.close()


def load():
    """Five clients on each of two pools with two server connections each."""
    for dbname in ("tx", "plain"):
        tally = Tally()
        enough = CONFIG["statements"] // 2
        clients = [Client(dbname, tally, seed) for seed in range(5)]
        threads = [threading.Thread(target=client.work, args=[enough]) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        title = f"{dbname}: {tally.counts}"
        ok(tally.of("statements") >= enough, f"{title}: enough statements ran")
        equal(tally.of("rows of the other tenant"), 0, f"{dbname}: no row of the other tenant")
        ok(not tally.wrong, f"{dbname}: every answer was right", "\n".join(tally.wrong[:10]))
        ok(tally.of("rows") > enough, f"{dbname}: rows were read")
        ok(tally.of("handed over") >= 100,
           f"{dbname}: server connections went from agent to agent")
        ok(tally.of("statements without identity") >= 50 and tally.of("refused") >= 50 and
           tally.of("ended by an error") >= 5 and tally.of("disconnected") >= 5,
           f"{dbname}: and every kind of end was met")


# --- one server connection, step by step -------------------------------------

def scope_transaction():
    """contauth.identity_scope = transaction: nothing survives a transaction."""
    one, two = connect("tx1"), connect("tx1")
    pid = backend(one, A)
    equal(backend(two, B), pid, "two clients share the server connection")

    for sql in (f"SET contauth.token = {literal(A['token'])}",
                f"SET contauth.delegation = {literal(AGENTS[2]['delegation'])}",
                f"SELECT contauth.authenticate({literal(A['token'])})",
                f"SELECT set_config('contauth.token', {literal(A['token'])}, false)"):
        equal(outcome(one, sql), "28000", f"outside a transaction block: {sql[:30]}")
    nobody(two, "after these")

    for how in ("SET contauth.token", "SET SESSION contauth.token", "SET LOCAL contauth.token"):
        for end in ("COMMIT", "ROLLBACK", "error"):
            one.execute("BEGIN")
            one.execute(f"{how} = {literal(A['token'])}")
            one.execute("SET contauth.purpose = 'of the first client'")
            equal(tenants(outcome(one, NAMES)), ["acme"], f"{how}, {end}: works")
            if end == "error":
                equal(outcome(one, "SELECT 1 / 0"), "22012", f"{how}, {end}: an error")
                end = "ROLLBACK"
            one.execute(end)
            nobody(two, f"{how}, {end}")
            equal(outcome(two, "SELECT contauth.whoami() ->> 'purpose'"), [(None,)],
                  f"{how}, {end}: nor does the purpose stay")

    one.execute("BEGIN")
    one.execute(f"SET contauth.token = {literal(A['token'])}")
    one.execute(f"SET contauth.delegation = {literal(AGENTS[2]['delegation'])}")
    one.execute("COMMIT")
    equal(outcome(two, "SHOW contauth.token"), [("",)], "no digest of the token stays")
    equal(outcome(two, "SHOW contauth.delegation"), [("",)], "nor of the delegation")
    two.execute("BEGIN")
    two.execute("SELECT contauth.authenticate(%s)", [B["token"]])
    equal(outcome(two, "SELECT contauth.whoami() ->> 'depth'"), [("0",)],
          "the next client does not act for the first one's principal")
    two.execute("COMMIT")

    one.execute("BEGIN")
    one.execute(f"SET contauth.token = {literal(A['token'])}")
    one.execute("COMMIT AND CHAIN")
    equal(outcome(one, NAMES), "28000", "COMMIT AND CHAIN begins without identity")
    one.execute("ROLLBACK")

    one.execute("BEGIN")
    one.execute(f"SET LOCAL contauth.token = {literal(B['token'])}")
    one.execute("SAVEPOINT s")
    one.execute(f"SET contauth.token = {literal(A['token'])}")
    one.execute("ROLLBACK TO s")
    equal(tenants(outcome(one, NAMES)), ["globex"], "ROLLBACK TO brings back what was before")
    one.execute("ROLLBACK AND CHAIN")
    equal(outcome(one, NAMES), "28000", "ROLLBACK AND CHAIN begins without identity")
    one.execute("ROLLBACK")

    equal(backend(two, B), pid, "all on the same server connection")
    equal(outcome(one, "SET contauth.identity_scope = session"), "42501",
          "a client cannot change the scope")
    one.close()
    two.close()


def disconnects():
    """A client that goes in the middle of a transaction."""
    for dbname in ("tx1", "plain1"):
        for name, leave in (("hang up", hang_up), ("close", psycopg.Connection.close)):
            for unfinished in ("an open transaction", "an error", "a half-read result"):
                one = connect(dbname)
                one.execute("BEGIN")
                one.execute("SELECT contauth.authenticate(%s)", [A["token"]])
                if unfinished == "an error":
                    outcome(one, "SELECT 1 / 0")
                elif unfinished == "a half-read result":
                    one.pgconn.send_query(b"SELECT c.* FROM (SELECT name FROM app.customer) c,"
                                          b" generate_series(1, 100000)")
                leave(one)
                two = connect(dbname)
                nobody(two, f"{dbname}: {name} with {unfinished}")
                two.close()


def scope_session():
    """The leak that README tells of, and what does not leak even so."""
    one, two = connect("plain1"), connect("plain1")
    pid = backend(one, A)
    for how, sql in (("SET LOCAL", f"SET LOCAL contauth.token = {literal(A['token'])}"),
                     ("authenticate()", f"SELECT contauth.authenticate({literal(A['token'])})")):
        one.execute("BEGIN")
        one.execute(sql)
        equal(tenants(outcome(one, NAMES)), ["acme"], f"scope session: {how} works")
        one.execute("COMMIT")
        nobody(two, f"scope session: {how}")
    one.execute(f"SET contauth.token = {literal(A['token'])}")
    equal(tenants(outcome(two, NAMES)), ["acme"],
          "scope session: a plain SET stays for the next client, as README says")
    equal(outcome(two, "RESET contauth.token"), [], "who can forget it")
    nobody(one, "after RESET")
    equal(backend(two, B), pid, "all on the same server connection")
    one.close()
    two.close()


def leave_handles(conn, present):
    """Everything that a client may leave on the server connection."""
    conn.execute("BEGIN")
    conn.execute(present)
    conn.execute(f"PREPARE left_sql AS {NAMES}")
    conn.execute("EXECUTE left_sql")
    conn.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    conn.execute("PREPARE left_generic(integer) AS"
                 " SELECT tenant, name FROM app.customer WHERE id > $1")
    conn.execute("EXECUTE left_generic(0)")
    conn.execute("PREPARE left_folded AS SELECT contauth.claim('tenant'), app.folded_names()")
    conn.execute("EXECUTE left_folded")
    conn.pgconn.prepare(b"left_protocol", b"SELECT tenant, name FROM app.customer")
    conn.pgconn.exec_prepared(b"left_protocol", [])
    conn.execute("SELECT app.names(), app.folded_inside()")
    conn.execute(f"DECLARE left_cursor CURSOR FOR {NAMES}")
    conn.execute("FETCH 1 FROM left_cursor")
    conn.execute("COMMIT")


HANDLES = (("a prepared statement", "EXECUTE left_sql"),
           ("a generic plan", "EXECUTE left_generic(0)"),
           ("a statement of the protocol", "EXECUTE left_protocol"),
           ("a plan kept by PL/pgSQL", "SELECT contauth.claim('tenant'), app.names()"),
           ("a plan with a folded call", "EXECUTE left_folded"),
           ("a folded call inside PL/pgSQL",
            "SELECT contauth.claim('tenant'), app.folded_inside()"),
           ("a cursor", "FETCH 1 FROM left_cursor"))


def stale_handle(dbname, how, name, sql):
    """One handle, on a connection of its own: using one renews the others."""
    title = f"{dbname}, {how}: {name}"
    renew_server(dbname)
    one, two = connect(dbname), connect(dbname)
    leave_handles(one, f"{how} contauth.token = {literal(A['token'])}")
    equal(outcome(two, sql), "28000", f"{title} is nothing without identity")
    two.execute("BEGIN")
    two.execute("SELECT contauth.authenticate(%s)", [B["token"]])
    rows = outcome(two, sql)
    if "FETCH" in sql:
        equal(rows, "34000", f"{title} is gone")
    else:
        ok(rows and isinstance(rows, list) and B["own"] in repr(rows) and
           A["own"] not in repr(rows), f"{title} shows rows of who asks", rows)
    two.execute("ROLLBACK")
    one.close()
    two.close()


def stale_handles():
    """What one client leaves shows nothing of it to the next."""
    for dbname, how in (("tx1", "SET"), ("tx1", "SET LOCAL"), ("plain1", "SET LOCAL")):
        for name, sql in HANDLES:
            stale_handle(dbname, how, name, sql)

    renew_server("tx1")
    one, two = connect("tx1"), connect("tx1")
    leave_handles(one, f"SET LOCAL contauth.token = {literal(A['token'])}")
    two.execute("BEGIN")
    two.execute("SELECT contauth.authenticate(%s)", [B["token"]])
    rows = outcome(two, "SELECT statement FROM pg_prepared_statements")
    ok(rows == "42501" or "left" not in repr(rows),
       "the text of what another client has prepared is not shown", rows)
    two.execute("ROLLBACK")
    two.close()
    for sql in (f"DECLARE held CURSOR WITH HOLD FOR {NAMES}",
                f"CREATE TEMPORARY TABLE kept AS {NAMES}",
                "SELECT tenant, name INTO TEMPORARY kept FROM app.customer",
                "CREATE TEMPORARY TABLE kept (a integer)", "LISTEN kept"):
        one.execute("BEGIN")
        one.execute("SELECT contauth.authenticate(%s)", [A["token"]])
        equal(outcome(one, sql), "42501", f"nothing that would stay: {sql[:30]}")
        one.execute("ROLLBACK")
    one.close()


def renew_server(dbname):
    """Make the pooler take a new server connection."""
    admin = connect("pgbouncer")
    admin.execute(f"RECONNECT {dbname}")
    admin.close()


def session_mode():
    """One client after the other, with DISCARD ALL between them."""
    one = connect("sess1")
    one.execute(f"SET contauth.token = {literal(A['token'])}")
    pid = one.execute("SELECT pg_backend_pid()").fetchone()[0]
    equal(tenants(outcome(one, NAMES)), ["acme"], "session mode: SET works")
    equal(agent_of(one), A["agent"], "and lasts from statement to statement")
    one.execute(f"PREPARE left_sql AS {NAMES}")
    one.execute("SET contauth.purpose = 'of the first client'")
    one.close()

    two = connect("sess1")
    nobody(two, "session mode")
    equal(outcome(two, "SHOW contauth.token"), [("",)], "session mode: no digest stays")
    equal(outcome(two, "SHOW contauth.purpose"), [("",)], "session mode: no purpose stays")
    for again in ("RESET contauth.token", "SET contauth.token TO DEFAULT", "RESET ALL"):
        equal(outcome(two, again), [], f"session mode: {again}")
        equal(outcome(two, NAMES), "28000", f"session mode: {again} brings nothing back")
    two.execute("SELECT contauth.authenticate(%s)", [B["token"]])
    equal(two.execute("SELECT pg_backend_pid()").fetchone()[0], pid,
          "session mode: it is the same server connection")
    equal(tenants(outcome(two, NAMES)), ["globex"], "session mode: the next client's own token")
    equal(outcome(two, "EXECUTE left_sql"), "26000", "session mode: no statement is left")
    two.execute("BEGIN")
    two.execute(f"SET LOCAL contauth.token = {literal(A['token'])}")
    hang_up(two)

    three = connect("sess1")
    nobody(three, "session mode, after a client that hung up")
    three.close()


def startup_options():
    """A pooler passes no connection options on: refused, or ignored."""
    option = f"-c contauth.token={A['token']}"
    for dbname in ("sess1", "tx1"):
        try:
            connect(dbname, options=option).close()
            ok(False, f"{dbname}: options are refused by the pooler")
        except psycopg.OperationalError as error:
            ok("unsupported startup parameter" in str(error),
               f"{dbname}: options are refused by the pooler", error)
    admin = connect("pgbouncer")
    admin.execute("SET ignore_startup_parameters = 'options'")
    for dbname in ("sess1", "tx1"):
        conn = connect(dbname, options=option)
        nobody(conn, f"{dbname}: options that the pooler ignores")
        conn.close()
    admin.execute("SET ignore_startup_parameters = ''")
    admin.close()


SUITES = {f.__name__: f for f in (load, scope_transaction, disconnects, scope_session,
                                  stale_handles, session_mode, startup_options)}

for suite in CONFIG["run"]:
    SUITES[suite]()
