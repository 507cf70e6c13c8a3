"""Delegation grants (contract, section 4): single ones and chains."""
import hashlib

from generate.common import (
    AUDIENCE, NOW, SUB, b64, compact, good, header, jwk, openssl_sign,
    without)

ISSUER = "https://issuer.example"
ROOT = ISSUER + "|alice"
PLANNER = "spiffe://acme.example/agent/planner"
OK = "CA_TOKEN_OK"
DIGEST = b64(hashlib.sha256(b"a grant").digest())


def body(**more):
    base = {"iss": ROOT, "sub": SUB, "aud": AUDIENCE, "iat": NOW - 10,
            "exp": NOW + 300, "jti": "g1"}
    return compact({k: v for k, v in {**base, **more}.items()
                    if v is not None})


def raw(name, text):
    return without(body(), name)[:-1] + f',"{name}":{text}}}'.encode()


def grant(body_=None, head=None, alg="ES256", key="p256"):
    return good(alg, key, head if head is not None else header(alg, key),
                body_ if body_ is not None else body())


def cases():
    """(name, compact text, status)"""
    for part in (good_cases, header_cases, claim_cases, principal_cases,
                 limit_cases, other_cases, time_cases, token_cases):
        yield from part()


def good_cases():
    for alg, key in (("RS256", "rsa"), ("PS384", "rsa"), ("ES256", "p256"),
                     ("ES512", "p521"), ("EdDSA", "ed")):
        yield f"good: {alg} by PyJWT", grant(alg=alg, key=key), OK
        yield (f"good: {alg} by openssl",
               openssl_sign(alg, key, header(alg, key), body()), OK)
    for typ in ("JWT", "JOSE", "grant+jwt", "application/grant+jwt",
                "delegation+jwt", "Grant+JWT"):
        yield f"good: typ {typ}", grant(head=header("ES256", "p256", typ=typ)), OK
    yield "good: without kid", grant(head=header("ES256", None)), OK
    yield "good: by an agent", grant(body(iss=PLANNER)), OK
    yield "good: to a person", grant(body(sub=ISSUER + "|bob")), OK
    yield "good: with a parent", grant(body(prf=DIGEST)), OK
    yield "good: everything", grant(body(
        prf=DIGEST, max_depth=3, autonomy=2, purpose=["support"], nbf=NOW,
        authorization_details=[{
            "type": "contauth", "actions": ["select"], "locations": ["crm.*"],
            "labels_max": 1, "purpose": ["support"]}], x={"y": 1})), OK


def header_cases():
    bad = "CA_TOKEN_BAD_HEADER"
    for typ in ("at+jwt", "txntoken+jwt", "dpop+jwt", "grant", "", "grant+jwt ",
                "text/grant+jwt"):
        yield f"header: typ {typ!r} (RFC 8725 3.11)", grant(
            head=header("ES256", "p256", typ=typ)), bad
    for name, value in (("jwk", jwk("p256")), ("jku", "https://evil"),
                        ("x5u", "https://evil"), ("x5c", ["AAAA"])):
        yield f"header: {name} brings its own key (RFC 7515 4.1)", grant(
            head=header("ES256", "p256", **{name: value})), bad
    yield "header: crit (RFC 7515 4.1.11)", grant(
        head=header("ES256", "p256", crit=["exp"])), "CA_TOKEN_CRITICAL_HEADER"
    for alg in ("none", "HS256", "ES256K"):
        yield f"header: alg {alg}", grant(
            head=header(alg, "p256")), "CA_TOKEN_BAD_ALGORITHM"


def claim_cases():
    missing, bad = "CA_TOKEN_MISSING_CLAIM", "CA_TOKEN_BAD_CLAIM"
    for name in ("iss", "sub", "aud", "iat", "exp", "jti"):
        yield f"claim: no {name}", grant(body(**{name: None})), missing
        for text in ("null", "true", "{}"):
            yield f"claim: {name} {text}", grant(raw(name, text)), bad
    yield "claim: jti empty", grant(body(jti="")), bad
    yield "claim: aud empty array", grant(body(aud=[])), bad
    yield "claim: iat negative", grant(body(iat=-1)), bad


