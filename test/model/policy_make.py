"""Random sets of policies, and random requests with all they touch."""
import json
from dataclasses import dataclass, field

from policy_model import Access, Policy
from policy_terms import ANY_MASKS, CONDITIONS, MASKS, NUMBER_MASKS, ROWS, glob
from policy_world import AGENTS, ISSUER, TABLES, literal

EXACT = [n for n in TABLES]
PATTERNS = ["a.*", "b.*", "*.person", "b.part*", "*.*", "a.p*n", "b.k*"]
LABELS = ["pii", "pii.*", "pii.id", "phi", "phi.*", "money", "restricted", "internal", "secret",
          "confidential", "public", "pi"]
TEXT_LABELS = ["pii", "pii.*", "pii.id", "pii.mail", "restricted", "phi.*", "confidential"]
PRINCIPALS = [["*"], ["*"], ["*"], [AGENTS[0]], ["spiffe://p.test/agent/*"],
              ["spiffe://p.test/agent/t*", AGENTS[2]], ["spiffe://*/deep/*"], ["spiffe://q.test/*"],
              [AGENTS[0], AGENTS[1]]]
ROOTS = [["*"], ["*"], ["*"], ["*"], [ISSUER + "|alice"], [ISSUER + "|*"], ["nobody", ISSUER + "|b*"]]
ACTIONS = [["*"], ["select"], ["select"], ["select", "update"], ["insert", "update", "delete"],
           ["*e*"], ["select", "export"], ["truncate", "lock", "delete"], ["execute", "notify"]]


# --- policies ---------------------------------------------------------------------------

def fits_all(row_condition, exact):
    return all(c in TABLES[n].columns for n in exact for c in row_condition[1])


def resource(rng, effect):
    """(kind, pattern, columns), the SQL text, and the relation if it is named exactly."""
    roll = rng.random()
    if roll < 0.55:
        name = rng.choice(EXACT)
        columns = list(TABLES[name].columns)
        if rng.random() < 0.45:
            listed = rng.sample(columns, rng.randint(1, len(columns)))
            return ("relation", name, listed), f"{name}({','.join(listed)})", name
        return ("relation", name, None), name, name
    if roll < 0.72:
        pattern = rng.choice(PATTERNS)
        return ("relation", pattern, None), pattern, None
    if roll < 0.84:
        label = rng.choice(LABELS)
        return ("label", label, None), "label:" + label, None
    if roll < 0.92:
        pattern = rng.choice(["a.f", "*.f", "b.*", "a.*"])
        return ("function", pattern, None), "function:" + pattern, None
    if roll < 0.95:
        return ("channel", "news", None), "channel:news", None
    return ("any", "*", None), "*", None


def random_masks(rng, exact):
    masks = []
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        unless = rng.choice(ROWS) if rng.random() < 0.4 else None
        if rng.random() < 0.5:
            name = rng.choice([n for n in EXACT if TABLES[n].kind != "view"])
            column = rng.choice(list(TABLES[name].columns))
            kinds = list(NUMBER_MASKS if TABLES[name].columns[column] == "int" else MASKS)
            masks.append((f"{name}.{column}", rng.choice(kinds), unless, [*exact, name]))
        else:
            label = rng.choice(TEXT_LABELS + ["money", "internal", "phi"])
            kinds = list(MASKS) if label in TEXT_LABELS else ANY_MASKS
            masks.append(("label:" + label, rng.choice(kinds), unless, exact))
    found = {}
    for target, mask, unless, named in masks:
        if unless is not None and not fits_all(unless, named):
            unless = None
        found[target] = (target, mask, unless)
    return list(found.values())


