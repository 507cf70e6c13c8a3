#!/usr/bin/python3
"""Agents that work while an administrator changes their policies.

Input (JSON, standard input): "socket" and "port" of the server, "role" and
"token" of the agents, "changes" (how many the administrator makes).
Output: one JSON object a line, {"ok", "title", "diag"}, a test each.

The administrator counts: change k lets the agents see row k of app.tick and no
other or, where k is a multiple of TEN, forbids them the table.  Once change k
is committed it writes k where the agents can read it.  So an agent that reads
a before its statement and b after it must have the answer of some k in
[a, b + 1].  A portal that a message opened and another runs may also be told
that what it may show has changed in between.
"""
import json
import multiprocessing
import sys
import time

import psycopg

# Python 3.14 no longer forks by itself
FORK = multiprocessing.get_context("fork")

CONFIG = json.load(sys.stdin)
SESSIONS = 8
RATE = 100                      # changes a second, if the machine can
TEN = 10
DENIED = "42501"
CHANGED = "policy_changed"
QUERY = "SELECT n FROM app.tick"


def ok(passed, title, diag=""):
    print(json.dumps({"ok": bool(passed), "title": title, "diag": str(diag)}), flush=True)


def connect(user, options=""):
    return psycopg.connect(host=CONFIG["socket"], port=CONFIG["port"], dbname="postgres",
                           user=user, autocommit=True, options=options)


def private_memory(pid):
    """kB that a server process has to itself."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return sum(int(line.split()[1]) for line in rollup
                   if line.startswith(("Private_Dirty:", "Private_Clean:")))


# --- the ways to ask ------------------------------------------------------------

def simple(conn):
    return conn.execute(QUERY, prepare=False).fetchall()


def prepared(conn):
    return conn.execute(QUERY, prepare=True).fetchall()


def through_function(conn):
    row = conn.execute("SELECT app.tick_now()", prepare=True).fetchone()
    return [] if row[0] is None else [row]


def in_snapshot(conn):
    """The second statement of a transaction whose snapshot is older."""
    if conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
        conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        conn.execute("SELECT count(*) FROM app.customer")
        conn.execute("SAVEPOINT s")
    return conn.execute(QUERY, prepare=True).fetchall()


def cursor(conn):
    with conn.transaction(), conn.cursor(name="c") as held:
        held.execute(QUERY)
        return held.fetchall()


WAYS = [simple, prepared, through_function, in_snapshot, cursor]
PORTALS = [prepared, in_snapshot, cursor]


def fits(answer, first, last):
    """Is it the answer of a change from first to last?"""
    if answer == DENIED:
        return any(k % TEN == 0 and k > 0 for k in range(first, last + 1))
    return len(answer) == 1 and first <= answer[0][0] <= last and \
        (answer[0][0] % TEN != 0 or answer[0][0] == 0)


def agent(number, committed, stop, results):
    way = WAYS[number % len(WAYS)]
    conn = connect(CONFIG["role"], "-c contauth.token=" + CONFIG["token"])
    found = {"way": way.__name__, "pid": conn.info.backend_pid, "statements": 0,
             "denied": 0, "changed": 0, "seen": 0, "wrong": []}
    last = None
    while not stop.value:
        before = committed.value
        try:
            answer = way(conn)
        except psycopg.Error as error:
            answer = error.sqlstate
            if f"reason={CHANGED}" in (error.diag.message_detail or ""):
                answer = CHANGED
            if conn.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
                conn.execute("ROLLBACK TO s")
        after = committed.value
        found["statements"] += 1
        found["denied"] += answer == DENIED
        found["changed"] += answer == CHANGED
        found["seen"] += answer != last
        last = answer
        if answer == CHANGED and way in PORTALS:
            continue
        if not fits(answer, before, after + 1) and len(found["wrong"]) < 5:
            found["wrong"].append((before, answer, after))
        if found["statements"] % 50 == 0 and way is in_snapshot:
            conn.execute("ROLLBACK")
        if found["statements"] >= 200 and "memory" not in found:
            found["memory"] = private_memory(found["pid"])
    found["memory_after"] = private_memory(found["pid"])
    results.put(found)


# --- the administrator ----------------------------------------------------------

def change(conn, k):
    """Make the k-th change; noise concerns others, and makes new keys."""
    with conn.transaction():
        if k % TEN == 0:
            conn.execute("SELECT contauth.create_policy('stop', 'forbid', resources => '{app.tick}')")
            return
        if k % TEN == 1 and k > 1:
            conn.execute("SELECT contauth.drop_policy('stop')")
        conn.execute("SELECT contauth.alter_policy('tick', jsonb_build_object('row_filter', %s::text))",
                     (f"n = {k}",))
        if k % TEN == 5:
            conn.execute("SELECT contauth.create_policy(%s, 'permit', principals => ARRAY[%s])",
                         (f"noise {k}", f"spiffe://acme.example/agent/noise/{k}"))


def administrate(committed):
    conn = connect("postgres")
    start = time.monotonic()
    for k in range(1, CONFIG["changes"] + 1):
        change(conn, k)
        committed.value = k
        time.sleep(max(0, start + k / RATE - time.monotonic()))
    return CONFIG["changes"] / (time.monotonic() - start)


def main():
    committed = FORK.Value("q", 0)
    stop = FORK.Value("b", 0)
    results = FORK.Queue()
    agents = [FORK.Process(target=agent, args=(i, committed, stop, results))
              for i in range(SESSIONS)]
    for process in agents:
        process.start()
    rate = administrate(committed)
    stop.value = 1
    found = [results.get(timeout=60) for _ in agents]
    for process in agents:
        process.join()
    ok(True, "the administrator made all changes", f"{rate:.0f} changes a second")
    for one in found:
        about = f"{one['way']}: {one['statements']} statements, {one['denied']} denied, " \
                f"{one['changed']} changed meanwhile, " \
                f"{one['seen']} different answers"
        ok(not one["wrong"], f"{one['way']}: every answer was in force",
           f"{about}, wrong (before, answer, after): {one['wrong']}")
        ok(one["seen"] > 20 and one["denied"] > 0, f"{one['way']}: met many changes", about)
        ok(one["changed"] * 100 < one["statements"] or one["way"] == "cursor",
           f"{one['way']}: hardly ever told to try again", about)
        grown = one["memory_after"] - one.get("memory", 0)
        ok("memory" in one and grown < 4096, f"{one['way']}: no memory is kept",
           f"grown by {grown} kB from {one.get('memory')} kB after 200 statements")


main()
