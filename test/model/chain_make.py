"""Random chains: tokens, grants, what is wrong with them, and what is asked.

A Spec says how a chain is to be built; build() signs it.  The names of the
defects are for counting, and for one independent check: a chain with a defect
of MUST_REFUSE was refused.  The model never sees them.
"""
import copy
from dataclasses import dataclass, field

from chain_jws import digest
from chain_model import Access, Request
from chain_terms import domain_of, is_spiffe
from chain_world import (ACME, ACTIONS, ACTORS, AGENTS, AUDIENCE, BETA, COLUMNS, ELSEWHERE,
                         EXPIRED, FUTURE, ISSUERS, KEYLESS, LABELS, NEVER, NOBODY, PAST,
                         PEOPLE, PURPOSES, RETIRED, SUSPENDED, fixed_random, key,
                         random_location, some)

# In a token a prior actor needs no key, and a SPIFFE ID may name a service.
OPEN_DEFECTS = {"act_unregistered", "act_keyless"}


@dataclass
class Hop:
    iss: str
    sub: str
    claims: dict
    signer: str = None              # another key than the delegator's
    kid: str = None                 # another key ID than the signer's
    prf: str = "right"              # right | wrong | none
    without: str = None             # a claim that is left out


@dataclass
class Spec:
    mode: str                       # none | act | grants | both
    issuer: str
    principals: list                # root to actor
    claims: dict = field(default_factory=dict)      # of the token
    svid: bool = False
    signer: str = None
    kid: str = None
    foreign: str = None             # a prior actor said to be of another issuer
    token_principals: list = None   # what the token tells, if it is different
    hops: list = None
    order: list = field(default_factory=list)       # swap | cut
    purpose: str = None             # the session's own word
    defects: set = field(default_factory=set)
    requests: list = field(default_factory=list)


# --- building -------------------------------------------------------------------

def build(spec):
    """(token, grants or None), signed."""
    token = key(spec.signer).sign(token_claims(spec), spec.kid)
    if spec.hops is None:
        return token, None
    grants = []
    for hop in spec.hops:
        claims = {"aud": AUDIENCE, "iat": PAST, "exp": FUTURE, "jti": f"g{len(grants)}",
                  **hop.claims, "iss": hop.iss, "sub": hop.sub}
        if hop.prf == "wrong":
            claims["prf"] = digest("another grant")
        elif hop.prf == "right" and grants:
            claims["prf"] = digest(grants[-1].text)
        claims.pop(hop.without, None)
        signer = hop.signer or delegators_key(hop.iss)
        grants.append(key(signer).sign(claims, hop.kid))
    for step in spec.order:
        if step == "swap":
            grants[-2:] = reversed(grants[-2:])
        else:
            del grants[0]
    return token, grants


def delegators_key(principal):
    return principal if is_spiffe(principal) else ISSUERS[principal.split("|")[0]][1]


def token_claims(spec):
    claims = {"aud": [AUDIENCE], "exp": NEVER, "jti": "t", **spec.claims}
    names = spec.token_principals or spec.principals
    if spec.svid:
        return {"sub": names[-1], **claims}
    if spec.mode == "grants":
        names = names[-1:]
    names = [n if is_spiffe(n) else n.split("|")[1] for n in names]
    act = None
    for name in names[1:]:
        act = {"sub": name, **act_member(name, spec), **({"act": act} if act else {})}
    return {"iss": spec.issuer, "sub": names[0], **({"act": act} if act else {}), **claims}


def act_member(name, spec):
    """A prior actor may carry its issuer, which must be the token's."""
    if is_spiffe(name):
        return {}
    if name == spec.foreign:
        return {"iss": "https://elsewhere.test"}
    return {"iss": spec.issuer} if len(name) % 2 else {}


# --- random chains ----------------------------------------------------------------

def random_spec(rng, world):
    mode = rng.choices(("none", "act", "grants", "both"), (5, 30, 45, 20))[0]
    actor = rng.choice(ACTORS)
    domain = domain_of(actor)
    issuer = rng.choice([i for i, (d, _, _) in ISSUERS.items() if d == domain])
    length = 0 if mode == "none" else random_length(rng, world)
    spec = Spec(mode, issuer, random_principals(rng, actor, issuer, length, mode))
    if mode in ("none", "grants"):
        spec.svid = rng.random() < 0.6
    spec.signer = ISSUERS[issuer][1]
    if spec.svid and key(spec.signer).alg == "EdDSA":
        spec.signer = "issuer-ec"
    spec.claims = random_claims(rng, None, 0.15 if spec.svid else 0.3)
    if rng.random() < 0.5:
        spec.claims["purpose"] = rng.choice(PURPOSES)
    spec.purpose = rng.choice((None, *PURPOSES))
    first = principal_defect(rng, spec, world) if rng.random() < 0.2 else None
    if mode in ("grants", "both"):
        spec.hops = random_hops(rng, spec.principals)
    if first is None and rng.random() < 0.3:
        any_defect(rng, spec)
        if rng.random() < 0.15:
            any_defect(rng, spec)
    spec.requests = [rng.choice(KEPT) if rng.random() < 0.3 else random_request(rng)
                     for _ in range(3)]
    return spec


