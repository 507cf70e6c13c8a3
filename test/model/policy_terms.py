"""What random policies are made of: conditions, row conditions, masks, patterns.

Each term has its SQL text and what it means, so that the model never reads SQL.
A meaning is a function that returns True, False, None (NULL) or raises Failed.
"""
import hashlib
import hmac
import re
from fractions import Fraction


class Failed(Exception):
    """Evaluating it raises an error in the server."""


def fails(_):
    raise Failed


def less(value, limit):
    return None if value is None else value <= limit


def equal(value, other):
    return None if value is None else value == other


# --- conditions: (SQL, meaning of a request) -------------------------------------------

CONDITIONS = [
    ("true", lambda r: True),
    ("false", lambda r: False),
    ("NULL", lambda r: None),
    ("1 / (ctx.autonomy - ctx.autonomy) = 1", fails),
    ("ctx.autonomy <= 2", lambda r: less(r.autonomy, 2)),
    ("ctx.autonomy > 2 AND ctx.depth = 0", lambda r: r.autonomy > 2 and r.identity.depth == 0),
    ("ctx.depth >= 1", lambda r: r.identity.depth >= 1),
    ("ctx.on_behalf_of = 'https://issuer.p.test|alice'",
     lambda r: equal(r.identity.root, "https://issuer.p.test|alice")),
    ("ctx.on_behalf_of IS NULL", lambda r: r.identity.root is None),
    ("ctx.purpose = 'support'", lambda r: equal(r.identity.purpose, "support")),
    ("NOT ctx.purpose = 'support'", lambda r: None if r.identity.purpose is None
     else r.identity.purpose != "support"),
    ("ctx.purpose_verified", lambda r: r.identity.purpose is not None),
    ("ctx.sensitivity >= 3", lambda r: r.sensitivity >= 3),
    ("ctx.sensitivity = 0", lambda r: r.sensitivity == 0),
    ("ctx.target_sensitivity >= 2", lambda r: r.target_sensitivity >= 2),
    ("ctx.target_sensitivity = 0", lambda r: r.target_sensitivity == 0),
    ("'pii.id' = ANY (ctx.labels)", lambda r: "pii.id" in r.labels),
    ("'id' = ANY (ctx.columns)", lambda r: "id" in r.columns),
    ("NOT 'ssn' = ANY (ctx.columns)", lambda r: "ssn" not in r.columns),
    ("cardinality(ctx.columns) < 3", lambda r: len(r.columns) < 3),
    ("ctx.action IN ('select', 'update')", lambda r: r.action in ("select", "update")),
    ("ctx.resource LIKE 'a.%'", lambda r: r.resource.startswith("a.")),
    ("ctx.claims ->> 'tenant' = 'acme'", lambda r: equal(r.identity.tenant, "acme")),
    ("contauth.claim('tenant') = 'globex'", lambda r: equal(r.identity.tenant, "globex")),
    ("ctx.attributes ->> 'team' = 'red'", lambda r: equal(r.attributes.get("team"), "red")),
    ("(ctx.claims ->> 'tenant')::int = 1", lambda r: None if r.identity.tenant is None else fails(r)),
    ("ctx.statement_kind = 'SELECT'", lambda r: r.statement_kind == "SELECT"),
    ("ctx.trust_domain = 'p.test' AND ctx.owner = 'dora'", lambda r: True),
    ("ctx.agent LIKE '%/deep/%'", lambda r: "/deep/" in r.identity.agent),
    ("coalesce(ctx.task_id, '') <> 'never'", lambda r: True),
]

# --- row conditions: (SQL, columns it needs, meaning of a row and an identity) ----------

ROWS = [
    ("true", (), lambda row, who: True),
    ("false", (), lambda row, who: False),
    ("id > 2", ("id",), lambda row, who: row["id"] > 2),
    ("id IN (1, 2, 7)", ("id",), lambda row, who: row["id"] in (1, 2, 7)),
    ("tenant = contauth.claim('tenant')", ("tenant",),
     lambda row, who: None if who.tenant is None else equal(row["tenant"], who.tenant)),
    ("tenant = 'acme'", ("tenant",), lambda row, who: equal(row["tenant"], "acme")),
    ("NOT tenant = 'acme'", ("tenant",),
     lambda row, who: None if row["tenant"] is None else row["tenant"] != "acme"),
    ("contauth.attribute('team') = 'red'", (),
     lambda row, who: equal(who.attribute("team"), "red")),
    ("contauth.claim('tenant') IS NULL OR id = 1", ("id",),
     lambda row, who: who.tenant is None or row["id"] == 1),
    ("NULL", (), lambda row, who: None),
]

