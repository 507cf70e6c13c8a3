"""OAuth access and transaction tokens: (name, compact text, status, profile).

The profile is NULL's stand-in CA_PROFILE_OAUTH where the token is refused.
"""
import base64
import hashlib

from generate.common import (
    AUDIENCE, KEYS, NOW, SUB, b64, claims, compact, good, header, jwk,
    openssl_sign, signature_of, sign, with_signature, without)

ISSUER = "https://issuer.example"
OTHER = "spiffe://acme.example/agent/planner"
OK = "CA_TOKEN_OK"
OAUTH, SVID = "CA_PROFILE_OAUTH", "CA_PROFILE_JWT_SVID"
DIGEST = b64(hashlib.sha256(b"a certificate").digest())
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def head(alg="RS256", kid="rsa", typ="at+jwt", **more):
    return header(alg, kid, typ=typ, **more)


def body(**more):
    """A person's token, exchanged by an agent (RFC 8693 section 4.1)."""
    base = {"iss": ISSUER, "sub": "alice", "client_id": "c", "jti": "t1",
            "iat": NOW - 5, "act": {"sub": SUB}}
    return claims(**{**base, **more})


def raw(name, text):
    """Claims with one member given as JSON text."""
    return without(body(), name)[:-1] + f',"{name}":{text}}}'.encode()


def token(head_=None, body_=None, alg="RS256", key="rsa"):
    return good(alg, key, head_ if head_ is not None else head(alg, key),
                body_ if body_ is not None else body())


def cases():
    for part in (good_cases, header_cases, type_cases, claim_cases, act_cases,
                 cnf_cases, details_cases, grant_cases, signature_cases):
        for name, text, status in part():
            yield name, text, status, OAUTH
    yield from profile_cases()


def good_cases():
    for alg, key in (("RS256", "rsa"), ("RS384", "rsa"), ("RS512", "rsa"),
                     ("PS256", "rsa"), ("PS384", "rsa"), ("PS512", "rsa"),
                     ("ES256", "p256"), ("ES384", "p384"), ("ES512", "p521"),
                     ("EdDSA", "ed")):
        yield f"good: {alg} by PyJWT", token(alg=alg, key=key), OK
        yield (f"good: {alg} by openssl",
               openssl_sign(alg, key, head(alg, key), body()), OK)
        yield f"good: {alg} without kid", good(
            alg, key, head(alg, None), body()), OK
    yield "good: the agent is the subject (RFC 9068 2.2)", token(
        body_=body(sub=SUB, act=None)), OK
    yield "good: nothing but what the contract asks", token(
        body_=body(client_id=None, jti=None, iat=None)), OK
    yield "good: scope is not ours (RFC 9068 2.2.3)", token(
        body_=body(scope="read write")), OK
    yield "good: audience in an array (RFC 7519 4.1.3)", token(
        body_=body(aud=["x", AUDIENCE])), OK
    yield "good: iat in the future says nothing (RFC 7519 4.1.6)", token(
        body_=body(iat=NOW + 1000)), OK
    yield "good: issuer is a trust domain", token(
        body_=body(iss="spiffe://acme.example")), OK
    yield "good: a transaction context", token(
        head(typ="txntoken+jwt"), body(txn="1", tctx={"a": 1},
                                       rctx={"req_ip": "::1"})), OK


