#!/usr/bin/python3
"""Compare the server with the model on random delegation chains.

Called by test/t/011_chains.pl with a JSON object on standard input: socket,
port, chains, seed, workers, flaw (null, or one of chain_model.FLAWS), watch
(flaws that run along on the same answers until each is noticed), invert (take
pairs the wrong way round, to see them fail).  Prints one with counts and the first differences.

Each worker has a database of its own, with its own world: policies, agents and
keys change in all of them at their own times.  With the same seed, chains and
workers a run is the same again.
"""
import json
import multiprocessing
import re
import sys
import time
from collections import Counter
from datetime import datetime

import psycopg
from psycopg.types.json import Jsonb

from chain_make import KEPT_SQL, MUST_REFUSE, build, random_spec
from chain_model import ALLOWED, DENIED, Model, Refusal
from chain_pairs import variant
from chain_world import (AGENTS, ROLE, change, change_policies, fixed_random, install,
                         new_world, set_key, set_state)

CHAINS_A_WORLD = 125                # then policies and agents change
PAIRS, CHANGED_IN_USE = 0.35, 0.03         # shares of chains
DIFFERENCES_SHOWN = 5
NOTICED = 3                         # differences after which a flaw is out
REASON = re.compile(r"\breason=(\w+)")


# --- the server ---------------------------------------------------------------------

class Server:
    """One session of the agent's role; outcomes are (SQLSTATE, reason, rows)."""

    def __init__(self, dsn):
        self.conn = psycopg.connect(dsn, autocommit=True)
        self.conn.prepare_threshold = None      # only what asks for it

    def present(self, how, spec, token, grants):
        """(SQLSTATE, whoami or None).  how: authenticate, in a transaction, set."""
        texts = [g.text for g in grants] if grants is not None else None
        try:
            if how == "transaction":
                self.conn.execute("BEGIN")
            self.conn.execute("SELECT set_config('contauth.purpose', %s, false)",
                              (spec.purpose or "",))
            if how == "set":
                return ALLOWED, self.set(token, texts)
            return ALLOWED, self.conn.execute(
                "SELECT contauth.authenticate(%s, %s)",
                (token.text, None if texts is None else Jsonb(texts))).fetchone()[0]
        except psycopg.Error as error:
            return error.sqlstate, None

    def set(self, token, texts):
        """By SET a bad chain may be noticed late: at the first statement."""
        self.conn.execute("RESET contauth.delegation")
        self.conn.execute(f"SET contauth.token = '{token.text}'")
        if texts is not None:
            self.conn.execute(f"SET contauth.delegation = '{json.dumps(texts)}'")
        self.conn.execute("SELECT 1")
        return self.conn.execute("SELECT contauth.whoami()").fetchone()[0]

    def ask(self, how, request):
        """Run a request and undo it."""
        in_block = how == "transaction"
        reading = request.sql.startswith("SELECT")
        if in_block:
            self.conn.execute("SAVEPOINT s")
        elif not reading:
            self.conn.execute("BEGIN")
        try:
            return ALLOWED, None, self.conn.execute(
                request.sql, prepare=request.sql in KEPT_SQL).rowcount
        except psycopg.Error as error:
            told = REASON.search(error.diag.message_detail or "")
            return error.sqlstate, told and told[1], None
        finally:
            if in_block:
                self.conn.execute("ROLLBACK TO s")
            elif not reading:
                self.conn.execute("ROLLBACK")

    def leave(self, how):
        if how == "transaction":
            self.conn.execute("ROLLBACK")
        elif how == "set":
            self.conn.execute("RESET contauth.delegation")
            self.conn.execute("RESET contauth.token")


# --- comparing ------------------------------------------------------------------------

def differs_identity(said, expected):
    """What is wrong with the answer to a presentation; None: nothing."""
    state, who = said
    if isinstance(expected, Refusal):
        return None if state in expected.codes else f"expected {sorted(expected.codes)}"
    if state != ALLOWED:
        return "expected to be accepted"
    wanted = {"agent": expected.actor, "on_behalf_of": expected.on_behalf_of,
              "depth": expected.depth, "autonomy": expected.autonomy,
              "chain": expected.principals, "expires_at": expected.expires}
    got = {k: who[k] for k in wanted}
    got["chain"] = [hop["principal"] for hop in who["chain"]]
    got["expires_at"] = datetime.fromisoformat(who["expires_at"] + "+00:00").timestamp()
    return None if got == wanted else f"expected {wanted}, got {got}"