# --- masks: SQL text and what becomes of a text or a number ---------------------------------

STRICTNESS = ["null", "redact", "constant", "hash", "range", "noise", "email", "partial", "regex"]
SAME_KIND = {"first": "partial", "last": "partial"}


def partial(first, last):
    def mask(value, _key):
        if first + last >= len(value):
            return "*" * len(value)
        tail = value[len(value) - last:] if last else ""
        return value[:first] + "*" * (len(value) - first - last) + tail
    return mask


def email(value, _key):
    local, at, domain = value.rpartition("@")
    return local[0] + "***@" + domain if at and local and domain else "[redacted]"


def regex(pattern, replacement):
    def mask(value, _key):
        return re.sub(pattern, replacement, value) if re.search(pattern, value) else "[redacted]"
    return mask


def sign(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def noise(fraction):
    def mask(value, secret):
        key = sign(sign(b"contauth mask", secret), b"noise\x01")
        drawn = int.from_bytes(sign(key, f"{fraction}:{value}".encode())[:8], "big", signed=True)
        result = value + value * Fraction(fraction) * Fraction(drawn, 2 ** 63)
        size = int(abs(result) + Fraction(1, 2))
        return size if result >= 0 else -size
    return mask


MASKS = {
    "null": lambda value, key: None,
    "redact": lambda value, key: "[redacted]",
    "constant(7)": lambda value, key: "7",
    "hash": lambda value, key: sign(key, value.encode()).hex(),
    "email": email,
    "partial(0,2)": partial(0, 2),
    "partial(1,2)": partial(1, 2),
    "partial(0,0)": partial(0, 0),
    "first(2)": partial(2, 0),
    "last(3)": partial(0, 3),
    "regex([aeiou]+, _)": regex("[aeiou]+", "_"),
    "regex('[0-9]{1,2}', '')": regex("[0-9]{1,2}", ""),
}
NUMBER_MASKS = {
    "null": lambda value, key: None,
    "constant(7)": lambda value, key: 7,
    "range(3)": lambda value, key: value // 3 * 3,
    "range(1000)": lambda value, key: value // 1000 * 1000,
    "noise(0.5)": noise("0.5"),
    "noise(1)": noise("1"),
}
ANY_MASKS = ["null", "constant(7)"]     # for columns of all types


def parameters(kind, mask):
    """Smaller is stricter: characters that are kept, or how far off a number is."""
    numbers = [Fraction(n) for n in re.findall(r"[0-9.]+", mask)]
    if kind == "partial":
        return sum(numbers)
    return -numbers[0] if kind in ("range", "noise") else 0


def strictness(mask):
    kind = mask.split("(")[0]
    kind = SAME_KIND.get(kind, kind)
    return STRICTNESS.index(kind), parameters(kind, mask), mask


def apply_mask(mask, value, kind, key):
    """A mask that does not fit the type hides everything."""
    if value is None:
        return None
    fitting = NUMBER_MASKS if kind == "int" else MASKS
    return fitting[mask](value, key) if mask in fitting else None


# --- patterns -------------------------------------------------------------------------------

def glob(pattern, text):
    """"*" stands for any characters."""
    parts = pattern.split("*")
    if len(parts) == 1:
        return pattern == text
    if not text.startswith(parts[0]) or not text[len(parts[0]):].endswith(parts[-1]):
        return False
    at, end = len(parts[0]), len(text) - len(parts[-1])
    for part in parts[1:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def label_matches(pattern, label):
    """"pii" covers pii and what is below it, "pii.*" only what is below."""
    return glob(pattern, label) if "*" in pattern else \
        label == pattern or label.startswith(pattern + ".")
