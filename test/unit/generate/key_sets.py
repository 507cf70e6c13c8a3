"""JWK Sets: (name, JSON, status, number of keys)."""
import base64

from generate.common import KEYS, SMALL_RSA, b64, compact, integer, jwk, jwk_of


def jwks_json():
    """The key set of all token cases."""
    rsa_key = KEYS["rsa"]
    return compact({"keys": [
        jwk("rsa"), jwk("p256", use="sig"), jwk("p384", alg="ES384"),
        jwk("p521"), jwk("ed"),
        jwk_of(rsa_key, kid="rsa-rs256", alg="RS256"),
        jwk_of(rsa_key, kid="rsa-svid", use="jwt-svid"),
        jwk_of(rsa_key, kid="rsa-ops", key_ops=["verify"]),
        jwk_of(rsa_key, kid="rsa-enc", use="enc"),
        jwk_of(rsa_key, kid="rsa-x509", use="x509-svid"),
        jwk_of(rsa_key, kid="rsa-wrap", key_ops=["wrapKey"]),
        jwk_of(rsa_key, kid="rsa-oaep", alg="RSA-OAEP"),
        jwk("second"), jwk("bound", alg="RS384"), jwk("cipher", use="enc"),
        jwk_of(rsa_key),
        {"kty": "AKP", "kid": "new", "pub": "AAAA"},
    ], "spiffe_sequence": 12, "spiffe_refresh_hint": 600})


