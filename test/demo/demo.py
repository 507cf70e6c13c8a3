"""The demo: two organisations' agents on one customer database.

Every step says who does what, what must come out, and what came out of the
running server.  Expectations are computed by the superuser with plain SQL that
knows nothing of contauth; what the agents get comes through ordinary drivers
(psql for acme's agent, psycopg for globex's).

Usage: demo.py SERVER_FOLDER, as the owner of the server; see test/demo/run.
"""
import collections
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import psycopg

from issuer import Issuer, tampered
from wiretap import Wiretap

HERE = pathlib.Path(__file__).resolve().parent
SERVER = pathlib.Path(sys.argv[1])
SOCKET = str(SERVER / "socket")
AUDIENCE = "contauth-demo"
ACME = "spiffe://acme.example/agent/support/bot-1"
GLOBEX = "spiffe://globex.example/agent/support/bot-7"

# What a mask of policies.sql must make of a column, written without contauth.
MASKED = {
    "email": "left(email, 1) || '***@' || split_part(email, '@', 2)",
    "national_id": "repeat('*', length(national_id) - 4) || right(national_id, 4)",
    "card_number": "CASE WHEN card_number IS NOT NULL THEN '[redacted]' END",
}
MASKED_LIST = ", ".join(MASKED.values())


class Refusal:
    """An error of the server; two are alike when their SQLSTATEs are."""

    def __init__(self, sqlstate, message=""):
        self.sqlstate = sqlstate or "(none)"
        self.message = message

    def __eq__(self, other):
        return isinstance(other, Refusal) and self.sqlstate == other.sqlstate

    def __repr__(self):
        return f"{self.sqlstate} {self.message}".strip()


DENIED = Refusal("42501")
NO_IDENTITY = Refusal("28000")
DECISION_ID = re.compile(r"decision_id=([0-9a-f-]{36})")


class Report:
    """Prints the steps and remembers which differ."""

    def __init__(self):
        self.steps = 0
        self.different = []

    @staticmethod
    def show(value, most):
        """A value on at most `most` lines of at most 110 characters."""
        lines = value if isinstance(value, list) else [value]
        lines = [str(line).replace("\n", " ") for line in lines] or ["(nothing)"]
        if len(lines) > most:
            lines = lines[:most - 1] + [f"... {len(lines)} in all"]
        lines = [line if len(line) <= 110 else line[:107] + "..." for line in lines]
        return ("\n" + " " * 15).join(lines)

    def step(self, title, sql, expected, got, same=None):
        """One step; same is the verdict when equality is not the question."""
        self.steps += 1
        same = (expected == got) if same is None else same
        if not same:
            self.different.append(f"{self.steps}. {title}")
        print(f"\n[{self.steps}] {title}")
        for name, value in (("SQL", " ".join(sql.split())), ("expected", expected),
                            ("got", got)):
            print(f"     {name:<9} {self.show(value, 5 if same else 20)}")
        print(f"     {'ok' if same else 'DIFFERENT'}")

    def summary(self):
        """The last line, and the exit code."""
        for title in self.different:
            print(f"DIFFERENT: {title}")
        print(f"\n{self.steps} steps, {self.steps - len(self.different)} as "
              f"expected, {len(self.different)} different")
        return 1 if self.different or not self.steps else 0


def heading(text):
    print(f"\n=== {text} " + "=" * max(0, 74 - len(text)))


# --- drivers ----------------------------------------------------------------

class Seen:
    """What the clients saw, to be compared with what the audit says."""
    denied = collections.Counter()      # agent -> errors 42501
    decisions = []                      # every decision id in an error's DETAIL
    done = collections.Counter()        # application name -> data statements
    tokens = []                         # every token that was issued


