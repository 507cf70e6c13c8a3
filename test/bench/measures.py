#!/usr/bin/python3
"""What test/bench/all compares, and what is wanted of it.

    measures.py WORK TOKEN

writes the plan that burst.c reads: servers, and for each measure a variant for each
peer.  WORK is the folder of the servers, TOKEN the agent's.  report.py imports the rest.
"""
import sys
from typing import NamedTuple

COLUMNS = "id, name, email, ssn, phone"
TENANT = "SET app.tenant = 'acme'"
TOKEN = "SET contauth.token = '%(token)s'"
SETTLE = "SELECT contauth_audit.sync('60 s')"
SERVERS = {"plain": "-", "plain2": "-", "pgaudit": "-", "contauth": SETTLE}


class Peer(NamedTuple):
    """Who does the work: title, server, role, relation, and what its session begins with."""
    title: str
    server: str
    relation: str = "bench.customer"
    setup: str = ""
    role: str = "bench_person"
    pooled: bool = False


class Measure(NamedTuple):
    """One kind of work.  {relation} is the peer's; begin is the start of a transaction."""
    title: str
    work: str
    peers: str
    prefix: str = ""


PEERS = {
    "plain": Peer("plain", "plain"),
    "plain2": Peer("plain, second server", "plain2"),
    "rls": Peer("RLS by current_setting", "plain", "bench.secured", TENANT),
    "view": Peer("masking view over RLS", "plain", "bench.shown", TENANT),
    "pgaudit": Peer("pgaudit", "pgaudit"),
    "composite": Peer("masking view, RLS, pgaudit", "pgaudit", "bench.shown", TENANT),
    "insert": Peer("audit INSERT by function", "plain", "bench.read_customer($1)"),
    "pooled": Peer("pgbouncer", "plain", pooled=True),
    "ungoverned": Peer("contauth, not governed", "contauth"),
    "allow": Peer("contauth, allow + audit", "contauth", setup=TOKEN, role="bench_agent"),
    "full": Peer("contauth, full", "contauth", "bench.guarded", TOKEN, "bench_agent"),
    "strict": Peer("contauth, strict", "contauth", setup=TOKEN, role="bench_strict"),
    "pooled-allow": Peer("pgbouncer, contauth allow", "contauth", setup=TOKEN,
                         role="bench_agent", pooled=True),
}

ONE_ROW = "SELECT " + COLUMNS + " FROM {relation} WHERE id = $1"
WRITES = " ;; ".join((
    "BEGIN",
    "UPDATE bench.accounts SET balance = balance + 1 WHERE aid = $1",
    "SELECT balance FROM bench.accounts WHERE aid = $1",
    "UPDATE bench.tellers SET balance = balance + 1 WHERE tid = $1 % 10 + 1",
    "UPDATE bench.branches SET balance = balance + 1 WHERE bid = 1",
    "INSERT INTO bench.history (tid, bid, aid, delta, at)"
    " VALUES ($1 % 10 + 1, 1, $1, 1, now())",
    "COMMIT"))
MEASURES = {
    "prepared": Measure("one row, prepared", ONE_ROW,
                        "plain plain2 rls view pgaudit composite insert"
                        " ungoverned allow full strict"),
    "clients": Measure("one row, prepared, 4 clients", ONE_ROW,
                       "plain plain2 rls view pgaudit composite insert"
                       " ungoverned allow full strict", "4:"),
    "text": Measure("one row, as text", ONE_ROW,
                    "plain plain2 rls view pgaudit composite pooled"
                    " ungoverned allow full pooled-allow", "simple:"),
    "transaction": Measure("transaction for a tenant or agent, as text",
                           "BEGIN ;; {identify} ;; " + ONE_ROW + " ;; COMMIT",
                           "plain plain2 view pooled ungoverned allow pooled-allow",
                           "simple:"),
    "hundred": Measure("100 rows, prepared",
                       "SELECT " + COLUMNS + " FROM {relation} WHERE id BETWEEN $1 AND $1 + 99",
                       "plain plain2 rls view pgaudit composite ungoverned allow full"),
    "all": Measure("200,000 rows, SELECT *", "SELECT * FROM {relation} WHERE id <= 200000",
                   "plain plain2 rls view pgaudit composite ungoverned allow full"),
    "aggregate": Measure("aggregate over 1,000,000 rows",
                         "SELECT count(*), avg(amount) FROM {relation}",
                         "plain plain2 rls view pgaudit composite ungoverned allow full"),
    "writes": Measure("writes like TPC-B, prepared", WRITES,
                      "plain plain2 pgaudit ungoverned allow"),
}