def jwks_cases():
    """(name, JSON, status, number of keys)"""
    ok, bad = "CA_TOKEN_OK", "CA_JWKS_BAD"
    badkey, twice = "CA_JWKS_BAD_KEY", "CA_JWKS_DUPLICATE_KID"

    def of(*keys):
        return compact({"keys": list(keys)})

    yield "good: all kinds", jwks_json(), ok, 10
    yield "good: empty", of(), ok, 0
    for name in ("rsa", "p256", "p384", "p521", "ed"):
        yield f"good: {name}", of(jwk(name)), ok, 1
    public = jwk("rsa")
    yield "good: leading zero in n", of({**public, "n": b64(
        b"\0" + base64.urlsafe_b64decode(public["n"] + "=="))}), ok, 1
    yield "good: 64 keys", of(*({**public, "kid": str(i)} for i in range(64))), ok, 64
    for name, change in (("without kid", {"kid": None}), ("empty kid", {"kid": ""}),
                         ("use enc", {"use": "enc"}),
                         ("use x509-svid", {"use": "x509-svid"}),
                         ("use SIG", {"use": "SIG"}),
                         ("key_ops sign", {"key_ops": ["sign"]}),
                         ("key_ops empty", {"key_ops": []}),
                         ("alg RSA-OAEP", {"alg": "RSA-OAEP"}),
                         ("alg HS256", {"alg": "HS256"}),
                         ("alg none", {"alg": "none"}),
                         ("kty unknown", {"kty": "XYZ"}),
                         ("kty rsa", {"kty": "rsa"})):
        key = {k: v for k, v in {**public, **change}.items() if v is not None}
        yield f"left out: {name}", of(key), ok, 0
    for crv in ("secp256k1", "P-224", "p-256", ""):
        yield f"left out: crv '{crv}'", of({**jwk("p256"), "crv": crv}), ok, 0
    yield "left out: EC without crv", of(
        {k: v for k, v in jwk("p256").items() if k != "crv"}), ok, 0
    for crv in ("X25519", "Ed448"):
        yield f"left out: crv {crv}", of({**jwk("ed"), "crv": crv}), ok, 0

    yield "bad: empty text", b"", bad, 0
    yield "bad: text", b"abc", bad, 0
    yield "bad: array", b"[]", bad, 0
    yield "bad: a key, not a set", compact(public), bad, 0
    yield "bad: no keys", b"{}", bad, 0
    yield "bad: keys an object", b'{"keys":{}}', bad, 0
    yield "bad: keys null", b'{"keys":null}', bad, 0
    yield "bad: key a string", b'{"keys":["x"]}', bad, 0
    yield "bad: key null", b'{"keys":[null]}', bad, 0
    yield "bad: key an array", b'{"keys":[[]]}', bad, 0
    yield "bad: key empty", b'{"keys":[{}]}', bad, 0
    yield "bad: 65 keys", of(*({**public, "kid": str(i)} for i in range(65))), bad, 0
    yield "bad: 65 keys to leave out", of(*({"kty": "XYZ"},) * 65), bad, 0
    yield "bad: invalid UTF-8", b'{"keys":[],"x":"\xff"}', bad, 0
    for name in ("kty", "kid", "use", "alg", "crv", "key_ops"):
        yield f"bad: {name} a number", of({**public, name: 1}), bad, 0
        yield f"bad: {name} null", of({**public, name: None}), bad, 0
    yield "bad: key_ops of numbers", of({**public, "key_ops": [1]}), bad, 0
    yield "bad: nested too deeply", (b'{"keys":' + b"[" * 32 + b"]" * 32 + b"}"), "CA_TOKEN_TOO_DEEP", 0
    yield "bad: duplicate keys", b'{"keys":[],"keys":[]}', "CA_TOKEN_DUPLICATE_MEMBER", 0
    yield "bad: duplicate n", of(public)[:-3] + b',"n":"AQAB"}]}', "CA_TOKEN_DUPLICATE_MEMBER", 0
    yield "duplicate: kid", of(public, public), twice, 0
    yield "duplicate: kid of another kind", of(public, {**jwk("p256"), "kid": "rsa"}), twice, 0
    yield "duplicate: kid left out is none", of(public, {**public, "use": "enc"}), ok, 1

    for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"):
        yield f"private: RSA with {name}", of({**public, name: "AQAB"}), badkey, 0
    yield "private: EC with d", of({**jwk("p256"), "d": "AQAB"}), badkey, 0
    yield "private: Ed25519 with d", of({**jwk("ed"), "d": "AQAB"}), badkey, 0
    yield "private: d null", of({**public, "d": None}), badkey, 0
    yield "private: d of a key to leave out", of(
        {**public, "use": "enc", "d": "AQAB"}), badkey, 0
    yield "private: symmetric", of({"kty": "oct", "kid": "a", "k": "AAAA"}), badkey, 0
    yield "private: symmetric without k", of({"kty": "oct", "kid": "a"}), badkey, 0
    yield "private: beside a good key", of(
        public, {**jwk("p256"), "d": "AQAB"}), badkey, 0

    yield "weak: RSA of 1024 bits", of(jwk_of(SMALL_RSA, kid="a")), badkey, 0
    n = KEYS["rsa"].public_key().public_numbers().n
    for name, value in (("of 2047 bits", n >> 1 | 1), ("even", n - 1),
                        ("of 8193 bits", (1 << 8192) | 1), ("of 65536 bits", (1 << 65535) | 1),
                        ("one", 1)):
        yield f"weak: modulus {name}", of({**public, "n": integer(value)}), badkey, 0
    yield "weak: modulus zero", of({**public, "n": "AA"}), badkey, 0
    for name, value in (("one", 1), ("two", 2), ("65536", 65536),
                        ("of 65 bits", (1 << 64) | 1), ("of 2048 bits", n)):
        yield f"weak: exponent {name}", of({**public, "e": integer(value)}), badkey, 0
    yield "weak: exponent zero", of({**public, "e": "AA"}), badkey, 0
    for name in ("n", "e"):
        for what, value in (("empty", ""), ("padded", public[name] + "="),
                            ("a number", 1), ("null", None), ("+", "+/+/")):
            yield f"malformed: RSA {name} {what}", of({**public, name: value}), badkey, 0
        yield f"malformed: RSA without {name}", of(
            {k: v for k, v in public.items() if k != name}), badkey, 0
    point = jwk("p256")
    for name in ("x", "y"):
        yield f"malformed: EC without {name}", of(
            {k: v for k, v in point.items() if k != name}), badkey, 0
        coordinate = base64.urlsafe_b64decode(point[name] + "=")
        for what, value in (("short", coordinate[1:]), ("long", b"\0" + coordinate),
                            ("empty", b""), ("zero", bytes(32)), ("ones", b"\xff" * 32)):
            yield f"malformed: EC {name} {what}", of(
                {**point, name: b64(value)}), badkey, 0
    yield "malformed: point at infinity", of(
        {**point, "x": b64(bytes(32)), "y": b64(bytes(32))}), badkey, 0
    yield "malformed: coordinates swapped", of(
        {**point, "x": point["y"], "y": point["x"]}), badkey, 0
    yield "malformed: point of another curve", of(
        {**point, "crv": "P-384"}), badkey, 0
    edwards = jwk("ed")
    yield "malformed: Ed25519 without x", of(
        {k: v for k, v in edwards.items() if k != "x"}), badkey, 0
    for length in (0, 31, 33, 64):
        yield f"malformed: Ed25519 of {length} bytes", of(
            {**edwards, "x": b64(bytes(length))}), badkey, 0
    yield "mismatch: RSA for ES256", of({**public, "alg": "ES256"}), badkey, 0
    yield "mismatch: P-256 for ES384", of({**point, "alg": "ES384"}), badkey, 0
    yield "mismatch: P-256 for EdDSA", of({**point, "alg": "EdDSA"}), badkey, 0
    yield "mismatch: Ed25519 for RS256", of({**edwards, "alg": "RS256"}), badkey, 0
