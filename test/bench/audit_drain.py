#!/usr/bin/python3
"""How fast the audit worker writes, beside COPY BINARY of the same rows.

    audit_drain.py SOCKET FOLDER CYCLES

The worker is held while an agent fills the ring; then the time is taken that it
needs until all of that is durable.  After it a session copies the same rows into
the same table of another database, where that is allowed.  Compared are elapsed
time and CPU time of the two processes, each with the copies before and after it.

Needs psycopg2; runs as the server's user.
"""
import math
import os
import pathlib
import signal
import statistics
import sys
import time

import psycopg2

SOCKET, FOLDER, CYCLES = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
RECORDS = 3000                  # fits into the ring
QUERY = "SELECT id, name, email, ssn, phone FROM bench.guarded WHERE id = 4711"
PARTITION = """
DO $$
DECLARE
    m timestamptz := date_trunc('month', now(), 'UTC');
BEGIN
    CREATE TABLE contauth_audit.decision_now (LIKE contauth_audit.decision INCLUDING DEFAULTS);
    EXECUTE format('ALTER TABLE contauth_audit.decision ATTACH PARTITION contauth_audit.decision_now'
                   ' FOR VALUES FROM (%L) TO (%L)', m, m + interval '1 month');
END $$
"""


def connect(**options):
    connection = psycopg2.connect(host=SOCKET, **options)
    connection.autocommit = True
    return connection.cursor()


def value(cursor, query, *args):
    cursor.execute(query, args)
    return cursor.fetchone()[0]


def cpu_seconds(pid):
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def timed(pid, work):
    """Elapsed and CPU seconds of a process while work is done."""
    cpu, start = cpu_seconds(pid), time.monotonic()
    work()
    return time.monotonic() - start, cpu_seconds(pid) - cpu


def interval(values):
    """Median and the ranks that hold it in 95 of 100 runs."""
    values = sorted(values)
    half = math.ceil(0.98 * math.sqrt(len(values)))
    mid = len(values) // 2
    return values[mid], values[max(mid - half, 0)], values[min(mid + half, len(values) - 1)]


def drain(admin, agent, worker):
    os.kill(worker, signal.SIGSTOP)
    try:
        for _ in range(RECORDS):
            agent.execute("EXECUTE q")
    finally:
        admin.execute("CHECKPOINT")
        began = timed(worker, lambda: (os.kill(worker, signal.SIGCONT),
                                       value(admin, "SELECT contauth_audit.sync('60 s')")))
    return began


def main():
    admin = connect(dbname="postgres", user="postgres")
    other = connect(dbname="copied", user="postgres")
    other.execute("CREATE EXTENSION contauth")
    other.execute(PARTITION)
    agent = connect(dbname="postgres", user="bench_agent",
                    options="-c contauth.token=" + (FOLDER / "token").read_text().strip())
    agent.execute("PREPARE q AS " + QUERY)
    worker = value(admin, "SELECT pid FROM pg_stat_activity"
                          " WHERE backend_type = 'contauth audit worker'")
    copier = value(other, "SELECT pg_backend_pid()")
    rows_file = str(FOLDER / "rows")
    drains, copies = [], []
    for _ in range(CYCLES + 1):
        value(admin, "SELECT contauth_audit.sync('60 s')")
        last = value(admin, "SELECT max(seq) FROM contauth_audit.decision") or 0
        drains.append(drain(admin, agent, worker))
        admin.execute("COPY (SELECT * FROM contauth_audit.decision WHERE seq > %s"
                      " ORDER BY seq) TO %s (FORMAT binary)", (last, rows_file))
        assert admin.rowcount >= RECORDS
        admin.execute("CHECKPOINT")
        copies.append(timed(copier, lambda: other.execute(
            "COPY contauth_audit.decision FROM %s (FORMAT binary)", (rows_file,))))
    print("| | rows/s | rows/s of its CPU time |\n|---|---:|---:|")
    for name, results in (("audit worker", drains), ("COPY BINARY", copies)):
        print("| %s | %d | %d |" % (name, *(RECORDS / statistics.median(r[i] for r in results[1:])
                                            for i in (0, 1))))
    for i, what in enumerate(("elapsed", "CPU time")):
        ratios = [(copies[c - 1][i] + copies[c][i]) / 2 / drains[c][i]
                  for c in range(1, CYCLES + 1)]
        print("worker's speed by that of COPY, %s: %.2f (%.2f-%.2f)" % (what, *interval(ratios)))


main()
