"""What the words of policies and claims mean: the small parts of the model.

Patterns, resources, conditions with SQL's three values, and which claims are
well-formed (DESIGN.md sections 4 and 6, README).  Nothing here knows a world.
"""
import re
from functools import lru_cache


# --- patterns, resources, conditions -------------------------------------------

@lru_cache(maxsize=None)
def pattern(text):
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.S)


def matches(text, value):
    return pattern(text).fullmatch(value) is not None


def class_matches(wanted, name):
    if wanted.endswith(".*"):
        return name.startswith(wanted[:-1])
    return name == wanted or name.startswith(wanted + ".")


def covered(resource, table, columns):
    """The columns of the table that a resource names; None: not this table."""
    if resource.startswith("label:"):
        named = {c for c, classes in columns.items()
                 if any(class_matches(resource[6:], k) for k in classes)}
        return named or None
    name, _, listed = resource.partition("(")
    if name != "*" and "." not in name:
        return None                 # says nothing that can be understood
    if not matches(name.strip(), table):
        return None
    if not listed:
        return set(columns)
    return {c.strip() for c in listed.rstrip(")").split(",")} & set(columns)


def names_columns(resource):
    return resource.startswith("label:") or "(" in resource


COMPARE = {"<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
           "=": lambda a, b: a == b, "<>": lambda a, b: a != b}


def evaluate(tree, ctx):
    """SQL's three values: True, False, None."""
    kind, *parts = tree
    if kind == "and":
        values = [evaluate(part, ctx) for part in parts]
        return False if False in values else None if None in values else True
    if kind == "not":
        value = evaluate(parts[0], ctx)
        return None if value is None else not value
    if kind == "in_chain":
        return parts[0] in ctx["chain"]
    left = ctx[kind]
    return None if left is None else COMPARE[parts[0]](left, parts[1])


def passes(row_filter, row_id):
    return row_filter is None or (
        row_id is not None and COMPARE[row_filter[0]](row_id, row_filter[1]))


# --- claims --------------------------------------------------------------------

def is_text(value):
    return isinstance(value, str) and value != ""


def is_integer(value, low, high):
    return (isinstance(value, int) and not isinstance(value, bool)
            and low <= value <= high)


def texts(value):
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def as_list(value):
    return [value] if isinstance(value, str) else value


def element_well_formed(element):
    if not isinstance(element, dict) or not is_text(element.get("type")):
        return False
    if element["type"] != "contauth":
        return True
    known = {"type": True, "actions": texts(element.get("actions", [])),
             "locations": texts(element.get("locations", [])),
             "labels_max": is_integer(element.get("labels_max", 0), 0, 4),
             "purpose": is_text(element.get("purpose", "x"))
             or texts(element.get("purpose"))}
    return all(known.get(member, False) for member in element)


def details_well_formed(claims):
    details = claims.get("authorization_details", [])
    return isinstance(details, list) and all(map(element_well_formed, details))


def audience_fits(claims, audience):
    return audience in as_list(claims["aud"])


def grant_well_formed(claims):
    far = 2 ** 53
    return (all(is_text(claims.get(c)) for c in ("iss", "sub", "jti"))
            and all(is_integer(claims.get(c), 0, far) for c in ("iat", "exp"))
            and (is_text(claims.get("aud")) or texts(claims.get("aud")))
            and is_integer(claims.get("autonomy", 1), 1, 5)
            and is_integer(claims.get("max_depth", 0), 0, far)
            and re.fullmatch("[A-Za-z0-9_-]{43}", claims.get("prf", "A" * 43)) is not None
            and (is_text(claims.get("purpose", "x")) or texts(claims["purpose"]))
            and details_well_formed(claims))


def domain_of(spiffe_id):
    return spiffe_id.split("/")[2]


def is_spiffe(principal):
    return principal.startswith("spiffe://")