def random_policy(rng, number):
    effect = rng.choices(["permit", "forbid", "escalate", "restrict"], (60, 12, 10, 18))[0]
    resources = [resource(rng, effect) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    exact = [name for _, _, name in resources if name]
    policy = Policy(f"p{number:02}{rng.choice('abc')}", effect, rng.choice(PRINCIPALS),
                    rng.choice(ROOTS), rng.choice(ACTIONS), [r for r, _, _ in resources])
    if effect in ("forbid", "escalate") and ("any", "*", None) in policy.resources and \
            any(glob(p, "execute") for p in policy.actions):
        policy.actions = ["select"]      # not the server's operators in every statement
    if rng.random() < 0.5:
        policy.condition = rng.choice(CONDITIONS)
    if effect in ("permit", "restrict"):
        if rng.random() < (0.45 if effect == "permit" else 0.7):
            row_filter = rng.choice(ROWS)
            policy.row_filter = row_filter if fits_all(row_filter, exact) else None
        if rng.random() < 0.5:
            policy.masks = random_masks(rng, exact)
        if rng.random() < 0.15:
            policy.limit = rng.randint(1, 4)
    elif rng.random() < 0.1:
        policy.masks = random_masks(rng, exact)
    policy.monitor_only = rng.random() < 0.1
    return policy, policy_row(policy, [text for _, text, _ in resources])


def policy_row(policy, resources):
    """Its fields as a bundle has them."""
    masks = {target: mask if unless is None else {"mask": mask, "unless": unless[0]}
             for target, mask, unless in policy.masks}
    return {"name": policy.name, "effect": policy.effect, "principals": policy.principals,
            "on_behalf_of": policy.on_behalf_of, "actions": policy.actions, "resources": resources,
            "condition": policy.condition and policy.condition[0],
            "row_filter": policy.row_filter and policy.row_filter[0], "masks": masks,
            "limits": {"rows_per_statement": policy.limit} if policy.limit else {},
            "monitor_only": policy.monitor_only}


def broad_permit(rng, number):
    """So that enough is allowed to meet filters, masks and limits."""
    policy, _ = random_policy(rng, number)
    policy.effect, policy.principals, policy.on_behalf_of = "permit", ["*"], ["*"]
    policy.actions = rng.choice([["*"], ["*"], ["select", "export"]])
    policy.monitor_only = False
    policy.condition = policy.condition if rng.random() < 0.2 else None
    pattern = rng.choice(["*", "*.*", "a.*"])
    policy.resources = [("any" if pattern == "*" else "relation", pattern, None)]
    if rng.random() < 0.5:
        policy.row_filter = None
    return policy, policy_row(policy, [pattern])


def random_set(rng):
    """Policies, and the bundle that makes them."""
    made = [random_policy(rng, i) for i in range(rng.randint(1, 12))]
    if rng.random() < 0.7:
        made.append(broad_permit(rng, len(made)))
    return [p for p, _ in made], json.dumps({"policies": [row for _, row in made]})


# --- requests ---------------------------------------------------------------------------

@dataclass
class Request:
    sql: str
    kind: str                       # ctx.statement_kind
    accesses: list
    shape: str
    table: str = None
    columns: list = field(default_factory=list)      # returned
    where: tuple = None
    values: dict = field(default_factory=dict)       # inserted or assigned
    other: str = None                                # a join's second table


WHERES = [("id >= 2", "id", lambda v: v is not None and v >= 2),
          ("tenant = 'acme'", "tenant", lambda v: v == "acme"),
          ("name IS NOT NULL", "name", lambda v: v is not None),
          ("ssn LIKE '%3%'", "ssn", lambda v: v is not None and "3" in v),
          ("note <> 'n1'", "note", lambda v: v is not None and v != "n1"),
          ("number IS NULL", "number", lambda v: v is None)]


def random_where(rng, table, chance):
    fitting = [w for w in WHERES if w[1] in TABLES[table].columns]
    return rng.choice(fitting) if fitting and rng.random() < chance else None


def where_sql(where):
    return f" WHERE {where[0]}" if where else ""


def unite(columns, where):
    return tuple(dict.fromkeys([*columns, *([where[1]] if where else [])]))


def relation(name, action, columns=()):
    return Access("relation", name, action, tuple(columns))


def read_accesses(table, columns, *actions):
    t = TABLES[table]
    if t.kind != "view":
        return [relation(table, action, columns) for action in actions]
    return [relation(t.base, action, [t.columns_of[c] for c in columns]) for action in actions] + \
        [Access("relation", table, "select", tuple(columns), through_view=True)]


def select(rng):
    table = rng.choice(list(TABLES))
    columns = rng.sample(list(TABLES[table].columns), rng.randint(1, min(4, len(TABLES[table].columns))))
    where = random_where(rng, table, 0.4)
    return Request(f"SELECT {', '.join(columns)} FROM {table}{where_sql(where)}", "SELECT",
                   read_accesses(table, unite(columns, where), "select"), "select", table, columns, where)


def count(rng):
    table = rng.choice(list(TABLES))
    return Request(f"SELECT count(*) FROM {table}", "SELECT",
                   read_accesses(table, (), "select"), "count", table)


def whole_row(rng):
    table = rng.choice([n for n, t in TABLES.items() if t.kind != "view"])
    columns = list(TABLES[table].columns)
    return Request(f"SELECT to_jsonb(t) FROM {table} AS t", "SELECT",
                   read_accesses(table, columns, "select"), "whole", table, columns)


def join(rng):
    one, two = rng.sample([n for n, t in TABLES.items() if t.kind != "view"], 2)
    columns = [rng.choice([c for c in TABLES[n].columns if c != "id"]) for n in (one, two)]
    return Request(f"SELECT x.{columns[0]}, y.{columns[1]} FROM {one} AS x JOIN {two} AS y ON y.id = x.id",
                   "SELECT", read_accesses(one, unite([columns[0]], ("", "id")), "select") +
                   read_accesses(two, unite([columns[1]], ("", "id")), "select"),
                   "join", one, columns, None, {}, two)


def export(rng):
    table = rng.choice([n for n, t in TABLES.items() if t.kind in ("table", "partition", "child")])
    columns = list(TABLES[table].columns)
    if rng.random() < 0.5:
        return Request(f"COPY {table} TO STDOUT", "SELECT",
                       read_accesses(table, columns, "select", "export"), "copy", table, columns)
    columns = rng.sample(columns, rng.randint(1, 3))
    return Request(f"COPY (SELECT {', '.join(columns)} FROM {table}) TO STDOUT", "SELECT",
                   read_accesses(table, columns, "select", "export"), "copy", table, columns)


def writable(rng):
    return rng.choice([n for n, t in TABLES.items() if t.kind not in ("view", "matview")])


def insert(rng):
    table = writable(rng)
    columns = TABLES[table].columns
    values = {"id": 99}
    if "tenant" in columns:
        values["tenant"] = table.rpartition("_")[2] if "_" in table else rng.choice(["acme", "globex"])
    for column in columns:
        if column not in values and rng.random() < 0.5:
            values[column] = 5 if columns[column] == "int" else "new"
    returned = [rng.choice(list(columns))] if rng.random() < 0.4 else []
    accesses = [relation(table, "insert", values)]
    if returned:
        accesses.insert(0, relation(table, "select", returned))
    return Request(f"INSERT INTO {table} ({', '.join(values)}) VALUES "
                   f"({', '.join(literal(v) for v in values.values())})"
                   + (f" RETURNING {returned[0]}" if returned else ""),
                   "INSERT", accesses, "insert", table, returned, None, values)


def update(rng):
    table = writable(rng)
    column = rng.choice([c for c in TABLES[table].columns if c not in ("id", "tenant")])
    value = 5 if TABLES[table].columns[column] == "int" else "new"
    where = random_where(rng, table, 0.6)
    returned = [rng.choice(list(TABLES[table].columns))] if rng.random() < 0.4 else []
    accesses = [relation(table, "update", [column])]
    if where or returned:
        accesses.insert(0, relation(table, "select", unite([], where) + tuple(
            c for c in returned if not where or c != where[1])))
    return Request(f"UPDATE {table} SET {column} = {literal(value)}{where_sql(where)}"
                   + (f" RETURNING {returned[0]}" if returned else ""),
                   "UPDATE", accesses, "update", table, returned, where, {column: value})


def delete(rng):
    table = writable(rng)
    where = random_where(rng, table, 0.6)
    accesses = [relation(table, "delete")]
    if where:
        accesses.insert(0, relation(table, "select", [where[1]]))
    return Request(f"DELETE FROM {table}{where_sql(where)}", "DELETE", accesses, "delete", table,
                   [], where)


def command(rng):
    table = rng.choice(["a.person", "a.ticket", "b.kid", "b.part_acme"])
    verb = rng.choice(["TRUNCATE", "LOCK"])
    return Request(f"{verb} {table}", verb + " TABLE", [relation(table, verb.lower())], verb.lower(), table)


def other(rng):
    name = rng.choice(["a.f", "b.g"])
    return rng.choice([
        Request(f"SELECT {name}()", "SELECT", [Access("function", name, "execute")], "call", name),
        Request("NOTIFY news", "NOTIFY", [Access("channel", "news", "notify")], "notify"),
        Request("SELECT name FROM contauth.policy", "SELECT",
                [relation("contauth.policy", "select")], "closed")])


SHAPES = [(select, 40), (count, 6), (whole_row, 8), (join, 10), (export, 8), (insert, 8), (update, 10),
          (delete, 6), (command, 5), (other, 6)]


def random_request(rng):
    make = rng.choices([s for s, _ in SHAPES], [w for _, w in SHAPES])[0]
    return make(rng)
