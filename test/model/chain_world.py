"""The world of the chain tests: issuers, people, agents, tables, policies.

A World (chain_model.py) is made here, installed into a database, and changed
from time to time; what is installed and what the model knows come from the
same values.
"""
import random
from functools import lru_cache

from psycopg.types.json import Jsonb

from chain_jws import Key
from chain_model import Agent, Issuer, Policy, World

ROLE, OTHER_ROLE = "regress_contauth_chain", "regress_contauth_chain_other"
AUDIENCE = "contauth-test"
NOW = 1_800_000_000                 # only far past and far future are used
PAST, FUTURE, NEVER = 1_500_000_000, 4_000_000_000, 4_102_444_800

ISSUERS = {                         # trust domain, key
    "https://rsa.acme.test": ("acme.test", "issuer-rsa", "RS256"),
    "https://ec.acme.test": ("acme.test", "issuer-ec", "ES256"),
    "https://ed.acme.test": ("acme.test", "issuer-ed", "EdDSA"),
    "https://beta.test": ("beta.test", "issuer-beta", "ES256"),
}
PEOPLE = [f"{issuer}|{name}" for issuer, name in zip(
    list(ISSUERS) * 2, ("alice", "bob", "carol", "dave", "erin", "frank", "grace"))]
ACME, BETA = "spiffe://acme.test/agent/", "spiffe://beta.test/agent/"
AGENTS = [ACME + f"a{i}" for i in range(12)] + [BETA + f"b{i}" for i in range(3)]
ACTORS = AGENTS[:4] + [BETA + "b0"]
KEYLESS, SUSPENDED, RETIRED, EXPIRED, ELSEWHERE, NOBODY = (
    ACME + n for n in ("keyless", "suspended", "retired", "expired", "elsewhere", "nobody"))
PURPOSES = ("support", "audit", "billing")

SENSITIVITY = {"public": 0, "internal": 1, "confidential": 2, "restricted": 3,
               "secret": 4, "pii": 3, "money": 2, "money.salary": 4}
# own labels of columns; a table's or schema's label is for columns without one
LABELS = {
    "app.t0": (None, {"c1": "public", "c2": "internal", "c3": "confidential",
                      "c4": "restricted", "c5": "secret"}),
    "app.t1": (None, {"c1": "pii.name", "c2": "pii.id,internal", "c3": "money",
                      "c4": "money.salary", "c5": "public"}),
    "app.t2": ("confidential", {"c1": "public", "c2": "pii", "c5": "secret,money"}),
    "hr.t3": ("restricted", {"c3": "internal", "c4": "money.salary.bonus"}),
}
COLUMNS = ("id", "c1", "c2", "c3", "c4", "c5")
ROWS = (1, 2, 3, 4)
ACTIONS = ("select", "insert", "update", "delete")


@lru_cache(maxsize=None)
def key(name):
    """The key of an issuer by its ID, of an agent by its SPIFFE ID, or any."""
    kinds = {kid: kind for _, kid, kind in ISSUERS.values()}
    return Key(name, kinds.get(name, "ES256" if name.endswith(("1", "5")) else "EdDSA"))


def effective_labels():
    """Of every column: the nearest label, as a set of classes."""
    tables = {}
    for table, (inherited, own) in LABELS.items():
        tables[table] = {
            c: tuple(filter(None, (own.get(c) or inherited or "").split(",")))
            for c in COLUMNS}
    return tables


def new_world():
    agents = {a: Agent({ROLE}, 3, keys={a}) for a in AGENTS}
    agents[KEYLESS] = Agent({ROLE}, 3)
    agents[SUSPENDED] = Agent({ROLE}, 3, state="suspended", keys={SUSPENDED})
    agents[RETIRED] = Agent({ROLE}, 3, state="retired", keys={RETIRED})
    agents[EXPIRED] = Agent({ROLE}, 3, expired=True, keys={EXPIRED})
    agents[ELSEWHERE] = Agent({OTHER_ROLE}, 3, keys={ELSEWHERE})
    issuers = {i: Issuer(domain, {kid}) for i, (domain, kid, _) in ISSUERS.items()}
    return World(AUDIENCE, NOW, 8, issuers, agents, effective_labels(), SENSITIVITY, ROWS)


# --- into a database -----------------------------------------------------------