def header_cases():
    bad, alg = "CA_TOKEN_BAD_HEADER", "CA_TOKEN_BAD_ALGORITHM"
    crit = "CA_TOKEN_CRITICAL_HEADER"
    for name, value in (("jwk", jwk("other")), ("jku", "https://evil"),
                        ("x5u", "https://evil"), ("x5c", ["AAAA"]),
                        ("jwk", None), ("x5c", [])):
        if value is None:
            text = head()[:-1] + b',"jwk":null}'
        else:
            text = head(**{name: value})
        yield (f"header: {name} brings its own key (RFC 7515 4.1), "
               f"{type(value).__name__}", token(text), bad)
    for name, value in (("x5t", "AA"), ("x5t#S256", "AA"), ("cty", "JWT"),
                        ("foo", 1), ("KID", "x")):
        yield f"header: {name} is ignored (RFC 7515 4)", token(
            head(**{name: value})), OK
    for name, value in (("b64", ["b64"]), ("empty", []), ("exp", ["exp"]),
                        ("a string", "exp"), ("a number", 1)):
        yield f"header: crit {name} (RFC 7515 4.1.11)", token(
            head(crit=value, exp=1, b64=True)), crit
    yield "header: crit null (RFC 7515 4.1.11)", token(
        head()[:-1] + b',"crit":null}'), crit
    for name in ("none", "HS256", "HS512", "Ed25519", "Ed448", "eddsa",
                 "ES256K", "RSA-OAEP", "A128KW", ""):
        yield f"header: alg '{name}' (RFC 8725 3.1)", token(head(name)), alg
    yield "header: no alg (RFC 7515 4.1.1)", token(head(None)), bad
    yield "header: alg an array", token(head(["RS256"])), bad
    yield "header: kid a number (RFC 7515 4.1.4)", token(head(kid=1)), bad
    yield "header: kid empty", token(head(kid="")), bad
    yield "header: unknown kid", token(head(kid="x")), "CA_TOKEN_UNKNOWN_KEY"


def type_cases():
    bad = "CA_TOKEN_BAD_HEADER"
    for typ in ("at+jwt", "application/at+jwt", "AT+JWT", "Application/AT+jwt",
                "txntoken+jwt", "application/txntoken+jwt", "JWT", "jwt",
                "application/jwt", "JOSE", None):
        yield (f"type: {typ} (RFC 9068 2.1, RFC 7515 4.1.9)",
               token(head(typ=typ)), OK)
    for typ in ("at", "jwt+at", "at+jwt ", " at+jwt", "at+jwt;v=1", "",
                "text/at+jwt", "application/", "application/application/at+jwt",
                "dpop+jwt", "secevent+jwt", "logout+jwt", "id_token+jwt",
                "token-introspection+jwt", "oauth-authz-req+jwt",
                "grant+jwt", "delegation+jwt", "JWE", "wit+jwt"):
        yield f"type: {typ!r} (RFC 8725 3.11)", token(head(typ=typ)), bad
    for name, text in (("null", "null"), ("a number", "1"), ("true", "true"),
                       ("an array", '["at+jwt"]')):
        yield f"type: {name} (RFC 7515 4.1.9)", token(
            header()[:-1] + b',"typ":' + text.encode() + b"}"), bad


def claim_cases():
    missing, bad = "CA_TOKEN_MISSING_CLAIM", "CA_TOKEN_BAD_CLAIM"
    spiffe, is_grant = "CA_TOKEN_BAD_SPIFFE_ID", "CA_TOKEN_IS_GRANT"
    for name in ("sub", "aud", "exp"):
        yield f"claim: no {name} (RFC 9068 2.2)", token(
            body_=body(**{name: None})), missing
    yield "claim: no iss, so no OAuth token", token(
        body_=body(iss=None)), "CA_TOKEN_BAD_HEADER"
    yield "claim: iss empty", token(body_=body(iss="")), missing
    for name in ("iss", "sub", "jti", "client_id"):
        for text in ("null", "1", '["a"]', "{}"):
            yield (f"claim: {name} {text} (RFC 7519 4.1)",
                   token(body_=raw(name, text)), bad)
    yield "claim: sub empty", token(body_=body(sub="")), bad
    yield "claim: aud empty array", token(body_=body(aud=[])), bad
    yield "claim: exp a string (RFC 7519 2)", token(
        body_=body(exp=str(NOW + 300))), bad
    yield "claim: nbf negative", token(body_=body(nbf=-1)), bad
    yield "claim: a person without an actor", token(
        body_=body(act=None)), spiffe
    for sub in ("spiffe://acme.example", "spiffe://acme.example/",
                "SPIFFE://acme.example/a", "spiffe:alice", "Spiffe://a/b",
                "spiffe://acme.example/a?b"):
        yield f"claim: sub {sub!r} is no name of a person", token(
            body_=body(sub=sub)), spiffe
    yield "claim: sub 'spiffe' is a name", token(body_=body(sub="spiffe")), OK
    yield "claim: sub with a bar", token(body_=body(sub="a|b")), OK
    for iss in ("https://issuer.example|alice", "|", "a|", SUB,
                "spiffe://acme.example/x"):
        yield f"claim: iss {iss!r} is a principal's", token(
            body_=body(iss=iss)), is_grant
    yield "claim: expired (RFC 7519 4.1.4)", token(
        body_=body(exp=NOW - 30)), "CA_TOKEN_EXPIRED"
    yield "claim: expired within the skew", token(body_=body(exp=NOW - 29)), OK
    yield "claim: not yet valid (RFC 7519 4.1.5)", token(
        body_=body(nbf=NOW + 31)), "CA_TOKEN_NOT_YET_VALID"
    yield "claim: other audience (RFC 9068 4)", token(
        body_=body(aud=["x", ISSUER])), "CA_TOKEN_WRONG_AUDIENCE"