def random_length(rng, world):
    if rng.random() < 0.03:         # close to the limits
        return min(max(1, world.max_depth + rng.randint(-1, 1)), 16)
    return min(rng.choice((1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6)),
               world.max_depth if rng.random() < 0.95 else 16)


def random_principals(rng, actor, issuer, length, mode):
    """Distinct; in a token all are of its issuer and trust domain."""
    inside = mode in ("act", "both")
    agents = [a for a in AGENTS if a != actor
              and (not inside or domain_of(a) == domain_of(actor))]
    people = [f"{issuer}|{n}" for n in ("alice", "bob", "gateway", "app")] if inside else PEOPLE
    more = [f"{issuer}|service{i}" for i in range(17)]
    rng.shuffle(agents)
    people = rng.sample(people, len(people))
    middle = agents[:length] + ([people[1]] if rng.random() < 0.15 else [])
    rng.shuffle(middle)
    root = people[0] if rng.random() < 0.65 else agents.pop(0)
    names = [root] + [m for m in middle if m != root] + more
    return names[:length] + [actor]


def random_hops(rng, principals):
    """Grants from each to the next, with authority of their own."""
    hops = []
    for i, (iss, sub) in enumerate(zip(principals, principals[1:])):
        further = len(principals) - 2 - i
        hops.append(Hop(iss, sub, random_claims(rng, further, 0.3)))
    return hops


def random_claims(rng, further, share):
    """Authority; further is None for tokens, which have no ceilings."""
    claims = {}
    if rng.random() < share:
        claims["authorization_details"] = [
            random_element(rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 2, 3)))]
    if further is None:
        return claims
    if rng.random() < 0.25:
        claims["autonomy"] = rng.randint(1, 5)
    if rng.random() < 0.25:
        claims["max_depth"] = further + rng.randint(0, 2)
    if rng.random() < 0.08:
        claims["purpose"] = random_purpose(rng)
    if rng.random() < 0.1:
        claims["aud"] = [AUDIENCE, "elsewhere"]
    if rng.random() < 0.3:
        claims["exp"] = FUTURE + rng.randint(-1000, 200_000_000)
    return claims


def random_purpose(rng):
    return rng.choice((rng.choice(PURPOSES), list(some(rng, PURPOSES, 1, 3))))


def random_element(rng):
    """Wide more often than narrow: several hops must leave something."""
    if rng.random() < 0.12:
        return {"type": rng.choice(("payment_initiation", "https://x.test/contauth")),
                "actions": ["select"], "anything": {"labels_max": 9}}
    element = {"type": "contauth"}
    if rng.random() < 0.4:
        element["actions"] = list(rng.choice(
            (ACTIONS, ACTIONS[:3], ("select",), ("*",), some(rng, ACTIONS),
             some(rng, ACTIONS), ())))
    if rng.random() < 0.55:
        element["locations"] = ["app.*"] if rng.random() < 0.25 else [
            random_location(rng) for _ in range(rng.choice((1, 2, 2, 3)))]
    if rng.random() < 0.06:
        # no policy could name the first of these; the last three name nothing
        element["locations"] = rng.choice((["app.*(id, c1, c2, c3)"], ["t0"], ["customer"], []))
    if rng.random() < 0.45:
        element["labels_max"] = rng.choice((0, 1, 2, 2, 3, 3, 4))
    if rng.random() < 0.15:
        element["purpose"] = random_purpose(rng)
    return element