def principal_cases():
    bad = "CA_TOKEN_BAD_PRINCIPAL"
    for name in ("iss", "sub"):
        for value in ("", "alice", "|", "|alice", ISSUER, ISSUER + "|",
                      "spiffe://acme.example", "spiffe://acme.example/",
                      "SPIFFE://acme.example/a", "spiffe://acme.example/a/../b",
                      " " + PLANNER):
            yield f"principal: {name} {value!r}", grant(
                body(**{name: value})), bad
        yield f"principal: {name}, a bar in the subject", grant(
            body(**{name: ISSUER + "|a|b"})), OK


def limit_cases():
    bad = "CA_TOKEN_BAD_CLAIM"
    bytes_ = hashlib.sha256(b"a grant").digest()
    for name, value in (("a number", 1), ("an array", [DIGEST]), ("empty", ""),
                        ("of 31 bytes", b64(bytes_[:31])),
                        ("of 33 bytes", b64(bytes_ + b"a")),
                        ("padded", DIGEST + "="), ("in hex", bytes_.hex()),
                        ("non-canonical",
                         DIGEST[:-1] + chr(ord(DIGEST[-1]) + 1))):
        yield f"prf: {name}", grant(body(prf=value)), bad
    yield "prf: null", grant(raw("prf", "null")), bad
    for value in (0, 1, 16, 999):
        yield f"max_depth: {value}", grant(body(max_depth=value)), OK
    for text in ("-1", "-0", "1.0", "0.5", "1e0", '"1"', "null", "true", "[1]",
                 "{}", "9999999999", "1e400"):
        yield f"max_depth: {text}", grant(raw("max_depth", text)), bad
    for value in range(1, 6):
        yield f"autonomy: {value}", grant(body(autonomy=value)), OK
    for text in ("0", "6", "-1", "2.5", "3.0", "1e0", '"3"', "null", "true",
                 "[3]", "99999999999"):
        yield f"autonomy: {text}", grant(raw("autonomy", text)), bad
    for text in ('"support"', '["support"]', '["a","b"]', "[]"):
        yield f"purpose: {text}", grant(raw("purpose", text)), OK
    for text in ("null", "1", "{}", '""', '[""]', "[1]", "[null]", '["a",[]]'):
        yield f"purpose: {text}", grant(raw("purpose", text)), bad
    yield "purpose: 257 of them", grant(body(purpose=["a"] * 257)), bad


def other_cases():
    for name, text in (("an object", f'{{"sub":"{SUB}"}}'), ("null", "null"),
                       ("empty", "{}")):
        yield f"act: {name} in a grant", grant(
            raw("act", text)), "CA_TOKEN_BAD_ACTOR"
    for name, text in (("x5t#S256", f'{{"x5t#S256":"{DIGEST}"}}'),
                       ("jkt", f'{{"jkt":"{DIGEST}"}}'), ("null", "null")):
        yield f"cnf: {name} in a grant", grant(
            raw("cnf", text)), "CA_TOKEN_BAD_CONFIRMATION"
    for name, value in (("an object", {}), ("without type", [{}]),
                        ("unknown member", [{"type": "contauth", "a": 1}]),
                        ("labels_max 5", [{"type": "contauth",
                                           "labels_max": 5}])):
        yield f"details: {name} in a grant", grant(
            body(authorization_details=value)), "CA_TOKEN_BAD_DETAILS"
    yield "duplicate: sub", grant(
        body()[:-1] + b',"sub":"spiffe://acme.example/admin"}'), \
        "CA_TOKEN_DUPLICATE_MEMBER"
    yield "duplicate: max_depth", grant(
        body(max_depth=0)[:-1] + b',"max_depth":9}'), \
        "CA_TOKEN_DUPLICATE_MEMBER"
    yield "signature: another key", grant(
        key="p256-other", head=header("ES256", "p256")), "CA_TOKEN_BAD_SIGNATURE"
    yield "signature: unknown kid", grant(
        head=header("ES256", "x")), "CA_TOKEN_UNKNOWN_KEY"