def nested(depth, last=None):
    """An act of so many actors, the innermost one given."""
    act = last if last is not None else {"sub": "first"}
    for i in range(depth - 1):
        act = {"sub": f"spiffe://acme.example/agent/{i}", "act": act}
    return act


def act_cases():
    bad = "CA_TOKEN_BAD_ACTOR"

    def act(value):
        return token(body_=body(act=value))

    yield "act: a prior actor (RFC 8693 4.1)", act(
        {"sub": SUB, "act": {"sub": OTHER}}), OK
    yield "act: a prior actor who is a person", act(
        {"sub": SUB, "act": {"sub": "bob"}}), OK
    yield "act: a prior person of the same issuer, named", act(
        {"sub": SUB, "act": {"sub": "bob", "iss": ISSUER}}), OK
    yield "act: a prior person of another issuer", act(
        {"sub": SUB, "act": {"sub": "bob", "iss": "https://else.example"}}), bad
    yield "act: a prior person of an empty issuer", act(
        {"sub": SUB, "act": {"sub": "bob", "iss": ""}}), bad
    yield "act: a prior agent of another issuer", act(
        {"sub": SUB, "act": {"sub": OTHER, "iss": "https://else.example"}}), OK
    yield "act: the actor with an issuer", act(
        {"sub": SUB, "iss": "https://else.example"}), OK
    yield "act: other members say nothing (RFC 8693 4.1)", act(
        {"sub": SUB, "exp": 1, "aud": "x", "nbf": 9e15, "x": [1]}), OK
    yield "act: 16 actors", act(nested(16)), OK
    yield "act: 17 actors", act(nested(17)), "CA_TOKEN_TOO_DEEP"
    yield "act: 31 actors", act(nested(31)), "CA_TOKEN_TOO_DEEP"
    yield "act: 32 actors are too deep for JSON", act(
        nested(32)), "CA_TOKEN_TOO_DEEP"
    for name, text in (("a string", f'"{SUB}"'), ("null", "null"),
                       ("a number", "1"), ("true", "true"), ("empty", "{}"),
                       ("an array", f'[{{"sub":"{SUB}"}}]'),
                       ("without sub", '{"iss":"a"}'),
                       ("of sub null", '{"sub":null}'),
                       ("of sub a number", '{"sub":7}'),
                       ("of sub an array", f'{{"sub":["{SUB}"]}}'),
                       ("of sub empty", '{"sub":""}')):
        yield f"act: {name} (RFC 8693 4.1)", token(body_=raw("act", text)), bad
        yield f"act: prior one {name}", token(body_=raw(
            "act", f'{{"sub":"{SUB}","act":{text}}}')), bad
    for value in (None, 1, ["a"], {}):
        yield f"act: iss {compact(value).decode()} (RFC 7519 4.1.1)", token(
            body_=raw("act", f'{{"sub":"{SUB}","iss":'
                      f'{compact(value).decode()}}}')), bad
    for sub in ("alice", "spiffe://acme.example", "spiffe://acme.example/",
                "SPIFFE://acme.example/agent", "spiffe://acme.example/a/../b",
                "https://acme.example/agent"):
        yield f"act: the actor is {sub!r}, no agent", act({"sub": sub}), bad
    for sub in ("spiffe://acme.example", "Spiffe://acme.example/a",
                "spiffe:bob"):
        yield f"act: a prior {sub!r} is ill-spelt", act(
            {"sub": SUB, "act": {"sub": sub}}), bad
    yield "act: twice", token(body_=body()[:-1] + b',"act":{"sub":"x"}}'), \
        "CA_TOKEN_DUPLICATE_MEMBER"
    yield "act: sub twice", token(body_=raw(
        "act", f'{{"sub":"{SUB}","sub":"{OTHER}"}}')), \
        "CA_TOKEN_DUPLICATE_MEMBER"
    yield "act: an agent acts for an agent", token(
        body_=body(sub=OTHER)), OK


