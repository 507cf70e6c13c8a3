"""The world of the policy tests: tables, labels, agents, and how they are made.

What the model knows of it stands here as data; nothing is read back from the
server but the key of hash masks.
"""
import json
from dataclasses import dataclass, field

from chain_jws import Key

ROLE = "regress_contauth_policy"
OTHER_ROLE = "regress_contauth_policy_other"
ISSUER = "https://issuer.p.test"
DOMAIN = "p.test"
KEY = Key("policy", "EdDSA")
EXP = 4102444800                    # the year 2100

# class: sensitivity; a class has that of the nearest one above it
SENSITIVITY = {"public": 0, "internal": 1, "confidential": 2, "restricted": 3,
               "secret": 4, "pii": 3, "phi": 3, "money": 2}


@dataclass
class Table:
    """A relation: columns with their types, rows as dicts, labels of its own."""
    name: str
    columns: dict
    rows: list
    label: str = None
    own: dict = field(default_factory=dict)      # column: classes
    parents: tuple = ()
    kind: str = "table"              # table, partitioned, partition, child, matview, view
    base: str = None                 # view: what it reads
    columns_of: dict = field(default_factory=dict)   # view: column of the base

    @property
    def schema(self):
        return self.name.split(".")[0]


PEOPLE = [
    dict(id=1, tenant="acme", name="Ann", mail="ann@x.org", ssn="111-22-3333", pay=10),
    dict(id=2, tenant="globex", name="Bob", mail="b@y.org", ssn="222-33-4444", pay=20),
    dict(id=3, tenant="acme", name="Cäsar", mail=None, ssn=None, pay=30),
    dict(id=4, tenant=None, name="Dörte", mail="no address", ssn="4", pay=None),
    dict(id=5, tenant="globex", name="", mail="@z.org", ssn="55", pay=50)]
TICKETS = [dict(id=i, tenant="acme" if i % 2 else "globex", body=f"body {i}", extra=f"x{i}")
           for i in range(1, 5)]
NOTES = [dict(id=1, tenant="acme", note="n1"), dict(id=2, tenant="globex", note="n2"),
         dict(id=3, tenant="acme", note="n3")]
KIDS = [dict(id=7, note="k7", more="m7"), dict(id=8, note="k8", more=None)]
TEXT = "text"
NOTE_COLUMNS = dict(id="int", tenant=TEXT, note=TEXT)

TABLES = {t.name: t for t in [
    Table("a.person", dict(id="int", tenant=TEXT, name=TEXT, mail=TEXT, ssn=TEXT, pay="int"),
          PEOPLE, own={"ssn": ["pii.id"], "mail": ["pii.mail", "internal"], "pay": ["money.pay"]}),
    Table("a.ticket", dict(id="int", tenant=TEXT, body=TEXT, extra=TEXT), TICKETS,
          label="confidential", own={"extra": ["restricted.x"], "id": ["public"]}),
    Table("b.part", NOTE_COLUMNS, NOTES, own={"note": ["phi.note"]}, kind="partitioned"),
    Table("b.part_acme", NOTE_COLUMNS, [r for r in NOTES if r["tenant"] == "acme"],
          parents=("b.part",), kind="partition"),
    Table("b.part_globex", NOTE_COLUMNS, [r for r in NOTES if r["tenant"] == "globex"],
          parents=("b.part",), own={"tenant": ["secret"]}, kind="partition"),
    Table("b.base", dict(id="int", note=TEXT), KIDS, label="phi", kind="parent"),
    Table("b.kid", dict(id="int", note=TEXT, more=TEXT), KIDS, parents=("b.base",), kind="child"),
    Table("a.v", dict(id="int", number=TEXT, name=TEXT), [], kind="view", base="a.person",
          columns_of=dict(id="id", number="ssn", name="name")),
    Table("b.mv", dict(id="int", number=TEXT, loud=TEXT),
          [dict(id=r["id"], number=r["ssn"], loud=r["mail"] and r["mail"] + "!") for r in PEOPLE],
          kind="matview"),
]}
SCHEMA_LABELS = {"b": ["internal"]}
# what derived columns without a label of their own are computed from
DERIVED = {("a.v", "number"): [("a.person", "ssn")], ("a.v", "id"): [("a.person", "id")],
           ("a.v", "name"): [("a.person", "name")],
           ("b.mv", "id"): [("a.person", "id")], ("b.mv", "number"): [("a.person", "ssn")],
           ("b.mv", "loud"): [("a.person", "mail")]}