def time_cases():
    expired, early = "CA_TOKEN_EXPIRED", "CA_TOKEN_NOT_YET_VALID"
    yield "validate: expired", grant(body(exp=NOW - 30)), expired
    yield "validate: expired within the skew", grant(body(exp=NOW - 29)), OK
    yield "validate: issued in the future", grant(body(iat=NOW + 31)), early
    yield "validate: issued within the skew", grant(body(iat=NOW + 30)), OK
    yield "validate: not yet valid", grant(body(nbf=NOW + 31)), early
    yield "validate: other audience", grant(
        body(aud="x")), "CA_TOKEN_WRONG_AUDIENCE"


def token_cases():
    """A token is no grant, whatever it is called."""
    agent = {"iat": NOW, "jti": "1", "sub": SUB}
    yield "token: a JWT-SVID", grant(body(iss=None)), "CA_TOKEN_MISSING_CLAIM"
    for typ in (None, "JWT", "grant+jwt"):
        yield f"token: of an issuer, typ {typ}", grant(
            body(iss=ISSUER, **agent),
            header("ES256", "p256", typ=typ)), "CA_TOKEN_BAD_PRINCIPAL"
    yield "token: of a trust domain", grant(
        body(iss="spiffe://acme.example", **agent)), "CA_TOKEN_BAD_PRINCIPAL"
    yield "token: an access token", grant(
        body(iss=ISSUER, **agent), header("ES256", "p256", typ="at+jwt")), \
        "CA_TOKEN_BAD_HEADER"


def agent(i):
    return f"spiffe://acme.example/agent/{i}"


def chain(n, change=None):
    """Grants from ROOT over agents 1 .. n-1 to SUB; change(i, claims) may
    alter one before it is signed."""
    names = [ROOT] + [agent(i) for i in range(1, n)] + [SUB]
    texts = []
    for i in range(n):
        claims = {"iss": names[i], "sub": names[i + 1], "aud": AUDIENCE,
                  "iat": NOW - 10, "exp": NOW + 300, "jti": f"g{i}"}
        if i > 0:
            claims["prf"] = b64(hashlib.sha256(texts[-1].encode()).digest())
        if change is not None:
            change(i, claims)
        texts.append(good("EdDSA", "ed", header("EdDSA", "ed"),
                          compact(claims)))
    return texts


def at(index, **more):
    """A change of one grant; None takes a claim away."""
    def change(i, claims):
        if i == index:
            claims.update(more)
            for name in [k for k, v in more.items() if v is None]:
                del claims[name]
    return change