def cnf_cases():
    bad = "CA_TOKEN_BAD_CONFIRMATION"

    def cnf(text):
        return token(body_=raw("cnf", text))

    yield "cnf: x5t#S256 (RFC 8705 3.1)", cnf(f'{{"x5t#S256":"{DIGEST}"}}'), OK
    bytes_ = base64.urlsafe_b64decode(DIGEST + "=")
    for name, value in (
            ("31 bytes", b64(bytes_[:31])), ("33 bytes", b64(bytes_ + b"a")),
            ("20 bytes", b64(bytes_[:20])), ("64 bytes", b64(bytes_ * 2)),
            ("empty", ""), ("padded", DIGEST + "="),
            ("hexadecimal", bytes_.hex()), ("with a plus", "+" + DIGEST[1:]),
            ("non-canonical", DIGEST[:-1] + chr(ord(DIGEST[-1]) + 1)),
            ("with a line feed", DIGEST + "\\n")):
        yield f"cnf: x5t#S256 {name}", cnf(f'{{"x5t#S256":"{value}"}}'), bad
    for text in ("null", "1", "true", f'"{DIGEST}"', "[]", "{}",
                 '{"x5t#S256":null}', '{"x5t#S256":1}', '{"x5t#S256":{}}',
                 f'{{"x5t#S256":["{DIGEST}"]}}', f'{{"x5t#s256":"{DIGEST}"}}',
                 f'{{"x5t":"{DIGEST}"}}'):
        yield f"cnf: {text[:22]} (RFC 7800 3.1)", cnf(text), bad
    yield "cnf: jkt only, of DPoP (RFC 9449 6.1)", cnf(
        f'{{"jkt":"{DIGEST}"}}'), bad
    for name, text in (("jwk", '{"kty":"oct"}'), ("jwe", '"a"'),
                       ("kid", '"a"'), ("jku", '"https://a"')):
        yield f"cnf: {name} only (RFC 7800 3.2 to 3.5)", cnf(
            f'{{"{name}":{text}}}'), bad
    yield "cnf: x5t#S256 and jkt", cnf(
        f'{{"x5t#S256":"{DIGEST}","jkt":"{DIGEST}"}}'), bad
    yield "cnf: jkt and x5t#S256", cnf(
        f'{{"jkt":"{DIGEST}","x5t#S256":"{DIGEST}"}}'), bad
    yield "cnf: x5t#S256 and an unknown member", cnf(
        f'{{"x5t#S256":"{DIGEST}","a":1}}'), bad