def random_request(rng):
    table = rng.choice(list(LABELS))
    action = rng.choices(ACTIONS, (5, 2, 2, 1))[0]
    columns = some(rng, COLUMNS, 1, 3)
    listed = ", ".join(columns)
    narrowed = rng.choice((None, None, 1, 2))
    where = f" WHERE id = {narrowed}" if narrowed else ""
    reads = frozenset(["id"] if narrowed else [])
    if action == "select":
        if rng.random() < 0.05:
            listed, columns = "", ()
        return Request(f"SELECT {listed} FROM {table}{where}", table,
                       (Access("select", reads | set(columns)),), narrowed=narrowed)
    if action == "insert":
        values = ", ".join("9" for _ in columns)
        return Request(f"INSERT INTO {table} ({listed}) VALUES ({values})", table,
                       (Access("insert", frozenset(columns)),),
                       new_id=9 if "id" in columns else None)
    # id keeps its value: what filters leave does not change on the way
    written = frozenset(c for c in columns if c != "id") or frozenset(["c1"])
    accesses = (Access(action, written if action == "update" else frozenset()),)
    if narrowed:
        accesses += (Access("select", reads),)
    sql = f"UPDATE {table} SET " + ", ".join(f"{c} = 7" for c in sorted(written)) \
        if action == "update" else f"DELETE FROM {table}"
    return Request(sql + where, table, accesses, narrowed=narrowed)


# A few requests that come again and again, prepared once in a session: the plan
# that one chain leaves must not serve the next.
KEPT = [random_request(fixed_random("kept", n)) for n in range(16)]
KEPT_SQL = {request.sql for request in KEPT}


# --- defects ------------------------------------------------------------------------

def principal_defect(rng, spec, world):
    """Somebody who must not be in the chain; returns the defect, None if none fits."""
    names, kind = spec.principals, rng.choice(
        ("loop", "suspended", "retired", "expired", "keyless", "unregistered",
         "depth_setting", "actor_elsewhere", "actor_unregistered", "actor_suspended"))
    who = {"suspended": SUSPENDED, "retired": RETIRED, "expired": EXPIRED,
           "keyless": KEYLESS, "unregistered": NOBODY}.get(kind)
    if kind.startswith("actor_"):
        names[-1] = {"elsewhere": ELSEWHERE, "unregistered": NOBODY,
                     "suspended": SUSPENDED}[kind[6:]]
    elif kind == "depth_setting":
        if len(names) < 2 or world.max_depth >= 15:
            return None
        names[1:1] = [f"{spec.issuer}|extra{i}" for i in
                      range(max(0, world.max_depth + 2 - len(names)))]
    elif len(names) < 2:
        return None
    elif kind == "loop":
        names[rng.randrange(len(names) - 1)] = names[-1] if len(names) < 3 or \
            rng.random() < 0.5 else names[-2]
        if len(set(names)) == len(names):
            return None
    else:
        names[rng.randrange(len(names) - 1)] = who
    if spec.mode == "act" and kind in ("keyless", "unregistered"):
        kind = "act_" + kind        # nobody needs a key here
    spec.defects.add(kind)
    return kind


MALFORMED = (
    ("autonomy", 0), ("autonomy", 6), ("autonomy", "3"), ("autonomy", 2.5),
    ("max_depth", -1), ("max_depth", "1"), ("max_depth", None), ("exp", "never"),
    ("iat", "now"), ("jti", 5), ("aud", 7), ("prf", "abc"), ("purpose", 5),
    ("authorization_details", {}), ("authorization_details", [1]),
    ("authorization_details", [{}]),
    ("authorization_details", [{"type": "contauth", "labels_max": 5}]),
    ("authorization_details", [{"type": "contauth", "labels_max": "2"}]),
    ("authorization_details", [{"type": "contauth", "actions": "select"}]),
    ("authorization_details", [{"type": "contauth", "locations": "app.t0"}]),
    ("authorization_details", [{"type": "contauth", "purpose": 7}]),
    ("authorization_details", [{"type": "contauth", "privileges": ["all"]}]),
)


def any_defect(rng, spec):
    """One more thing that is wrong with the grants or the token."""
    known, seldom = TOKEN_DEFECTS, "svid_eddsa"
    if spec.hops and rng.random() < 0.8:
        known, seldom = GRANT_DEFECTS, "contradiction"
    # those that fit few chains are tried more often
    kind = rng.choice([*known] + [seldom] * 3)
    if known[kind](rng, spec) is not False:
        spec.defects.add(kind)


def in_some_hop(**claims):
    def apply(rng, spec):
        rng.choice(spec.hops).claims.update(claims)
    return apply


def set_prf(value, first):
    def apply(rng, spec):
        if len(spec.hops) <= first:
            return False
        spec.hops[rng.randint(1, len(spec.hops) - 1) if first else 0].prf = value
        return True
    return apply


def order(step):
    def apply(rng, spec):
        if len(spec.hops) < 2 or spec.order:
            return False
        spec.order.append(step)
        return True
    return apply