def install(admin, world):
    """Extension, tables, labels, issuers and agents in an empty database."""
    admin.execute("CREATE EXTENSION contauth")
    for name in ("money", "money.salary"):
        admin.execute("INSERT INTO contauth.classification VALUES (%s, %s)",
                      (name, SENSITIVITY[name]))
    for table, (label, own) in LABELS.items():
        schema = table.split(".")[0]
        columns = ", ".join(f"{c} integer" for c in COLUMNS)
        values = ", ".join("i" for _ in COLUMNS)
        admin.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        admin.execute(f"CREATE TABLE {table} ({columns})")
        admin.execute(f"INSERT INTO {table} SELECT {values} "
                      f"FROM generate_series(1, {len(ROWS)}) AS i")
        admin.execute(f"GRANT USAGE ON SCHEMA {schema} TO {ROLE}")
        admin.execute(f"GRANT ALL ON {table} TO {ROLE}")
        if label:
            where = f"SCHEMA {schema}" if schema == "hr" else f"TABLE {table}"
            admin.execute(f"SECURITY LABEL FOR contauth ON {where} IS '{label}'")
        for column, classes in own.items():
            admin.execute(f"SECURITY LABEL FOR contauth ON COLUMN {table}.{column} "
                          f"IS '{classes}'")
    for issuer, (domain, kid, _) in ISSUERS.items():
        admin.execute("SELECT contauth.add_issuer(%s, %s, %s)",
                      (issuer, domain, Jsonb({"keys": [key(kid).jwk()]})))
    for name, agent in world.agents.items():
        install_agent(admin, name, agent)


def install_agent(admin, name, agent):
    admin.execute("SELECT contauth.register_agent(%s, %s::name[], 'dora', %s, "
                  "expires_at => %s)",
                  (name, list(agent.roles), agent.autonomy,
                   "2020-01-01" if agent.expired else "infinity"))
    for kid in agent.keys:
        admin.execute("SELECT contauth.add_agent_key(%s, %s)", (name, Jsonb(key(kid).jwk())))
    if agent.state != "active":
        change_state(admin, name, agent.state)


def change_state(admin, name, state):
    verb = {"active": "resume_agent", "suspended": "suspend_agent",
            "retired": "retire_agent"}[state]
    admin.execute(f"SELECT contauth.{verb}(%s, 'test')", (name,))


# --- changes -------------------------------------------------------------------

def change(admin, world, rng, database):
    """Other policies, ceilings, states, keys and depth, in both worlds."""
    world.max_depth = rng.choice((1, 2, 3, 5, 8, 8, 8, 8, 12, 16))
    admin.execute(f"ALTER ROLE {ROLE} IN DATABASE {database} "
                  f"SET contauth.max_delegation_depth = {world.max_depth}")
    for name in AGENTS:
        agent = world.agents[name]
        agent.autonomy = rng.randint(1, 5)
        admin.execute("SELECT contauth.alter_agent(%s, %s)",
                      (name, Jsonb({"autonomy": agent.autonomy})))
        set_state(admin, world, name, "suspended" if rng.random() < 0.02 else "active")
        set_key(admin, world, name, rng.random() < 0.97)
    world.monotone = rng.random() < 0.5
    change_policies(admin, world, rng)


def set_state(admin, world, name, state):
    if world.agents[name].state != state:
        change_state(admin, name, state)
        world.agents[name].state = state


def set_key(admin, world, name, wanted):
    agent = world.agents[name]
    if wanted and not agent.keys:
        admin.execute("SELECT contauth.add_agent_key(%s, %s)", (name, Jsonb(key(name).jwk())))
    elif agent.keys and not wanted:
        admin.execute("SELECT contauth.remove_agent_key(%s, %s)", (name, name))
    agent.keys = {name} if wanted else set()


def change_policies(admin, world, rng):
    world.policies = random_policies(rng, world.monotone)
    with admin.transaction():
        admin.execute("SELECT contauth.drop_policy(name) FROM contauth.policy "
                      "WHERE NOT builtin")
        for p in world.policies:
            admin.execute(
                "SELECT contauth.create_policy(%s, %s, %s, %s, %s, %s, %s, %s)",
                (p.name, p.effect, list(p.principals), list(p.on_behalf_of),
                 list(p.actions), list(p.resources),
                 as_sql(p.condition) if p.condition else None,
                 f"id {p.row_filter[0]} {p.row_filter[1]}" if p.row_filter else None))


