#!/usr/bin/env python3
"""Runs the attack cases against a server that test/t/019_attacks.pl prepared.

Input (JSON, standard input): "socket", "port", "database", "role", "token",
"other_token", "superuser", "human", "bindir", "relay" (a folder to make),
"version", "controls" (see below), and optionally "only", a part of the titles
or themes to run.
Output: one JSON object a line, {"ok", "title", "diag", "known"}, a case each,
and a last one with "control", how many cases leak to a role that is not
governed, up to "controls": there the search must find what it is searched for;
and "missed", the disguises of hidden values that the search does not find.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import psycopg

import cases
import markers
import wire

sys.path.append(str(pathlib.Path(__file__).parents[1] / "demo"))
import wiretap  # noqa: E402

CONFIG = json.load(sys.stdin)
PATH = f"{CONFIG['socket']}/.s.PGSQL.{CONFIG['port']}"


class Failure(Exception):
    """The case did not end as it must."""


class Server:
    """What the superuser knows: markers, variables of cases, checks."""

    def __init__(self):
        self._connection = psycopg.connect(
            host=CONFIG["socket"], port=CONFIG["port"], dbname=CONFIG["database"],
            user=CONFIG["superuser"], autocommit=True)
        self.variables = dict(self._rows("SELECT name, value FROM attack.variable"))
        self.variables.update(token=CONFIG["token"], other_token=CONFIG["other_token"])
        values = [row[0] for row in self._rows("SELECT value FROM attack.hidden_value")]
        numbers = [row[0] for row in self._rows("SELECT value FROM attack.hidden_number")]
        keys = [row[0] for row in self._rows("SELECT key FROM contauth.secret")]
        self.searcher = markers.Searcher(values, numbers, keys)
        self.missed = markers.missed(
            self.searcher, [value for value in values if value.startswith("RAW")][::9], numbers)

    def _rows(self, sql):
        return self._connection.execute(sql).fetchall()

    def holds(self, sql):
        return self._rows(sql)[0][0] is True

    def fill(self, text):
        """Put variables into a text: ${name}."""
        return re.sub(r"\$\{(\w+)\}", lambda m: self.variables[m.group(1)], text)


def connect(case, human):
    parameters = {"user": CONFIG["human"] if human else CONFIG["role"],
                  "database": CONFIG["database"], "application_name": "attack",
                  "statement_timeout": "500ms" if human else "15s"}
    who = case.keys.get("as", ["agent"])[0]
    if not human and who != "nobody":
        token = CONFIG["other_token"] if who == "other" else CONFIG["token"]
        parameters["options"] = f"-c contauth.token={token}"
    parameters.update(word.split("=", 1) for words in case.connect for word in words.split())
    return wire.Session(PATH, **parameters)


def run_statement(session, via, sql):
    if via == "fastpath":
        oid, *arguments = sql.split()
        return session.call(int(oid), arguments)
    return getattr(session, via)(sql)


def run_statements(case, via, session, server):
    """SQLSTATE and rows that decide, and the first error's message."""
    statements = [server.fill(sql) for sql in case.statements]
    session.copy_data = "".join(line + "\n" for line in case.copy).encode()
    if via == "pipeline":
        answer = session.pipeline(statements)
        return answer.sqlstate, answer.rows, answer.message
    last = case.expect[0].startswith("last ")
    if not case.autocommit:
        session.simple("BEGIN")
    sqlstate, rows, told = "00000", [], ""
    for sql in statements:
        answer = run_statement(session, via, sql)
        rows = answer.rows or rows
        if sqlstate == "00000" or last:
            sqlstate, told = answer.sqlstate, answer.message
        if sqlstate != "00000" and not case.autocommit:
            break
    if not case.autocommit:
        session.simple("ROLLBACK")
    return sqlstate, rows, told


def judge_outcome(case, sqlstate, told):
    verb, *states = case.expect[0].removeprefix("last ").split()
    good = (verb == "any" or (verb == "allowed" and sqlstate == "00000") or
            sqlstate in states)
    if not good:
        raise Failure(f"expected {case.expect[0]}, got {sqlstate} {told}")