def differs_answer(said, expected, rows):
    state, reason, count = said
    if isinstance(expected, Refusal):
        return None if state in expected.codes else f"expected {sorted(expected.codes)}"
    if state not in expected.codes:
        return f"expected {sorted(expected.codes)} {sorted(expected.reasons)}"
    if state == DENIED and (reason or "server") not in expected.reasons:
        return f"expected reason {sorted(expected.reasons)}"
    if state == ALLOWED:
        wanted = expected.rows(rows) if callable(expected.rows) else expected.rows
        return None if count == wanted else f"expected {wanted} rows"
    return None


class Run:
    """One worker's share."""

    def __init__(self, config, number):
        self.config, self.number = config, number
        self.database = f"chains_{number}"
        dsn = f"host={config['socket']} port={config['port']}"
        self.admin_dsn = f"{dsn} dbname={self.database} user={config['superuser']}"
        self.dsn = f"{dsn} dbname={self.database} user={ROLE}"
        with psycopg.connect(self.admin_dsn.replace(self.database, "postgres"),
                             autocommit=True) as conn:
            conn.execute(f"DROP DATABASE IF EXISTS {self.database} (FORCE)")
            conn.execute(f"CREATE DATABASE {self.database}")
        self.admin = psycopg.connect(self.admin_dsn, autocommit=True)
        self.world = new_world()
        install(self.admin, self.world)
        self.model = Model(self.world, config.get("flaw"))
        self.watched = {flaw: 0 for flaw in config.get("watch", ())}
        self.counts, self.shown, self.server = Counter(), [], None

    def go(self, chains):
        seed = self.config["seed"]
        for i in range(chains):
            if i % CHAINS_A_WORLD == 0:
                self.other_world(fixed_random(seed, "world", self.number, i))
            self.one(fixed_random(seed, "chain", self.number, i), f"{self.number}/{i}")
        return {"counts": self.counts, "shown": self.shown, "watched": self.watched}

    def other_world(self, rng):
        """A new session: the depth limit of the role holds from its login on."""
        change(self.admin, self.world, rng, self.database)
        if self.server:
            self.server.conn.close()
        self.server = Server(self.dsn)
        self.counts["worlds"] += 1

    def one(self, rng, name):
        spec = random_spec(rng, self.world)
        how = rng.choice(("transaction", "authenticate", "authenticate", "set"))
        self.count_spec(spec)
        self.counts[f"how.{how}"] += 1
        changed = rng.random() < CHANGED_IN_USE
        base = self.chain(name, how, spec, rng if changed else None)
        if not changed and rng.random() < PAIRS:
            kind, more = variant(rng, spec)
            if kind:
                self.counts["pairs"] += 1
                self.counts[f"pair.{kind}"] += 1
                self.counts["presented"] += 1
                pair = base, self.chain(f"{name} with {kind}", how, more, None)
                if self.config.get("invert"):
                    pair = pair[::-1]
                self.pair(f"{name} with {kind}", spec, *pair)

    def count_spec(self, spec):
        self.counts["chains"] += 1
        self.counts["presented"] += 1
        self.counts[f"mode.{spec.mode}"] += 1
        self.counts["actor." + ("svid" if spec.svid else "oauth")] += 1
        for defect in spec.defects:
            self.counts[f"defect.{defect}"] += 1

    def chain(self, name, how, spec, meanwhile):
        """Present it, ask, compare; [(said, expected)] of the requests."""
        token, grants = build(spec)
        expected = self.model.authenticate(ROLE, token, grants)
        said = self.server.present(how, spec, token, grants)
        self.count_presented(spec, said, expected)
        self.compare(name, spec, "presenting", said, differs_identity(said, expected))
        self.watch(spec, token, grants, said, None, None)
        answers = []
        if said[0] == ALLOWED and not isinstance(expected, Refusal):
            repair = self.change_in_use(meanwhile, expected)
            for request in spec.requests:
                answers.append(self.request(name, how, spec, token, grants, request))
            repair()
        else:
            answers = [((said[0], None, None), expected)] * len(spec.requests)
        self.server.leave(how)
        return answers

    def change_in_use(self, rng, who):
        """Between presenting and asking; returns what takes it back."""
        victims = [p for p in who.principals if p in AGENTS] if rng else []
        if not victims:
            return lambda: None
        victim, kind = rng.choice(victims), rng.choice(("state", "key", "policies"))
        self.counts[f"in_use.{kind}"] += 1
        if kind == "state":
            set_state(self.admin, self.world, victim, "suspended")
            return lambda: set_state(self.admin, self.world, victim, "active")
        if kind == "key":
            set_key(self.admin, self.world, victim, False)
            return lambda: set_key(self.admin, self.world, victim, True)
        change_policies(self.admin, self.world, rng)
        return lambda: None

    def request(self, name, how, spec, token, grants, request):
        self.counts["requests"] += 1
        expected = self.expect(self.model, spec, token, grants, request)
        said = self.server.ask(how, request)
        self.counts[f"verdict.{said[0]}"] += 1
        if said[0] == DENIED:
            self.counts[f"reason.{said[1] or 'server'}"] += 1
        self.compare(name, spec, request.sql, said,
                     differs_answer(said, expected, self.world.rows))
        self.watch(spec, token, grants, None, request, said)
        return said, expected

    @staticmethod
    def expect(model, spec, token, grants, request):
        """Everything is looked at again at every statement."""
        who = model.authenticate(ROLE, token, grants)
        return who if isinstance(who, Refusal) else model.decide(who, spec.purpose, request)

    def count_presented(self, spec, said, expected):
        self.counts[f"presented.{said[0]}"] += 1
        if said[1]:
            self.counts[f"depth.{said[1]['depth']}"] += 1
        if isinstance(expected, Refusal):
            for why in expected.why:
                self.counts["why." + re.sub(r"spiffe\S+", "agent", why)] += 1
        elif spec.defects & MUST_REFUSE and said[0] == ALLOWED:
            # the generator knows better than model and server together
            self.difference(None, spec, "presenting", said,
                            f"a defect that nobody noticed: {sorted(spec.defects)}")

    # differences

    def compare(self, name, spec, what, said, problem):
        self.counts["compared"] += 1
        if problem:
            self.difference(name, spec, what, said, problem)

    def difference(self, name, spec, what, said, problem):
        self.counts["differences"] += 1
        if len(self.shown) < DIFFERENCES_SHOWN:
            token, grants = build(spec)
            self.shown.append({
                "seed": self.config["seed"], "chain": name, "what": what,
                "server": str(said), "model": problem, "defects": sorted(spec.defects),
                "session_purpose": spec.purpose, "max_depth": self.world.max_depth,
                "token": {**token.header, **token.claims, "signer": token.signer},
                "grants": [{**g.header, **g.claims, "signer": g.signer} for g in grants or ()],
                "policies": [repr(p) for p in self.world.policies]
                if what != "presenting" else []})

    def watch(self, spec, token, grants, presented, request, said):
        """The same answers, seen by models with a flaw each."""
        for flaw, noticed in self.watched.items():
            if noticed >= NOTICED:
                continue
            model = Model(self.world, flaw)
            if request is None:
                bad = differs_identity(presented, model.authenticate(ROLE, token, grants))
            else:
                bad = differs_answer(said, self.expect(model, spec, token, grants, request),
                                     self.world.rows)
            self.watched[flaw] += bool(bad)

    def pair(self, name, spec, base, more):
        """More hops or restrictions: nothing may become allowed."""
        for request, (said, expected), (then, by) in zip(spec.requests, base, more):
            self.counts["pair_requests"] += 1
            if said[0] != ALLOWED and then[0] == ALLOWED:
                # where conditions ask for a chain, the policy itself says more
                policy = (not self.world.monotone and not isinstance(expected, Refusal)
                          and not expected.by_policy and by.by_policy)
                self.counts["pair_by_policy" if policy else "escalations"] += 1
                if not policy:
                    self.difference(name, spec, request.sql, (said, then),
                                    "a deny became an allow")
            elif said[0] == then[0] == ALLOWED and self.world.monotone:
                self.counts["pair_both_allowed"] += 1
                if said[2] is not None and then[2] is not None and then[2] > said[2]:
                    self.difference(name, spec, request.sql, (said, then), "more rows")
            elif said[0] == ALLOWED:
                self.counts["pair_taken_away"] += 1


def work(config, number, share):
    return Run(config, number).go(share)


def merge(results):
    total = {"counts": Counter(), "shown": [], "watched": Counter()}
    for result in results:
        total["counts"].update(result["counts"])
        total["shown"] += result["shown"]
        total["watched"].update(result["watched"])
    return total


def main():
    config = json.load(sys.stdin)
    workers = config["workers"]
    shares = [(config, n, (config["chains"] + n) // workers) for n in range(workers)]
    began = time.monotonic()
    # each worker leaves nothing behind that another one could inherit
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        total = merge(pool.starmap(work, shares))
    total["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(total, default=str))


if __name__ == "__main__":
    main()