# The figures of burst.c, in its order.
FIGURES = ("elapsed", "backend CPU", "server CPU", "p99")

# measure, peer, figure: the most that is wanted
WANTED = {
    **{(measure, "ungoverned", "elapsed"): 1.01 for measure in MEASURES},
    ("prepared", "allow", "elapsed"): 1.08,
    ("clients", "allow", "elapsed"): 1.20,
    ("text", "allow", "elapsed"): 1.05,
    ("prepared", "full", "elapsed"): 1.20,
    ("text", "full", "elapsed"): 1.45,
    ("hundred", "full", "elapsed"): 1.30,
    ("all", "allow", "elapsed"): 1.12,
    ("all", "full", "elapsed"): 1.12,
    ("aggregate", "allow", "elapsed"): 1.03,
    ("aggregate", "full", "elapsed"): 1.15,
    ("writes", "allow", "elapsed"): 1.08,
    ("prepared", "allow", "server CPU"): 1.40,
    ("prepared", "allow", "p99"): 1.15,
}

# measure, peer, by which other peer, of the whole or of what is added to plain: most wanted
AGAINST = {
    ("prepared", "full", "view", "whole"): 1.00,
    ("text", "full", "view", "whole"): 1.00,
    ("hundred", "full", "view", "whole"): 1.00,
    ("prepared", "allow", "pgaudit", "added"): 0.15,
    ("prepared", "strict", "insert", "whole"): 0.85,
    ("clients", "strict", "insert", "whole"): 0.60,
    ("text", "pooled-allow", "pooled", "whole"): None,
    ("transaction", "pooled-allow", "pooled", "whole"): None,
}

# What test/bench/instructions counts.
COUNTED = {"prepared": "one row, prepared", "text": "one row, as text",
           "row": "for each row of many", "writes": "writes like TPC-B, prepared",
           "transaction": "transaction for a tenant or agent, as text"}

# work, variant of test/bench/instructions: instructions added at most
INSTRUCTIONS = {("prepared", "allow + audit"): 3000, ("prepared", "full"): 24000}


def conninfo(work, key, measure):
    """Of one variant; its application_name is what the audit knows it by."""
    peer = PEERS[key]
    role = peer.role
    if measure == "transaction" and role == "bench_agent":
        role = "bench_pool"
    if peer.pooled:
        where = f"host={work}/pooler port=6432 dbname={measure}_{peer.server}"
    else:
        where = f"host={work}/{peer.server}/socket dbname=postgres"
    return f"{where} user={role} application_name={measure}/{key}"


def work_of(key, measure):
    """The work of a measure for a peer."""
    relation = PEERS[key].relation
    work = MEASURES[measure].work
    if "(" in relation:
        work = work.replace(" WHERE id = $1", "")
    identify = "SELECT contauth.authenticate('%(token)s')" if PEERS[key].setup == TOKEN else \
        TENANT.replace("SET", "SET LOCAL")
    return MEASURES[measure].prefix + work.format(relation=relation, identify=identify)


def plan(work, token):
    """The lines that burst.c reads."""
    for server, settle in SERVERS.items():
        yield "server", server, f"host={work}/{server}/socket dbname=postgres user=postgres", settle
    for name, measure in MEASURES.items():
        for key in measure.peers.split():
            setup = "" if name == "transaction" else PEERS[key].setup
            yield ("variant", f"{name}/{key}", "-" if key == "plain" else f"{name}/plain",
                   PEERS[key].server, conninfo(work, key, name), f"{work}/ids",
                   setup % {"token": token}, work_of(key, name).replace("%(token)s", token))


if __name__ == "__main__":
    for line in plan(sys.argv[1], sys.argv[2]):
        print(*line, sep="\t")
