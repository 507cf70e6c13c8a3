"""Pairs: a chain, and the same chain with one hop or one restriction more.

What is wrong with a chain stays wrong in its variant, so the variant may be
denied where the original is allowed, never the other way round.
"""
import copy

from chain_make import Hop, random_claims, random_element, random_hops, random_purpose
from chain_terms import domain_of
from chain_world import AGENTS, PAST, PEOPLE


def variant(rng, spec):
    """(kind, a copy of spec with something more); kind None: nothing fits."""
    more = copy.deepcopy(spec)
    kinds = {"none": ("first_hop", "restriction"), "act": ("prior_actor", "restriction"),
             "grants": ("hop", "hop", "restriction"), "both": ("hop", "restriction")}
    kind = rng.choice(kinds[spec.mode])
    done = {"first_hop": add_first, "hop": add_hop, "prior_actor": add_prior,
            "restriction": restrict}[kind](rng, more)
    return (kind, more) if done else (None, None)


def newcomer(rng, spec, inside):
    """Somebody who is not in the chain; in a token, of its trust domain."""
    known = set(spec.principals) | set(spec.token_principals or ())
    known |= {name for hop in spec.hops or () for name in (hop.iss, hop.sub)}
    names = [n for n in (AGENTS if inside else AGENTS + PEOPLE) if n not in known
             and (not inside or domain_of(n) == domain_of(spec.principals[-1]))]
    return rng.choice(names) if names else f"{spec.issuer}|newcomer"


def add_first(rng, spec):
    """Grants for an actor that worked on its own account."""
    names = [rng.choice(PEOPLE), spec.principals[-1]]
    if rng.random() < 0.4:
        names.insert(1, newcomer(rng, spec, False))
    if len(set(names)) < len(names):
        return False
    spec.mode, spec.principals, spec.hops = "grants", names, random_hops(rng, names)
    return True


def add_hop(rng, spec):
    """A delegator before all others, or between two of them."""
    name, at = newcomer(rng, spec, spec.mode == "both"), rng.randint(0, len(spec.hops))
    claims = random_claims(rng, 16, 0.3)
    if at == 0:
        spec.hops.insert(0, Hop(name, spec.hops[0].iss, claims))
    else:
        # the new hop takes over where the old one led, right or wrong
        spec.hops.insert(at, Hop(name, spec.hops[at - 1].sub, claims))
        spec.hops[at - 1].sub = name
    place = min(at, len(spec.principals) - 1)
    spec.principals.insert(place, name)
    if spec.token_principals:
        spec.token_principals.insert(min(place, len(spec.token_principals) - 1), name)
    return True


def add_prior(rng, spec):
    """One more prior actor, below the current one."""
    spec.principals.insert(rng.randint(0, len(spec.principals) - 1),
                           newcomer(rng, spec, True))
    return True


def restrict(rng, spec):
    """Take something away from the token or from a grant."""
    holders = [spec.claims] + [hop.claims for hop in spec.hops or ()]
    claims = rng.choice(holders)
    if claims is not spec.claims and rng.random() < 0.5:
        return restrict_grant(rng, claims)
    if spec.defects & {"malformed", "token_details"}:
        return False                # less of what is malformed may be well-formed
    details = claims.get("authorization_details")
    if details is None:
        claims["authorization_details"] = [random_element(rng) for _ in range(rng.randint(0, 2))]
        return True
    return restrict_element(rng, details)


def restrict_grant(rng, claims):
    kind = rng.choice(("autonomy", "purpose", "exp", "max_depth"))
    if kind == "exp":
        claims["exp"] = PAST
    elif kind in claims:
        return False
    else:
        claims[kind] = {"autonomy": rng.randint(1, 3), "purpose": random_purpose(rng),
                        "max_depth": rng.randint(0, 3)}[kind]
    return True


def restrict_element(rng, details):
    if not details:
        return False
    i = rng.randrange(len(details))
    member, value = rng.choice((("labels_max", rng.randint(0, 3)), ("actions", ["select"]),
                                ("locations", ["app.t0", "label:internal"]),
                                ("purpose", "audit"), (None, None)))
    if member is None or details[i].get("type") != "contauth":
        del details[i]
    elif member in details[i]:
        return False
    else:
        details[i][member] = value
    return True