def as_sql(tree):
    kind, *parts = tree
    if kind == "and":
        return "(" + " AND ".join(map(as_sql, parts)) + ")"
    if kind == "not":
        return f"(NOT {as_sql(parts[0])})"
    if kind == "in_chain":
        return f"('{parts[0]}' = ANY (ctx.chain))"
    value = parts[1] if isinstance(parts[1], int) else f"'{parts[1]}'"
    return f"(ctx.{kind} {parts[0]} {value})"


# --- random policies -------------------------------------------------------------

def some(rng, values, low=1, high=None):
    return tuple(rng.sample(values, rng.randint(low, high or len(values))))


def random_location(rng):
    """A resource of a policy; also a location of authorization_details."""
    table = rng.choice(list(LABELS))
    listed = ", ".join(some(rng, COLUMNS, 2))
    return rng.choice((
        "*", "app.*", "app.*", "hr.*", table, table, f"{table}({listed})",
        f"{table}({listed})", "label:pii", "label:pii.*", "label:money",
        "label:internal", "label:public", "label:money.salary"))


def random_resources(rng, wide):
    if rng.random() < wide:
        return (rng.choice(("*", "app.*", "app.*", "hr.*")),) if rng.random() < 0.6 \
            else ("app.*", "hr.*")
    return tuple(sorted({random_location(rng) for _ in range(rng.randint(1, 3))}))


def falling_condition(rng):
    """One that can only become false when a chain grows."""
    return rng.choice((
        ("depth", "<=", rng.randint(1, 5)), ("autonomy", ">=", rng.randint(1, 3)),
        ("not", ("in_chain", rng.choice(AGENTS[4:]))),
        ("purpose", "=", rng.choice(PURPOSES))))


def any_condition(rng):
    return rng.choice((
        falling_condition(rng), ("not", falling_condition(rng)),
        ("depth", ">=", rng.randint(1, 3)), ("autonomy", "<=", rng.randint(2, 4)),
        ("on_behalf_of", "=", rng.choice(PEOPLE)), ("on_behalf_of", "<>", rng.choice(PEOPLE)),
        ("in_chain", rng.choice(AGENTS[4:])),
        ("and", falling_condition(rng), ("on_behalf_of", "<>", rng.choice(AGENTS))),
        ("and", ("depth", "<=", 4), ("purpose", "<>", rng.choice(PURPOSES)))))


def random_policies(rng, monotone):
    """At least one wide permit: what a chain takes away must show."""
    policies = [Policy("p0", "permit", ("*",), ("*",), ("*",),
                       random_resources(rng, 0.6))]
    for i in range(1, rng.randint(4, 9)):
        effect = rng.choices(("permit", "forbid", "restrict"), (6, 1, 2))[0]
        policies.append(random_policy(rng, f"p{i}", effect, monotone))
    return policies


def random_policy(rng, name, effect, monotone):
    permit = effect == "permit"
    condition = None
    if rng.random() < (0.4 if permit else 0.6):
        falling = falling_condition(rng)
        condition = any_condition(rng) if not monotone else \
            falling if permit else ("not", falling)
    on_behalf_of = ("*",)
    if not monotone and rng.random() < 0.3:
        on_behalf_of = rng.choice((
            (rng.choice(PEOPLE),), ("https://*.acme.test|*",), ("spiffe://*",),
            ("*|a*", "*|b*", ACME + "a1*"), (ACME + "*", "https://beta.test|*")))
    row_filter = None
    if rng.random() < 0.2 or effect == "restrict":
        row_filter = rng.choice((("<=", 3), (">=", 2), ("<>", 1), ("=", 9)))
    resources = random_resources(rng, 0.4 if permit else 0.1)
    actions = ("*",) if rng.random() < 0.4 else some(rng, ACTIONS, 1, 3)
    if not permit and "*" in resources and actions == ("*",):
        actions = ACTIONS           # functions are not what is asked for here
    return Policy(name, effect,
                  ("*",) if rng.random() < 0.6 else some(rng, ACTORS + [ACME + "*"], 1, 3),
                  on_behalf_of, actions, resources, condition, row_filter)


def fixed_random(seed, *names):
    """A generator of its own for every purpose, the same at every run."""
    return random.Random("/".join(map(str, (seed,) + names)))
