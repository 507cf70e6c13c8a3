#!/usr/bin/python3
"""Agents that go on working whatever happens to the server.

Input (JSON, standard input): "socket" and "port" of the server, "role" and
"token" of the agents, "databases" (dealt out in turn), "sessions", "log" (file
to write), "stop" (file whose existence ends the work), "seed".

The log has a line for each statement that is sent, "S session mark time", and one
for each that is answered, "A session mark time sqlstate".  The mark is in the
statement, so that it can be found in the audit.  Not counted as answered are
what was refused because it could not be recorded (ZA005), what came after that
in its transaction (25P02: the server does not even look at it), and what a lost
connection leaves open.
"""
import json
import os
import random
import sys
import threading
import time

import psycopg

CONFIG = json.load(sys.stdin)
PAUSE = 0.004
NO_ANSWER = ("ZA005", "25P02")
LOG = open(CONFIG["log"], "a", encoding="ascii")
LOCK = threading.Lock()


def log(*words):
    with LOCK:
        print(*words, file=LOG, flush=True)


class Session(threading.Thread):
    def __init__(self, number):
        super().__init__()
        self.number = number
        self.count = 0
        self.random = random.Random(f"{CONFIG['seed']} {number}")
        self.conn = None

    def connect(self):
        databases = CONFIG["databases"]
        self.conn = psycopg.connect(
            host=CONFIG["socket"], port=CONFIG["port"], user=CONFIG["role"], autocommit=True,
            dbname=databases[self.number % len(databases)], connect_timeout=5,
            options="-c contauth.token=" + CONFIG["token"])

    def ask(self, statement):
        """Send a statement with a mark and log what becomes of it."""
        self.count += 1
        mark = f"mark-{CONFIG['seed']}-{self.number}-{self.count}-"
        log("S", self.number, mark, time.time())
        sqlstate = "00000"
        try:
            self.conn.execute(statement.format(mark=mark))
        except psycopg.Error as error:
            # 57P: the session is ended; that is no answer
            if self.conn.broken or error.sqlstate is None or error.sqlstate.startswith("57P"):
                raise
            sqlstate = error.sqlstate
        if sqlstate not in NO_ANSWER:
            log("A", self.number, mark, time.time(), sqlstate)
        time.sleep(PAUSE)

    def plain(self, command):
        """A command of transaction control, which fails where it is too late."""
        try:
            self.conn.execute(command)
        except psycopg.Error:
            if self.conn.broken:
                raise

    def read(self):
        self.ask("SELECT '{mark}', count(*) FROM app.ticket")

    def write(self):
        self.ask(f"UPDATE app.ticket SET body = '{{mark}}' WHERE id = {2 + 2 * self.number}"
                 " RETURNING body")

    def denied(self):
        self.ask("SELECT notes FROM app.customer WHERE name <> '{mark}'")

    def failing(self):
        self.ask("SELECT 1 / (count(*) - count(*)) FROM app.ticket WHERE body <> '{mark}'")

    def rolled_back(self):
        self.plain("BEGIN")
        self.write()
        self.plain("ROLLBACK")

    def savepoint(self):
        self.plain("BEGIN")
        self.plain("SAVEPOINT s")
        self.denied()
        self.plain("ROLLBACK TO s")
        self.read()
        self.plain("COMMIT")

    def run(self):
        acts = [self.read, self.read, self.write, self.denied, self.failing,
                self.rolled_back, self.savepoint]
        while not os.path.exists(CONFIG["stop"]):
            try:
                if self.conn is None:
                    self.connect()
                self.random.choice(acts)()
            except (psycopg.Error, OSError):
                if self.conn is not None:
                    self.conn.close()
                self.conn = None
                time.sleep(0.05)


def main():
    sessions = [Session(number) for number in range(CONFIG["sessions"])]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()


main()