def psql(script, host, user, token=None, agent=None, app="demo-psql", tags=False,
         settings=()):
    """Run a script with psql: its output lines, then its errors, in order."""
    env = dict(os.environ, PGHOST=host, PGPORT="5432", PGDATABASE="demo",
               PGUSER=user, PGAPPNAME=app)
    if token:
        env["PGOPTIONS"] = f"-c contauth.token={token}"
    command = ["psql", "-X", "-A", "-t", "-v", "VERBOSITY=verbose", *settings]
    done = subprocess.run(command + ([] if tags else ["-q"]), input=script,
                          env=env, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    errors = [Refusal(state, text) for state, text in
              re.findall(r"(?:ERROR|FATAL): +(?:([0-9A-Z]{5}): )?(.*)", done.stderr)]
    if not errors and done.returncode != 0:
        errors = [Refusal(None, done.stderr.strip())]
    Seen.denied[agent] += errors.count(DENIED)
    Seen.decisions += DECISION_ID.findall(done.stderr)
    return done.stdout.splitlines() + errors


def execute(connection, sql, params=None, agent=None, prepare=None):
    """Run one statement with psycopg: rows as psql -A -t would show them."""
    try:
        cursor = connection.execute(sql, params, prepare=prepare)
    except psycopg.Error as error:
        refusal = Refusal(error.sqlstate, str(error).splitlines()[0])
        Seen.denied[agent] += refusal == DENIED
        Seen.decisions += DECISION_ID.findall(error.diag.message_detail or "")
        return [refusal]
    if "crm." in sql:
        Seen.done[connection.info.get_parameters().get("application_name")] += 1
    result = cursor.pgresult
    if not result.nfields:
        return [cursor.statusmessage]
    return ["|".join((result.get_value(row, column) or b"").decode()
                     for column in range(result.nfields))
            for row in range(result.ntuples)]


def connect(host, user, app):
    """A plain psycopg connection, one transaction per statement."""
    return psycopg.connect(host=host, port=5432, user=user, dbname="demo",
                           application_name=app, autocommit=True)


def superuser(sql):
    """Rows as the superuser gets them, straight from the server."""
    with connect(SOCKET, "postgres", "demo-dba") as connection:
        return execute(connection, sql)


def auditor(sql):
    """Rows as the auditor gets them, with every record written before."""
    with connect(SOCKET, "carla_auditor", "demo-auditor") as connection:
        synced = execute(connection, "SELECT contauth_audit.sync('30 s')")
        return execute(connection, sql) if synced == ["t"] else synced


def run_file(name, **variables):
    """Run one of the demo's scripts as the superuser: its errors, as they come.

    Notices are progress and go to the terminal.
    """
    settings = [arg for key, value in variables.items()
                for arg in ("-v", f"{key}={value}")]
    command = ["psql", "-X", "-q", "-o", "/dev/null", "-h", SOCKET, "-p", "5432",
               "-U", "postgres", "-d", "demo", *settings, "-f", str(HERE / name)]
    errors = []
    with subprocess.Popen(command, text=True, stderr=subprocess.PIPE) as process:
        for line in process.stderr:
            notice = line.partition("NOTICE:")[2]
            if notice:
                print(notice.rstrip(), flush=True)
            else:
                errors.append(line.strip())
    return errors or (["no error"] if process.returncode == 0 else ["an error"])


# --- the demo ---------------------------------------------------------------

class Demo:
    """The state that the steps share."""

    def __init__(self, report):
        self.report = report
        self.taps = {}
        self.acme_issuer = self.globex_issuer = None
        self.acme_token = self.globex_token = None
        self.globex = None
        self.secrets = None         # the raw values, known before agents come
        self.strangers = 0          # attempts without a valid identity
        self.acknowledged = 0       # statements answered before the kill

    def issue(self, issuer, subject, tenant, lifetime=3600, audience=AUDIENCE):
        """A token as the organisation's issuer gives it to its agent."""
        token = issuer.token(subject, audience, lifetime, tenant=tenant,
                             purpose="support")
        Seen.tokens.append(token)
        return token

    def acme(self, script, app="demo-acme", tags=False):
        """acme's agent: psql, the token as a startup option."""
        return psql(script, self.taps["acme"].folder, "support_bot",
                    self.acme_token, ACME, app, tags)

    def ask(self, sql, params=None, prepare=None):
        """globex's agent: psycopg, the token as a bind parameter."""
        return execute(self.globex, sql, params, GLOBEX, prepare)

    def stranger(self, token, sql="SELECT count(*) FROM crm.customer"):
        """A session that presents token, and then asks; its first error."""
        with connect(self.taps["nobody"].folder, "support_bot",
                     "demo-stranger") as connection:
            said = execute(connection, "SELECT contauth.authenticate(%s)", [token])
            if isinstance(said[0], Refusal):
                return said
            return execute(connection, sql)

    # preparation

    def make_data(self):
        heading("A customer database of five tenants")
        print("generating ...", flush=True)
        said = run_file("customers.sql")
        cards = superuser("SELECT card_number FROM crm.customer "
                          "WHERE card_number IS NOT NULL")
        valid = sum(luhn(card) for card in cards)
        self.report.step(
            "Customers and tickets are there, cards have valid check digits",
            "-- customers.sql", ["no error", "120000|180000",
                                 f"{len(cards)} valid cards"],
            [*said, *superuser("SELECT (SELECT count(*) FROM crm.customer), "
                              "(SELECT count(*) FROM crm.ticket)"),
             f"{valid} valid cards"])
        self.secrets = Secrets()
        print("     tenants   " + ", ".join(superuser(
            "SELECT tenant || ' ' || count(*) FROM crm.customer "
            "GROUP BY tenant ORDER BY tenant")))

    def make_trust(self):
        heading("The DBA: trust, agents, labels, policies")
        self.acme_issuer = Issuer(SERVER, "acme", "RS256")
        self.globex_issuer = Issuer(SERVER, "globex", "ES256")
        said = run_file("trust.sql", acme_jwks=self.acme_issuer.jwks(),
                        globex_jwks=self.globex_issuer.jwks())
        self.report.step(
            "Extension, roles, two issuers, two agents, three labels",
            "-- trust.sql", ["no error", "2 agents", "3 labels"],
            [*said,
             *superuser("SELECT count(*) || ' agents' FROM contauth.agent"),
             *superuser("SELECT count(*) || ' labels' FROM pg_catalog.pg_seclabels "
                        "WHERE provider = 'contauth'")])
        said = run_file("policies.sql")
        names = sorted(re.findall(r"create_policy\('(\w+)'",
                                  (HERE / "policies.sql").read_text("utf-8")))
        self.report.step(
            "The policies of policies.sql are in force", "-- policies.sql",
            ["no error", *names],
            [*said, *superuser("SELECT name FROM contauth.policy WHERE name = ANY ('{"
                              + ",".join(names) + "}') ORDER BY name COLLATE \"C\"")])
        for name in ("acme", "globex", "nobody", "reporting"):
            self.taps[name] = Wiretap(SERVER / f"tap-{name}", SOCKET)
        self.acme_token = self.issue(self.acme_issuer, ACME, "acme")
        self.globex_token = self.issue(self.globex_issuer, GLOBEX, "globex")

    # agents

    def identities(self):
        heading("Two agents, one database role")
        sql = "SELECT contauth.whoami() ->> 'agent'"
        self.report.step("acme's agent (psql, token as startup option)", sql,
                         [ACME], self.acme(sql))
        self.globex = connect(self.taps["globex"].folder, "support_bot", "demo-globex")
        sql = "SELECT contauth.authenticate(%s) ->> 'agent'"
        self.report.step("globex's agent (psycopg, token as bind parameter)", sql,
                         [GLOBEX], self.ask(sql, [self.globex_token]))

    def reads(self):
        report = self.report
        sql = ("SELECT id, first_name, email, national_id, card_number "
               "FROM crm.customer ORDER BY id LIMIT 5")
        report.step("acme reads customers: its own, masked", sql, superuser(
            f"SELECT id, first_name, {MASKED_LIST} FROM crm.customer "
            "WHERE tenant = 'acme' ORDER BY id LIMIT 5"), self.acme(sql))
        sql = "SELECT count(*) FROM crm.customer"
        for tenant, ask in (("acme", self.acme), ("globex", self.ask)):
            report.step(f"{tenant} counts customers: its own tenant's", sql,
                        superuser(f"{sql} WHERE tenant = '{tenant}'"), ask(sql))
        other = superuser("SELECT min(id) FROM crm.customer WHERE tenant = 'globex'")[0]
        sql = f"SELECT id, email FROM crm.customer WHERE id = {other}"
        report.step("acme asks for a customer of globex by key: no row", sql,
                    [], self.acme(sql))
        known = superuser("SELECT min(national_id) FROM crm.customer "
                          "WHERE tenant = 'acme'")[0]
        sql = f"SELECT count(*) FROM crm.customer WHERE national_id = '{known}'"
        report.step("acme guesses a real national id of its own customer: no match",
                    sql, ["0"], self.acme(sql))
        sql = ("SELECT count(DISTINCT card_number), min(national_id), "
               "max(national_id), count(email) FROM crm.customer")
        inner = ", ".join(f"{expr} AS {name}" for name, expr in MASKED.items())
        report.step("globex aggregates over masked columns", sql, superuser(
            sql.replace("crm.customer", f"(SELECT {inner} FROM crm.customer "
                        "WHERE tenant = 'globex') AS c")), self.ask(sql))

    def shapes(self):
        report = self.report
        first = superuser("SELECT id FROM crm.customer WHERE tenant = 'acme' "
                          "ORDER BY id LIMIT 3")
        plain = (f"SELECT {MASKED['email']} FROM crm.customer "
                 "WHERE tenant = '{0}' AND id = ANY ('{{{1}}}') ORDER BY id")
        script = ("PREPARE p(int) AS SELECT email FROM crm.customer WHERE id = $1;\n"
                  + "".join(f"EXECUTE p({id_});\n" for id_ in first))
        report.step("acme: a prepared statement, executed three times", script,
                    superuser(plain.format("acme", ",".join(first))),
                    self.acme(script))
        ids = superuser("SELECT id FROM crm.customer WHERE tenant = 'globex' "
                        "ORDER BY id LIMIT 7")
        sql = "SELECT email FROM crm.customer WHERE id = %s"
        got = [row for id_ in ids for row in self.ask(sql, [int(id_)], prepare=True)]
        report.step("globex: a prepared statement of the driver, seven times", sql,
                    superuser(plain.format("globex", ",".join(ids))), got)
        sql = ("SELECT first_name, email, national_id, card_number "
               "FROM crm.customer_card ORDER BY id LIMIT 3")
        report.step("globex: a view owned by the superuser", sql, superuser(
            f"SELECT first_name, {MASKED_LIST} FROM crm.customer "
            "WHERE tenant = 'globex' ORDER BY id LIMIT 3"), self.ask(sql))
        script = ("BEGIN; DECLARE c CURSOR FOR SELECT id, national_id "
                  "FROM crm.customer ORDER BY id; FETCH 3 FROM c; COMMIT;")
        report.step("acme: a cursor", script, superuser(
            f"SELECT id, {MASKED['national_id']} FROM crm.customer "
            "WHERE tenant = 'acme' ORDER BY id LIMIT 3"), self.acme(script))
        sql = ("SELECT t.priority, count(*), count(DISTINCT c.national_id) "
               "FROM crm.ticket t JOIN crm.customer c ON c.id = t.customer_id "
               "GROUP BY t.priority ORDER BY t.priority")
        report.step("globex: a join of two filtered tables", sql, superuser(
            "SELECT t.priority, count(*), count(DISTINCT "
            + MASKED["national_id"].replace("national_id", "c.national_id")
            + ") FROM crm.ticket t JOIN crm.customer c ON c.id = t.customer_id "
            "WHERE t.tenant = 'globex' AND c.tenant = 'globex' "
            "GROUP BY t.priority ORDER BY t.priority"), self.ask(sql))

    def exports(self):
        sql = ("COPY crm.customer (id, reference, email, national_id, card_number) "
               "TO STDOUT")
        plain = (f"COPY (SELECT id, reference, {MASKED_LIST} FROM crm.customer "
                 "WHERE tenant = 'acme') TO STDOUT")
        self.report.step("acme exports customers with COPY: filtered and masked, "
                         "every line", sql,
                         sorted(psql(plain, SOCKET, "postgres")),
                         sorted(self.acme(sql), key=str))
        sql = "COPY crm.customer (id, email) TO STDOUT"
        self.report.step("globex exports: nothing permits it", sql, [DENIED],
                         psql(sql, self.taps["globex"].folder, "support_bot",
                              self.globex_token, GLOBEX, "demo-globex-psql"))

    def denials(self):
        report = self.report
        for sql in ("SELECT id, notes FROM crm.customer LIMIT 1",
                    "SELECT * FROM crm.customer LIMIT 1"):
            report.step("acme reads a column that no policy covers", sql, [DENIED],
                        self.acme(sql))
        sql = "SELECT sum(balance) FROM crm.customer"
        report.step("acme adds up balances", sql,
                    superuser(f"{sql} WHERE tenant = 'acme'"), self.acme(sql))
        report.step("globex adds up balances: forbidden by its own policy", sql,
                    [DENIED], self.ask(sql))
        before = superuser("SELECT count(*), md5(string_agg(c::text, '' ORDER BY id)) "
                           "FROM crm.customer AS c")
        for sql in ("DELETE FROM crm.customer WHERE id = 1",
                    "UPDATE crm.customer SET first_name = 'x' WHERE id = 1",
                    "TRUNCATE crm.customer CASCADE",
                    "INSERT INTO crm.ticket VALUES (0, 1, 'globex', 'x', 'open', 1, now())",
                    "UPDATE crm.ticket SET tenant = 'initech'",
                    "DROP TABLE crm.ticket",
                    "SELECT lo_creat(-1)"):
            report.step("globex tries what no policy permits", sql, [DENIED],
                        self.ask(sql))
        sql = "SELECT count(*) FROM contauth_audit.decision"
        report.step("globex looks for the audit: PostgreSQL's own privileges refuse, "
                    "before a policy is asked", sql, [DENIED],
                    execute(self.globex, sql))
        report.step("the customers are as they were", "-- md5 of all customers",
                    before, superuser(
                        "SELECT count(*), md5(string_agg(c::text, '' ORDER BY id)) "
                        "FROM crm.customer AS c"))

    def permitted_update(self):
        sql = ("UPDATE crm.ticket SET status = 'closed' "
               "WHERE id <= 2000 AND status = 'open'")
        count = ("SELECT count(*) FILTER (WHERE tenant = 'acme'), count(*) "
                 "FILTER (WHERE tenant <> 'acme') FROM crm.ticket "
                 "WHERE id <= 2000 AND status = 'open'")
        mine, others = superuser(count)[0].split("|")
        got = self.acme(sql, tags=True)
        self.report.step("acme closes tickets: only its own tenant's change", sql,
                         [f"UPDATE {mine}", f"0|{others}"], got + superuser(count))

    def bad_tokens(self):
        heading("Who may not speak at all")
        report = self.report
        sql = "SELECT count(*) FROM crm.customer"
        report.step("no token", sql, [NO_IDENTITY],
                    psql(sql, self.taps["nobody"].folder, "support_bot",
                         app="demo-stranger"))
        self.strangers = 1
        acme, globex = self.acme_issuer, self.globex_issuer
        for title, token in (
                ("a token that ended an hour ago",
                 self.issue(acme, ACME, "acme", lifetime=-3600)),
                ("a token whose tenant was changed after signing",
                 tampered(self.acme_token, tenant="globex")),
                ("a token for acme's agent signed by globex",
                 self.issue(globex, ACME, "acme")),
                ("a token for another audience",
                 self.issue(acme, ACME, "acme", audience="payroll")),
                ("a well-signed token of an agent nobody registered",
                 self.issue(acme, ACME + "00", "acme")),
                ("not a token", "let-me-in")):
            report.step(title, "SELECT contauth.authenticate(%s); " + sql,
                        [NO_IDENTITY], self.stranger(token))
            self.strangers += 1
        self.expiring_token()
        self.transaction_token()

    def expiring_token(self):
        sql = "SELECT count(*) FROM crm.ticket WHERE id <= %s"
        plain = superuser("SELECT count(*) FROM crm.ticket WHERE id <= 500 "
                          "AND tenant = 'acme'")
        with connect(self.taps["acme"].folder, "support_bot",
                     "demo-expiring") as connection:
            token = self.issue(self.acme_issuer, ACME, "acme", lifetime=4)
            execute(connection, "SELECT contauth.authenticate(%s)", [token])
            got = execute(connection, sql, [500], ACME, prepare=True)
            print("\nwaiting five seconds for a token to expire ...", flush=True)
            time.sleep(5)
            got += execute(connection, sql, [500], ACME, prepare=True)
        self.report.step("a token that expires while connected: the prepared "
                         "statement stops working", sql, plain + [NO_IDENTITY], got)

    def transaction_token(self):
        sql = "SELECT count(*) FROM crm.customer"
        with connect(self.taps["acme"].folder, "support_bot",
                     "demo-transaction") as connection:
            with connection.transaction():
                execute(connection, "SELECT contauth.authenticate(%s)",
                        [self.acme_token])
                got = execute(connection, sql, None, ACME)
            got += execute(connection, sql, None, ACME)
        self.report.step("a token presented inside a transaction ends with it",
                         f"BEGIN; authenticate; {sql}; COMMIT; {sql}",
                         superuser(f"{sql} WHERE tenant = 'acme'") + [NO_IDENTITY], got)

    def ungoverned(self):
        heading("Everybody else")
        sql = "SELECT id, email, national_id, card_number FROM crm.customer ORDER BY id LIMIT 100"
        self.report.step("a reporting role that is no agent: raw rows of all tenants",
                         sql, superuser(sql),
                         psql(sql, self.taps["reporting"].folder, "reporting",
                              app="demo-reporting"))

    def rolled_back(self):
        heading("Attempts that leave no trace in the data")
        script = ("BEGIN; SELECT id, notes FROM crm.customer LIMIT 1; ROLLBACK;\n"
                  "BEGIN; SELECT count(*) FROM crm.ticket WHERE id <= 100; ROLLBACK;")
        plain = superuser("SELECT count(*) FROM crm.ticket WHERE id <= 100 "
                          "AND tenant = 'acme'")
        self.report.step("acme is refused, then allowed, and rolls both back", script,
                         plain + [DENIED], self.acme(script, "demo-rollback"))

    def killed(self):
        """Kill a backend with signal 9 while three sessions of the agents work."""
        sql = "SELECT first_name FROM crm.customer WHERE id = %s"
        acknowledged = []
        sessions = []
        for tenant, token in (("acme", self.acme_token), ("globex", self.globex_token),
                              ("acme", self.acme_token)):
            connection = connect(self.taps[tenant].folder, "support_bot", "demo-crash")
            execute(connection, "SELECT contauth.authenticate(%s)", [token])
            sessions.append(connection)

        def work(connection):
            for id_ in range(1, 120001):
                if isinstance(next(iter(execute(connection, sql, [id_])), None), Refusal):
                    return
                acknowledged.append(id_)

        workers = [threading.Thread(target=work, args=(connection,))
                   for connection in sessions]
        for worker in workers:
            worker.start()
        deadline = time.monotonic() + 20
        while len(acknowledged) < 100 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(sessions[0].info.backend_pid, signal.SIGKILL)
        for worker in workers:
            worker.join(30)
        print("\nkilled a backend; waiting for the server to recover ...", flush=True)
        recovered = wait_for_server()
        self.acknowledged = len(acknowledged)
        self.report.step("a backend is killed with signal 9 in the middle of the work "
                         "of three sessions; the server recovers", sql,
                         "at least 100 acknowledged statements, then recovery",
                         f"{len(acknowledged)} acknowledged statements, "
                         f"{'recovered' if recovered else 'NOT recovered'}",
                         recovered and len(acknowledged) >= 100)

    # the auditor

    def audit(self):
        heading("What the auditor sees")
        report = self.report
        acknowledged = self.acknowledged
        sql = ("SELECT coalesce(agent, '(no identity)'), decision, count(*) "
               "FROM contauth_audit.decision GROUP BY 1, 2 ORDER BY 1, 2")
        print("\n".join("     " + row for row in auditor(sql)))
        sql = ("SELECT rpad(left(statement, 54), 54) || '  ' || reason || CASE "
               "reason_code WHEN 'forbid' THEN ': ' || policies[1] ELSE '' END "
               f"FROM contauth_audit.denials WHERE agent = '{GLOBEX}' ORDER BY seq")
        print("     globex's agent was refused:\n"
              + "\n".join("       " + row for row in auditor(sql)))
        sql = ("SELECT agent, count(*) FROM contauth_audit.decision WHERE decision = "
               "'deny' AND sqlstate = '42501' AND agent IS NOT NULL AND decision_id = "
               "ANY ('{" + ",".join(Seen.decisions) + "}') GROUP BY agent ORDER BY agent")
        report.step("each refusal told the agent a decision id, and under it is its "
                    "record", sql,
                    [f"{agent}|{Seen.denied[agent]}" for agent in (ACME, GLOBEX)],
                    auditor(sql))
        sql = ("SELECT count(*) FROM contauth_audit.decision WHERE application_name = "
               "'demo-globex' AND decision = 'allow' AND accesses::text LIKE '%crm.%'")
        report.step("one record for each statement that globex's session was "
                    "allowed", sql, [str(Seen.done["demo-globex"])], auditor(sql))
        sql = ("SELECT count(*), count(*) FILTER (WHERE agent IS NULL) "
               "FROM contauth_audit.decision WHERE application_name = 'demo-stranger' "
               "AND sqlstate = '28000'")
        report.step("one record for each attempt without identity", sql,
                    [f"{self.strangers}|{self.strangers}"], auditor(sql))
        sql = ("SELECT decision, reason_code, policies::text FROM contauth_audit.decision "
               "WHERE application_name = 'demo-rollback' AND accesses::text LIKE '%crm.%' "
               "ORDER BY seq")
        got = auditor(sql)
        report.step("both rolled-back attempts are there", sql, "deny, then allow", got,
                    [str(row).split("|")[0] for row in got] == ["deny", "allow"])
        sql = ("SELECT policies[1], reason <> '' FROM contauth_audit.decision "
               f"WHERE agent = '{GLOBEX}' AND decision = 'deny' "
               "AND policies[1] = 'globex_hides_balances'")
        report.step("the forbidden balance names the policy that decided", sql,
                    ["globex_hides_balances|t"], auditor(sql))
        sql = ("SELECT count(*) FROM contauth_audit.decision "
               "WHERE application_name IN ('demo-reporting', 'demo-dba')")
        report.step("people and services that are no agents leave no record", sql,
                    ["0"], auditor(sql))
        sql = ("SELECT count(*) FROM contauth_audit.decision WHERE application_name = "
               "'demo-crash' AND decision = 'allow' AND accesses::text LIKE '%crm.%'")
        got = auditor(sql)
        most = acknowledged + 3
        report.step("every statement acknowledged before the kill has its record "
                    "(one more a session may have been on its way)", sql,
                    f"{acknowledged} to {most}", got,
                    not isinstance(got[0], Refusal) and acknowledged <= int(got[0]) <= most)

    def tampering(self):
        report = self.report
        verify = "SELECT ok, first_bad IS NULL FROM contauth_audit.verify()"
        report.step("the hash chain is intact", verify, ["t|t"], auditor(verify))
        seq = superuser("SELECT min(seq) FROM contauth_audit.decision "
                        "WHERE decision = 'deny'")[0]
        change = f"UPDATE contauth_audit.decision SET decision = 'allow' WHERE seq = {seq}"
        report.step("the superuser edits a record: refused", change, [DENIED],
                    superuser(change))
        table = superuser("SELECT tableoid::regclass FROM contauth_audit.decision "
                          f"WHERE seq = {seq}")[0]
        change = change.replace("contauth_audit.decision", table, 1)
        script = (f"BEGIN; ALTER TABLE {table} DISABLE TRIGGER ALL; {change};\n"
                  "SELECT ok, first_bad FROM contauth_audit.verify(); ROLLBACK;")
        report.step("the superuser disables the triggers first: verify() names the "
                    "record", script, [f"f|{seq}"], psql(script, SOCKET, "postgres"))
        report.step("after the rollback the chain is intact again", verify, ["t|t"],
                    auditor(verify))

    def leaks(self):
        heading("What left the server")
        report = self.report
        secrets = self.secrets
        control = secrets.search(self.taps["reporting"].captured(), "reporting")
        report.step("control: the search finds raw values where they were sent",
                    "-- all bytes sent to the reporting role", "more than 0 raw values",
                    f"{control['raw']} raw values", control["raw"] > 0)
        for name in ("acme", "globex", "nobody"):
            found = secrets.search(self.taps[name].captured(), name)
            report.step(f"every byte sent to {name}: no raw national id, card, e-mail "
                        "or note of anybody, no customer of another tenant",
                        "-- all bytes of all connections",
                        "0 raw values, 0 foreign customers",
                        f"{found['raw']} raw values, {found['foreign']} foreign "
                        f"customers (in {found['bytes']} bytes, {found['own']} own "
                        "customers)", found["raw"] == 0 and found["foreign"] == 0
                        and (name != "acme" or found["own"] > 0))
        log = (SERVER / "server.log").read_text("utf-8", errors="replace")
        records = "\n".join(superuser("SELECT d::text FROM contauth_audit.decision d"))
        parts = [part for token in Seen.tokens for part in token.split(".")[1:]]
        report.step(f"no token (of {len(Seen.tokens)}) is in the log or in the audit",
                    "-- server.log, contauth_audit.decision", "0 in the log, 0 in the audit",
                    f"{sum(p in log for p in parts)} in the log, "
                    f"{sum(p in records for p in parts)} in the audit",
                    not any(p in log or p in records for p in parts))


class Secrets:
    """The raw values that must not leave, and how to find them in bytes."""

    def __init__(self):
        self.raw = set()
        self.tenant_of = {}
        for row in superuser("SELECT tenant, reference, email, national_id, "
                             "card_number, substring(notes from 'N-[0-9a-f]+') "
                             "FROM crm.customer"):
            tenant, reference, *values = row.split("|")
            self.tenant_of[reference.encode()] = tenant
            self.raw.update(value.encode() for value in values if value)

    def search(self, streams, tenant):
        """Counts in the streams: raw values, own and foreign customers."""
        found = collections.Counter(bytes=sum(map(len, streams)))
        for stream in streams:
            for pattern in (rb"(?=(\d{3}-\d\d-\d{4}))", rb"(?=(\d{16}))",
                            rb"(?=(N-[0-9a-f]{10}))"):
                found["raw"] += sum(match in self.raw
                                    for match in re.findall(pattern, stream))
            for local, host in re.findall(
                    rb"([a-z0-9.-]{1,80})@((?:example|mail|post)\.(?:com|org|net|example))",
                    stream):
                found["raw"] += any(local[i:] + b"@" + host in self.raw
                                    for i in range(len(local)))
            for reference in re.findall(rb"(?=(C-[0-9a-f]{12}))", stream):
                owner = self.tenant_of.get(reference)
                found["own" if owner == tenant else "foreign"] += owner is not None
        return found


def luhn(card):
    """Does the card number's check digit fit (ISO/IEC 7812-1)?"""
    digits = [int(c) for c in reversed(card)]
    return sum(d if i % 2 == 0 else d * 2 - 9 * (d > 4)
               for i, d in enumerate(digits)) % 10 == 0


def wait_for_server():
    """True when the server takes connections again, within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with connect(SOCKET, "postgres", "demo-dba"):
                return True
        except psycopg.OperationalError:
            time.sleep(0.2)
    return False


def main():
    started = time.monotonic()
    with psycopg.connect(host=SOCKET, port=5432, user="postgres", dbname="postgres",
                         autocommit=True) as connection:
        connection.execute("CREATE DATABASE demo")
    report = Report()
    demo = Demo(report)
    demo.make_data()
    demo.make_trust()
    if report.different:
        print("\nthe preparation failed: nothing else can be shown")
        return report.summary()
    for part in (demo.identities, demo.reads, demo.shapes, demo.exports,
                 demo.denials, demo.permitted_update, demo.bad_tokens,
                 demo.ungoverned, demo.rolled_back, demo.killed, demo.audit,
                 demo.tampering, demo.leaks):
        try:
            part()
        except psycopg.Error as error:
            report.step(f"{part.__name__} could not go on", "-- connection",
                        "no error", str(error).strip())
    print(f"\ntook {time.monotonic() - started:.0f} s")
    return report.summary()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