def judge_rows(case, via, rows):
    """Rows are compared where they come as text."""
    if case.rows and via in ("simple", "prepared", "fastpath"):
        got = ";".join("|".join("" if v is None else v.decode(errors="replace") for v in row)
                       for row in rows)
        if got != case.rows[0]:
            raise Failure(f"expected rows {case.rows[0]}, got {got}")


def judge_bytes(case, received, sqlstates, server):
    found = server.searcher.search(bytes(received))
    if found:
        raise Failure("LEAK: " + ", ".join(found))
    if "XX000" in sqlstates:
        raise Failure("SQLSTATE XX000")


def judge_shown(case, received):
    for text in case.shows:
        if text.encode() not in received:
            raise Failure(f"did not show {text}")


def run_via(case, via, server):
    session = None
    try:
        session = connect(case, False)
        sqlstate, rows, told = run_statements(case, via, session, server)
        session.close()
    except wire.Lost as lost:
        if case.expect[0] != "fatal" or "FATAL" not in str(lost):
            raise Failure(f"connection lost: {lost}") from lost
        return
    judge_bytes(case, session.received, session.sqlstates, server)
    judge_outcome(case, sqlstate, told)
    judge_shown(case, session.received)
    judge_rows(case, via, rows)


def run_pg_dump(case, server, tap):
    """The whole program, through a relay that keeps the bytes."""
    before = len(tap.captured())
    result = subprocess.run(
        [f"{CONFIG['bindir']}/pg_dump", "-h", tap.folder, "-p", str(CONFIG["port"]),
         "-U", CONFIG["role"], *server.fill(case.statements[0]).split(), CONFIG["database"]],
        env={**os.environ, "PGOPTIONS": f"-c contauth.token={CONFIG['token']}"},
        capture_output=True, timeout=60, check=False)
    received = b"".join(tap.captured()[before:]) + result.stdout + result.stderr
    judge_bytes(case, received, [], server)
    if (result.returncode == 0) != (case.expect[0] == "allowed") and case.expect[0] != "any":
        raise Failure(f"expected {case.expect[0]}, exit code {result.returncode}: "
                      f"{result.stderr.decode()[:300]}")


def run_case(case, server, tap):
    for via in case.vias:
        try:
            if via == "pg_dump":
                run_pg_dump(case, server, tap)
            else:
                run_via(case, via, server)
            for sql in case.after:
                if not server.holds(server.fill(sql)):
                    raise Failure(f"afterwards not true: {sql}")
        except (Failure, TimeoutError) as failure:
            raise Failure(f"via {via}: {failure or 'timeout'}") from failure


def leaks_to_human(case, server):
    """Would the search find anything if nothing was protected?"""
    if case.autocommit or case.connect or case.vias[0] in ("fastpath", "pg_dump"):
        return False
    session = None
    try:
        session = connect(case, True)
        run_statements(case, case.vias[0], session, server)
        session.close()
    except (wire.Lost, TimeoutError):
        pass
    return session is not None and bool(server.searcher.search(bytes(session.received)))


def report(case, ok, diag, seconds):
    print(json.dumps({"ok": ok, "title": f"{case.theme}: {case.title}", "diag": diag,
                      "known": case.known[0] if case.known else None,
                      "seconds": round(seconds, 2)}), flush=True)


def main():
    server = Server()
    wiretap.SOCKET_NAME = f".s.PGSQL.{CONFIG['port']}"
    tap = wiretap.Wiretap(CONFIG["relay"], CONFIG["socket"])
    control = 0
    for case in cases.read(pathlib.Path(__file__).parent):
        if not case.runs_on(CONFIG["version"]) or \
                CONFIG.get("only", "") not in f"{case.theme}: {case.title}":
            continue
        start = time.monotonic()
        try:
            run_case(case, server, tap)
        except Failure as failure:
            report(case, False, str(failure), time.monotonic() - start)
        else:
            report(case, True, "", time.monotonic() - start)
        if control < CONFIG["controls"]:
            control += leaks_to_human(case, server)
    print(json.dumps({"control": control, "missed": server.missed}), flush=True)


main()
