#!/usr/bin/python3
"""Many sessions that want to use the same approvals, by bound parameters.

Input (JSON, standard input): "socket" and "port" of the server, "role" and
"token" of the agent, "sessions", "ids" (of tickets), "body" (their new one), "ways" (names of the
functions below, dealt out in turn).
Output (JSON): "runs", for each id how many sessions have changed the ticket,
and "sqlstates" of the others.
"""
import json
import sys
import threading

import psycopg

CONFIG = json.load(sys.stdin)
UPDATE = "UPDATE app.ticket SET body = %s WHERE id = %s"


def plainly(conn, number):
    return conn.execute(UPDATE, (CONFIG["body"], number)).rowcount


def prepared(conn, number):
    return conn.execute(UPDATE, (CONFIG["body"], number), prepare=True).rowcount


def pipelined(conn, number):
    """What is sent behind the statement does not wait for its end."""
    with conn.pipeline():
        cursor = conn.execute(UPDATE, (CONFIG["body"], number))
        conn.execute("SELECT 1")
    return cursor.rowcount


WAYS = {"plainly": plainly, "prepared": prepared, "pipelined": pipelined}


class Session(threading.Thread):
    def __init__(self, number, start):
        super().__init__()
        self.way = WAYS[CONFIG["ways"][number % len(CONFIG["ways"])]]
        self.ids = CONFIG["ids"][number % len(CONFIG["ids"]):] + \
            CONFIG["ids"][:number % len(CONFIG["ids"])]
        self.start_together = start
        self.runs = []
        self.sqlstates = set()

    def run(self):
        with psycopg.connect(
                host=CONFIG["socket"], port=CONFIG["port"], dbname="postgres",
                user=CONFIG["role"], autocommit=True,
                options="-c contauth.token=" + CONFIG["token"]) as conn:
            self.start_together.wait()
            for number in self.ids:
                try:
                    self.runs += [number] * self.way(conn, number)
                except psycopg.Error as error:
                    self.sqlstates.add(error.sqlstate or str(error))


def main():
    start = threading.Barrier(CONFIG["sessions"])
    sessions = [Session(i, start) for i in range(CONFIG["sessions"])]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    json.dump({
        "runs": {number: sum(s.runs.count(number) for s in sessions) for number in CONFIG["ids"]},
        "sqlstates": sorted(set().union(*(s.sqlstates for s in sessions)))}, sys.stdout)


main()