def chain_cases():
    """(name, grants, actor, status, index of the bad one)"""
    deep, loop = "CA_GRANT_TOO_DEEP", "CA_CHAIN_LOOP"
    parent, linked = "CA_GRANT_WRONG_PARENT", "CA_GRANT_NOT_LINKED"
    root, actor = "CA_GRANT_FIRST_HAS_PARENT", "CA_GRANT_WRONG_ACTOR"
    three, other = chain(3), chain(3, at(0, jti="other"))
    for n in (1, 2, 3, 16):
        yield f"good: {n} grants", chain(n), SUB, OK, None
    yield "order: the root cut off", three[1:], SUB, root, 0
    yield "order: only the last one", three[2:], SUB, root, 0
    yield "order: the middle left out", [three[0], three[2]], SUB, parent, 1
    yield "order: the last left out", three[:2], SUB, actor, 1
    yield "order: the first two swapped", [three[1], three[0], three[2]], SUB, root, 0
    yield "order: the last two swapped", [three[0], three[2], three[1]], SUB, parent, 1
    yield "order: reversed", three[::-1], SUB, root, 0
    yield "order: the root twice", [three[0]] + three, SUB, parent, 1
    yield "order: the last twice", three + [three[2]], SUB, parent, 3
    yield "mixed: the root of another chain", [other[0]] + three[1:], SUB, parent, 1
    yield "mixed: the end of another chain", three[:2] + [other[2]], SUB, parent, 2
    yield "mixed: two chains", three + other, SUB, parent, 3
    yield "parent: digest of something else", chain(
        3, at(1, prf=DIGEST)), SUB, parent, 1
    yield "parent: none", chain(3, at(2, prf=None)), SUB, parent, 2
    yield "parent: of the one before the last", [
        *three[:2], good("EdDSA", "ed", header("EdDSA", "ed"), compact({
            "iss": agent(2), "sub": SUB, "aud": AUDIENCE, "iat": NOW - 10,
            "exp": NOW + 300, "jti": "g",
            "prf": b64(hashlib.sha256(three[0].encode()).digest())}))], \
        SUB, parent, 2
    yield "parent: the root has one", chain(2, at(0, prf=DIGEST)), SUB, root, 0
    yield "linked: by somebody else", chain(
        3, at(1, iss=agent(9))), SUB, linked, 1
    yield "linked: to somebody else", chain(
        3, at(0, sub=agent(9))), SUB, linked, 1
    yield "linked: by a person of the same subject", chain(
        2, at(1, iss="https://else.example|alice")), SUB, linked, 1
    yield "linked: by the root again", chain(3, at(2, iss=ROOT)), SUB, linked, 2
    yield "actor: another agent", three, PLANNER, actor, 2
    yield "actor: a prefix", three, SUB[:-1], actor, 2
    yield "actor: the agent in the middle", three, agent(1), actor, 2
    yield "actor: empty", three, "", actor, 2
    yield "depth: exactly enough", chain(3, at(0, max_depth=2)), SUB, OK, None
    yield "depth: none left, none needed", chain(
        3, at(2, max_depth=0)), SUB, OK, None
    yield "depth: of the root", chain(3, at(0, max_depth=1)), SUB, deep, 0
    yield "depth: of the middle", chain(3, at(1, max_depth=0)), SUB, deep, 1
    yield "depth: a later grant gives no more", chain(3, lambda i, c: c.update(
        max_depth=(1, 9, 9)[i])), SUB, deep, 0
    yield "depth: 15 for 16 grants", chain(16, at(0, max_depth=15)), SUB, OK, None
    yield "depth: 14 for 16 grants", chain(16, at(0, max_depth=14)), SUB, deep, 0
    yield "loop: to oneself", chain(1, at(0, iss=SUB)), SUB, loop, None
    yield "loop: back to the root", chain(
        2, lambda i, c: c.update(iss=(SUB, agent(1))[i])), SUB, loop, None
    yield "loop: an agent twice", chain(3, lambda i, c: c.update(
        (({"sub": agent(1)}, {"iss": agent(1), "sub": agent(1)},
          {"iss": agent(1)})[i]))), SUB, loop, None
    yield "loop: in the middle of four", chain(4, lambda i, c: c.update(
        ({}, {"sub": ROOT}, {"iss": ROOT}, {})[i])), SUB, loop, None


def split_cases():
    """(name, text, status, number of grants)"""
    bad = "CA_GRANTS_BAD"

    def array(n):
        return compact(["a.b.c"] * n)

    for n in (1, 2, 16):
        yield f"good: {n}", array(n), OK, n
    yield "good: white space", b' [ "a.b.c" ,\r\n\t"d.e.f" ] ', OK, 2
    yield "good: an escape", b'["a\\u002eb.c"]', OK, 1
    for n in (0, 17, 100):
        yield f"bad: {n}", array(n), bad, 0
    for text in ("", " ", "null", "1", '"a.b.c"', "{}", '{"a":"a.b.c"}',
                 "a.b.c", "[", "]", '["a.b.c"', '["a.b.c",]', "[,]", '["a.b.c"]x',
                 '["a.b.c"]["a.b.c"]', '["a.b.c" "d"]', "['a.b.c']", "[null]",
                 "[1]", "[true]", "[{}]", '[["a.b.c"]]', '["a.b.c",null]',
                 '["a.b.c",1]', '[{"a":1,"a":2}]'):
        yield f"bad: {text}", text, bad, 0
    yield "bad: NUL inside", b'["a\0b"]', bad, 0
    yield "bad: NUL after", b'["a.b.c"]\0', bad, 0
    yield "bad: escaped NUL", b'["a\\u0000"]', bad, 0
    yield "bad: invalid UTF-8", b'["\xff"]', bad, 0
    yield "bad: byte order mark", b'\xef\xbb\xbf["a.b.c"]', bad, 0
    yield "bad: nested 33 deep", b"[" * 33 + b"]" * 33, bad, 0