FUNCTIONS = {"a.f": ["internal"], "b.g": ["internal"]}      # with their classes

AGENTS = ["spiffe://p.test/agent/one", "spiffe://p.test/agent/two", "spiffe://p.test/agent/deep/er"]
PEOPLE_ROOTS = [None, ISSUER + "|alice", ISSUER + "|bob"]
AUTONOMY = {AGENTS[0]: 1, AGENTS[1]: 3, AGENTS[2]: 5}
ATTRIBUTES = {AGENTS[0]: {"team": "red"}, AGENTS[1]: {"team": "blue"}, AGENTS[2]: {}}


@dataclass
class Identity:
    agent: str
    root: str
    tenant: str                     # claim, may be None
    purpose: str                    # claim, may be None

    @property
    def depth(self):
        return 1 if self.root else 0

    def claim(self, name):
        return {"tenant": self.tenant, "purpose": self.purpose}.get(name)

    def token(self):
        claims = {"iss": ISSUER, "aud": "contauth-test", "exp": EXP}
        if self.tenant:
            claims["tenant"] = self.tenant
        if self.purpose:
            claims["purpose"] = self.purpose
        if self.root:
            claims.update(sub=self.root.split("|")[1], act={"sub": self.agent})
        else:
            claims.update(sub=self.agent)
        return KEY.sign(claims).text


IDENTITIES = [Identity(agent, root, tenant, purpose)
              for agent in AGENTS for root in PEOPLE_ROOTS
              for tenant, purpose in (("acme", "support"), ("globex", None), (None, "audit"))]


def literal(value):
    return "NULL" if value is None else \
        str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def insert(table, rows):
    columns = list(table.columns)
    values = ", ".join("(" + ", ".join(literal(r[c]) for c in columns) + ")" for r in rows)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES {values}"


def label_sql(kind, name, classes):
    return f"SECURITY LABEL FOR contauth ON {kind} {name} IS '{', '.join(classes)}'"


def install(admin):
    """Everything, in an empty database; admin is a superuser's connection."""
    def columns(t):
        return ", ".join(f"{c} {kind}" for c, kind in t.columns.items())

    run = admin.execute
    run("CREATE EXTENSION contauth")
    run("INSERT INTO contauth.classification VALUES ('money', 2, 'amounts')")
    run("CREATE SCHEMA a")
    run("CREATE SCHEMA b")
    for t in TABLES.values():
        if t.kind in ("table", "parent"):
            run(f"CREATE TABLE {t.name} ({columns(t)})")
    run(f"CREATE TABLE b.part ({columns(TABLES['b.part'])}) PARTITION BY LIST (tenant)")
    run("CREATE TABLE b.part_acme PARTITION OF b.part FOR VALUES IN ('acme')")
    run("CREATE TABLE b.part_globex PARTITION OF b.part FOR VALUES IN ('globex')")
    run("CREATE TABLE b.kid (more text) INHERITS (b.base)")
    run("CREATE VIEW a.v AS SELECT id, ssn AS number, name FROM a.person")
    for name in ("a.person", "a.ticket", "b.part", "b.kid"):
        run(insert(TABLES[name], TABLES[name].rows))
    run("CREATE MATERIALIZED VIEW b.mv AS SELECT id, ssn AS number, mail || '!' AS loud FROM a.person")
    run("CREATE FUNCTION a.f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'")
    run("CREATE FUNCTION b.g() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2; END'")
    for t in TABLES.values():
        if t.label:
            run(label_sql("TABLE", t.name, [t.label]))
        for column, classes in t.own.items():
            run(label_sql("COLUMN", f"{t.name}.{column}", classes))
    for schema, classes in SCHEMA_LABELS.items():
        run(label_sql("SCHEMA", schema, classes))
    run(label_sql("FUNCTION", "a.f()", FUNCTIONS["a.f"]))
    run(f"GRANT USAGE ON SCHEMA a, b TO {ROLE}")
    run(f"GRANT ALL ON ALL TABLES IN SCHEMA a, b TO {ROLE}")
    run("SELECT contauth.add_issuer(%s, %s, %s::jsonb)",
        (ISSUER, DOMAIN, json.dumps({"keys": [KEY.jwk()]})))
    for agent in AGENTS:
        run("SELECT contauth.register_agent(%s, %s::name[], 'dora', %s, %s::jsonb)",
            (agent, [ROLE], AUTONOMY[agent], json.dumps(ATTRIBUTES[agent])))
