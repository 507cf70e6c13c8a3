#!/usr/bin/python3
"""A thousand requests of two agents, the same ones each time.

Input (JSON, standard input): "socket" and "port" of the server, "agents" (role
and token), "requests" (how many).  Output: one JSON array a line, with agent,
statement, SQLSTATE, reason code, deciding policy, and the rows.
"""
import json
import random
import re
import sys

import psycopg

CONFIG = json.load(sys.stdin)
RANDOM = random.Random(20)
COLUMNS = ["id", "tenant", "name", "email", "phone", "notes", "balance"]


def reads():
    columns = ", ".join(RANDOM.sample(COLUMNS, RANDOM.randint(1, 4)))
    where = RANDOM.choice(["", " WHERE id < 5", " WHERE name LIKE 'acme%'", " WHERE balance > 30"])
    return f"SELECT {columns} FROM app.customer{where} ORDER BY 1, id"


def reads_others():
    return RANDOM.choice([
        "SELECT * FROM app.ticket ORDER BY id", "SELECT id FROM app.area ORDER BY id",
        "SELECT * FROM app.area_north ORDER BY id", "SELECT count(*) FROM app.customer",
        "SELECT c.name, t.body FROM app.customer c JOIN app.ticket t ON t.customer_id = c.id ORDER BY 2",
        "SELECT name FROM app.customer_view ORDER BY id", "SELECT app.pay()",
        "SELECT count(*) FROM pg_class", "SELECT id FROM app.glass", "SELECT upper('x')", "SELECT lower('X')",
        "SELECT pg_read_file('PG_VERSION')", "SELECT name FROM contauth.policy"])


def writes():
    return RANDOM.choice([
        f"UPDATE app.ticket SET body = 'new' WHERE id = {RANDOM.randint(1, 10)} RETURNING id",
        "UPDATE app.ticket SET tenant = 'acme'", "DELETE FROM app.ticket",
        "INSERT INTO app.area VALUES (7, 'north') RETURNING id", "TRUNCATE app.ticket",
        "DELETE FROM app.area WHERE id = 2 RETURNING id", "LOCK app.area", "NOTIFY news"])


def detail(error):
    """Reason code and policy that a refusal names."""
    text = error.diag.message_detail or ""
    return [re.findall(r"reason=(\w+)", text), re.findall(r"policy=([^:]+):", text)]


def main():
    connections = [psycopg.connect(host=CONFIG["socket"], port=CONFIG["port"], dbname="app",
                                   user=agent["role"],
                                   options="-c contauth.token=" + agent["token"])
                   for agent in CONFIG["agents"]]
    for _ in range(CONFIG["requests"]):
        which = RANDOM.randrange(len(connections))
        statement = RANDOM.choice([reads, reads, reads, reads_others, writes])()
        answer = [which, statement]
        try:
            rows = connections[which].execute(statement)
            answer += ["00000", [], rows.fetchall() if rows.description else rows.rowcount]
        except psycopg.Error as error:
            answer += [error.sqlstate, detail(error), []]
        connections[which].rollback()
        print(json.dumps(answer, default=str))


main()