def details_cases():
    bad = "CA_TOKEN_BAD_DETAILS"

    def details(text):
        if not isinstance(text, str):
            text = compact(text).decode()
        return token(body_=raw("authorization_details", text))

    def ours(**more):
        return details([{"type": "contauth", **more}])

    yield "details: all members (RFC 9396 2)", ours(
        actions=["select"], locations=["crm.customer"], labels_max=2,
        purpose=["support"]), OK
    yield "details: none of them", ours(), OK
    yield "details: an empty array", details([]), OK
    yield "details: another type only (RFC 9396 2)", details(
        [{"type": "payment", "amount": 1}]), OK
    yield "details: another case is another type", details(
        [{"type": "Contauth", "foo": 1}]), OK
    yield "details: ours among others", details(
        [{"type": "a", "actions": 1}, {"type": "contauth"}, {"type": "b"}]), OK
    yield "details: empty lists", ours(actions=[], locations=[], purpose=[]), OK
    yield "details: purpose a string", ours(purpose="support"), OK
    for level in (0, 4):
        yield f"details: labels_max {level}", ours(labels_max=level), OK
    yield "details: 256 elements", details([{"type": "contauth"}] * 256), OK
    yield "details: 257 elements", details([{"type": "x"}] * 257), bad
    yield "details: 256 actions", ours(actions=["a"] * 256), OK
    yield "details: 257 actions", ours(actions=["a"] * 257), bad
    for text in ("null", "1", '"contauth"', '{"type":"contauth"}', '["contauth"]',
                 "[null]", "[1]", "[[]]", "[{}]", '[{"type":null}]',
                 '[{"type":1}]', '[{"type":["contauth"]}]',
                 '[{"actions":["select"]}]'):
        yield f"details: {text} (RFC 9396 2)", details(text), bad
    for name in ("datatypes", "identifier", "privileges", "labelsMax",
                 "Actions", "actions ", "", "not_after"):
        yield f"details: unknown member '{name}' (RFC 9396 5)", ours(
            **{name: ["a"]}), bad
    for name in ("actions", "locations", "purpose"):
        for value in (None, 1, {}, [1], [None], [[]], [""], ["a", ""],
                      ["a", {}], ""):
            yield (f"details: {name} {compact(value).decode()}",
                   ours(**{name: value}), bad)
    for name in ("actions", "locations"):
        yield f"details: {name} a string (RFC 9396 2.2)", ours(
            **{name: "select"}), bad
    for text in ("5", "-1", "-0", "1.5", "1.0", "1e0", '"3"', "null", "true",
                 "[1]", "99999999999", "1e400"):
        yield f"details: labels_max {text}", details(
            f'[{{"type":"contauth","labels_max":{text}}}]'), bad
    yield "details: a bad one after a good one", details(
        [{"type": "contauth"}, {"type": "contauth", "x": 1}]), bad
    yield "details: one without type after a good one", details(
        [{"type": "contauth"}, {}]), bad
    yield "details: type twice", details(
        '[{"type":"x","type":"contauth"}]'), "CA_TOKEN_DUPLICATE_MEMBER"


def grant_cases():
    """A delegation grant says nothing about who the session is."""
    bad, is_grant = "CA_TOKEN_BAD_HEADER", "CA_TOKEN_IS_GRANT"

    def grant(iss, **more):
        return body(iss=iss, sub=SUB, client_id=None, act=None, **more)

    for iss in (ISSUER + "|alice", OTHER):
        for typ in (None, "JWT", "at+jwt"):
            yield (f"grant: by {iss[:12]}, typ {typ}, is no token",
                   token(head(typ=typ), grant(iss)), is_grant)
        yield f"grant: by {iss[:12]}, EdDSA, is no token", token(
            head("EdDSA", "ed", None), grant(iss), "EdDSA", "ed"), is_grant
    for typ in ("grant+jwt", "application/delegation+jwt"):
        yield f"grant: typ {typ} is no token", token(
            head(typ=typ), grant(OTHER)), bad
        yield f"grant: typ {typ} with a token's claims", token(
            head(typ=typ)), bad


def signature_cases():
    bad = "CA_TOKEN_BAD_SIGNATURE"
    yield "signature: another key", good(
        "RS256", "other", head(), body()), bad
    yield "signature: another key, without kid", good(
        "RS256", "other", head(kid=None), body()), bad
    yield "signature: EdDSA names an RSA key", good(
        "EdDSA", "ed", head("EdDSA", "rsa"), body()), "CA_TOKEN_UNKNOWN_KEY"
    text = token(alg="EdDSA", key="ed")
    signature = signature_of(text)
    yield "signature: EdDSA too short", with_signature(text, signature[:63]), bad
    yield "signature: EdDSA too long", with_signature(text, signature + b"\0"), bad
    yield "signature: EdDSA all zero", with_signature(text, bytes(64)), bad
    yield "signature: EdDSA of other claims", with_signature(
        token(body_=body(sub="bob"), alg="EdDSA", key="ed"), signature), bad
    s = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    yield "signature: EdDSA, S plus the order (RFC 8032 5.1.7)", with_signature(
        text, signature[:32] + s.to_bytes(32, "little")), bad
    yield "signature: of an RSA key under EdDSA", sign(
        "RS256", KEYS["rsa"], head("EdDSA", "ed"), body()), bad


