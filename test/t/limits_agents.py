#!/usr/bin/python3
"""Many sessions of one agent that want as much as they can get.

Input (JSON, standard input): "socket" and "port" of the server, "role" and
"token" of the agent, "sessions", "ways" (names of the functions below, dealt
out in turn), "refusals" (how many a session takes before it gives up).
Output (JSON): "rows" that arrived, those before an error included,
"statements" that succeeded, "sqlstates" of the others, "seconds".
"""
import json
import sys
import threading
import time

import psycopg

CONFIG = json.load(sys.stdin)
QUERY = "SELECT id FROM app.item"


def streamed(conn, query):
    """Rows as they arrive, so that those before an error are counted."""
    with conn.cursor() as cursor:
        yield from cursor.stream(query)


def in_parts(conn, query):
    """A cursor, row by row: what a FETCH took counts as used, but when the FETCH
    fails half-way none of it arrives."""
    with conn.transaction():
        conn.execute("DECLARE c CURSOR FOR " + query)
        fetched = True
        while fetched:
            fetched = False
            for row in streamed(conn, "FETCH 1 FROM c"):
                fetched = True
                yield row


def prepared(conn, query):
    yield from conn.execute(query, prepare=True)


WAYS = {
    "rows": lambda conn: streamed(conn, QUERY),
    "one row": lambda conn: streamed(conn, QUERY + " LIMIT 1"),
    "cursor": lambda conn: in_parts(conn, QUERY),
    "function": lambda conn: streamed(conn, QUERY + " WHERE id <= 13 UNION ALL " + QUERY),
    "prepared": lambda conn: prepared(conn, QUERY),
}


class Session(threading.Thread):
    def __init__(self, number, start):
        super().__init__()
        self.way = WAYS[CONFIG["ways"][number % len(CONFIG["ways"])]]
        self.start_together = start
        self.rows = self.statements = 0
        self.sqlstates = set()

    def run(self):
        with psycopg.connect(host=CONFIG["socket"], port=CONFIG["port"], dbname="postgres",
                             user=CONFIG["role"], autocommit=True,
                             options="-c contauth.token=" + CONFIG["token"]) as conn:
            self.start_together.wait()
            refusals = 0
            while refusals < CONFIG["refusals"]:
                try:
                    for _ in self.way(conn):
                        self.rows += 1
                    self.statements += 1
                except psycopg.Error as error:
                    self.sqlstates.add(error.sqlstate)
                    refusals += 1


def main():
    start = threading.Barrier(CONFIG["sessions"] + 1)
    sessions = [Session(i, start) for i in range(CONFIG["sessions"])]
    for session in sessions:
        session.start()
    start.wait()
    begun = time.monotonic()
    for session in sessions:
        session.join()
    print(json.dumps({
        "rows": sum(s.rows for s in sessions),
        "statements": sum(s.statements for s in sessions),
        "sqlstates": sorted(set().union(*(s.sqlstates for s in sessions))),
        "seconds": time.monotonic() - begun}))


main()
