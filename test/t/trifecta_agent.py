#!/usr/bin/python3
"""Follow the instruction that a ticket carries, on every road and protocol.

Reads a request (JSON) from standard input: socket, role, token, marker, phase,
and statements where the phase takes some.  Writes one JSON line for each thing
that was tried: title, via, sqlstate, and whether the marker arrived.
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "attack"))
import wire  # noqa: E402  (from test/attack)

WAYS = {
    "simple": lambda session, sql: session.simple(sql),
    "extended": lambda session, sql: session.extended(sql, binary=False),
    "prepared": lambda session, sql: session.prepared(sql),
    "portal": lambda session, sql: session.portal(sql),
    "pipeline": lambda session, sql: session.pipeline(["SELECT 1", sql]),
}
request = json.load(sys.stdin)
marker = request["marker"].encode()


def ways(sql):
    """The protocols that the client can speak for this statement."""
    for via, run in WAYS.items():
        # nor can a procedure commit inside a pipeline, from 17 on
        if (" FROM STDIN" in sql or sql.startswith("CALL ")) and \
                via not in ("simple", "extended") or \
                via == "portal" and not (sql.startswith("SELECT") or " RETURNING " in sql):
            continue
        yield via, run


def connect():
    return wire.Session(request["socket"], user=request["role"], database="postgres",
                        options="-c contauth.token=" + request["token"])


def tell(title, via, answer, session):
    print(json.dumps({"title": title, "via": via, "sqlstate": answer.sqlstate,
                      "leaked": marker in session.received}))


def one_statement_each():
    """Every statement in a session of its own, which has read nothing."""
    for sql in request["statements"]:
        for via, run in ways(sql):
            session = connect()
            session.copy_data = b"1\tx\n"
            tell(sql, via, run(session, sql), session)
            session.close()


def read_then_write():
    """Ready before the read, tried after it: here, there and from anew."""
    here, there = connect(), connect()
    for session in (here, there):
        for sql in request["statements"]:
            session.simple("PREPARE p%d AS %s" % (request["statements"].index(sql), sql))
        session.simple("BEGIN")
        session.simple("SAVEPOINT s")
        session._send(session._parse("", request["statements"][0]) +
                      session._bind("bound", "", False) + wire.message(b"S"))
        session._answer()
    tell("read", "simple", here.simple("SELECT body FROM app.secret_ticket"), here)
    stolen = next(bytes(row[0]).decode() for row in
                  here.simple("SELECT body FROM app.secret_ticket").rows)
    for name, session in (("here", here), ("there", there)):
        session._send(session._execute("bound", 0) + wire.message(b"S"))
        tell("a portal bound before", name, session._answer(), session)
        session.simple("ROLLBACK TO s")
        for number, sql in enumerate(request["statements"]):
            tell("EXECUTE " + sql, name, session.simple("EXECUTE p%d" % number), session)
            session.simple("ROLLBACK TO s")
        session.simple("ROLLBACK")
        follow(name, session, stolen)
        session.close()
    session = connect()
    follow("again", session, stolen)
    session.close()


def follow(name, session, stolen):
    """What the agent knows by now, it can write as a literal."""
    literal = "'" + stolen.replace("'", "''") + "'"
    session.copy_data = ("1\t" + stolen + "\n").encode()
    for sql in ("INSERT INTO app.page VALUES (9, %s)", "UPDATE app.page SET body = %s",
                "NOTIFY news, %s", "COPY (SELECT %s FROM app.page) TO STDOUT",
                "COPY app.page FROM STDIN", "SELECT app.publish(%s)"):
        for via, run in ways(sql):
            tell(sql, name + " " + via, run(session, sql.replace("%s", literal)), session)
            session.simple("DEALLOCATE ALL")


{"one": one_statement_each, "later": read_then_write}[request["phase"]]()