def profile_cases():
    """Which of the two profiles a token is judged by (contract, section 3)."""
    agent = {"sub": SUB, "act": None, "client_id": None}

    def choose(head_, alg="RS256", key="rsa", **more):
        return token(head_, body(**{**agent, **more}), alg, key)

    for typ in (None, "JWT", "JOSE"):
        yield (f"profile: form of a JWT-SVID, iss, typ {typ}",
               choose(header(typ=typ)), OK, SVID)
    yield "profile: form of a JWT-SVID, no iss", choose(
        header(), iss=None), OK, SVID
    yield "profile: form of a JWT-SVID, no kid", choose(
        header(kid=None)), OK, SVID
    yield "profile: form of a JWT-SVID, bound to a certificate", choose(
        header(), cnf={"x5t#S256": DIGEST}), OK, SVID
    yield "profile: form of a JWT-SVID, details", choose(
        header(), authorization_details=[{"type": "contauth"}]), OK, SVID
    yield "profile: act makes it OAuth", choose(
        header(), act={"sub": SUB}), OK, OAUTH
    yield "profile: at+jwt makes it OAuth", choose(head()), OK, OAUTH
    yield "profile: jwt in lower case makes it OAuth", choose(
        header(typ="jwt")), OK, OAUTH
    yield "profile: another header member makes it OAuth", choose(
        header(x5t="AA")), OK, OAUTH
    yield "profile: EdDSA makes it OAuth", choose(
        header("EdDSA", "ed"), "EdDSA", "ed"), OK, OAUTH
    yield "profile: a person with an actor is OAuth", choose(
        header(), sub="alice", act={"sub": SUB}), OK, OAUTH
    for name, head_, more, status in (
            ("a person alone", header(), {"sub": "alice"},
             "CA_TOKEN_BAD_SPIFFE_ID"),
            ("an SVID with act and no iss", header(),
             {"iss": None, "act": {"sub": SUB}}, "CA_TOKEN_BAD_ACTOR"),
            ("an SVID with act null and no iss", None, None,
             "CA_TOKEN_BAD_ACTOR"),
            ("another header member and no iss (JWT-SVID 2)",
             header(x5t="AA"), {"iss": None}, "CA_TOKEN_BAD_HEADER"),
            ("typ at+jwt and no iss (JWT-SVID 2.3)", head(),
             {"iss": None}, "CA_TOKEN_BAD_HEADER"),
            ("an SVID of jkt", header(), {"cnf": {"jkt": DIGEST}},
             "CA_TOKEN_BAD_CONFIRMATION"),
            ("an SVID of bad details", header(),
             {"authorization_details": {}}, "CA_TOKEN_BAD_DETAILS"),
            ("an SVID of bad details and no iss", header(),
             {"iss": None, "authorization_details": {}},
             "CA_TOKEN_BAD_DETAILS"),
            ("crit in both", header(crit=["x"]), {},
             "CA_TOKEN_CRITICAL_HEADER"),
            ("jwk in both", header(jwk=jwk("other")), {},
             "CA_TOKEN_BAD_HEADER")):
        if head_ is None:
            text = good(body=claims()[:-1] + b',"act":null}')
        else:
            text = choose(head_, **more)
        yield f"profile: {name} is refused", text, status, OAUTH
    yield "profile: EdDSA and no iss is refused (JWT-SVID 2.1)", choose(
        header("EdDSA", "ed"), "EdDSA", "ed", iss=None), \
        "CA_TOKEN_BAD_ALGORITHM", OAUTH