def not_next(rng, spec):
    if len(spec.hops) < 2:
        return False
    spec.hops[rng.randrange(len(spec.hops) - 1)].sub = ACME + "somebody-else"
    return True


def wrong_signer(rng, spec):
    hop = rng.choice(spec.hops)
    hop.kid = delegators_key(hop.iss)
    hop.signer = rng.choice(("stranger", "issuer-ed" if hop.kid != "issuer-ed" else "stranger"))


def unknown_key(rng, spec):
    rng.choice(spec.hops).kid = "nobodys-key"


def hop_max_depth(rng, spec):
    if len(spec.hops) < 2:
        return False
    i = rng.randrange(len(spec.hops) - 1)
    spec.hops[i].claims["max_depth"] = rng.randint(0, len(spec.hops) - 2 - i)
    return True


def malformed(rng, spec):
    hop = rng.choice(spec.hops)
    name, value = rng.choice(MALFORMED)
    hop.claims[name] = copy.deepcopy(value)
    hop.prf = "none" if name == "prf" else hop.prf


def missing(rng, spec):
    rng.choice(spec.hops).without = rng.choice(("iss", "sub", "aud", "iat", "exp", "jti"))


def wrong_actor(rng, spec):
    spec.hops[-1].sub = rng.choice([a for a in ACTORS if a != spec.principals[-1]])


def contradiction(rng, spec):
    """The token tells of somebody whom the grants do not know, or not of one."""
    if spec.mode != "both":
        return False
    names = list(spec.principals)
    if rng.random() < 0.5 and len(names) > 2:
        del names[rng.randrange(len(names) - 1)]
    else:
        names.insert(rng.randrange(len(names)), f"{spec.issuer}|intruder")
    spec.token_principals = names
    return True


def too_many(rng, spec):
    spec.hops[1:1] = [Hop(spec.hops[0].sub, spec.hops[0].sub, {})
                      for _ in range(17 - len(spec.hops))]


GRANT_DEFECTS = {
    "grant_expired": in_some_hop(exp=PAST), "grant_future": in_some_hop(iat=FUTURE),
    "grant_nbf": in_some_hop(nbf=FUTURE), "grant_audience": in_some_hop(aud="elsewhere"),
    "prf_wrong": set_prf("wrong", 1), "prf_missing": set_prf("none", 1),
    "prf_at_root": set_prf("wrong", 0), "swapped": order("swap"), "cut_off": order("cut"),
    "not_next": not_next, "wrong_signer": wrong_signer, "unknown_key": unknown_key,
    "hop_max_depth": hop_max_depth, "malformed": malformed, "claim_missing": missing,
    "wrong_actor": wrong_actor, "contradiction": contradiction, "too_many": too_many,
}


def token_claim(**claims):
    def apply(_, spec):
        spec.claims.update(copy.deepcopy(claims))
    return apply


def token_signer(rng, spec):
    spec.kid = spec.kid or spec.signer
    spec.signer = rng.choice(("stranger", spec.principals[-1]))


def svid_eddsa(_, spec):
    if not spec.svid or domain_of(spec.principals[-1]) != "acme.test":
        return False
    spec.signer, spec.kid = "issuer-ed", None
    return True


def act_foreign(rng, spec):
    if spec.mode != "act":
        return False
    home = ISSUERS[spec.issuer][0]
    spec.principals[rng.randrange(len(spec.principals) - 1)] = \
        (BETA if home == "acme.test" else ACME) + "foreigner"
    return True


def act_issuer(_, spec):
    if spec.mode != "act":
        return False
    spec.foreign = "visitor"
    spec.principals.insert(1, f"{spec.issuer}|{spec.foreign}")
    return True


TOKEN_DEFECTS = {
    "token_expired": token_claim(exp=PAST), "token_future": token_claim(nbf=FUTURE),
    "token_audience": token_claim(aud=["elsewhere"]), "token_signer": token_signer,
    "token_details": token_claim(
        authorization_details=[{"type": "contauth", "datatypes": ["x"]}]),
    "svid_eddsa": svid_eddsa, "act_foreign": act_foreign, "act_issuer": act_issuer,
}

ALL_DEFECTS = sorted({
    "loop", "suspended", "retired", "expired", "keyless", "unregistered", "depth_setting",
    "actor_elsewhere", "actor_unregistered", "actor_suspended", *OPEN_DEFECTS,
    *GRANT_DEFECTS, *TOKEN_DEFECTS})
MUST_REFUSE = set(ALL_DEFECTS) - OPEN_DEFECTS
