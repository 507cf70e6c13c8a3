#!/usr/bin/python3
"""Write vectors.h, the token and key set vectors of the unit tests, and the
seeds of the fuzzers.

Keys are made by the openssl command, tokens are signed by PyJWT and, where
their name says so, by the openssl command.  The private keys are thrown away,
so a new run gives new keys and new signatures, with the same expectations.

Needs python3-jwt, python3-cryptography and openssl:
    /usr/bin/python3 make_vectors.py
"""
import base64
import hashlib
import hmac
import json
import os
import subprocess
import tempfile

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature, encode_dss_signature)
from jwt.algorithms import get_default_algorithms

HERE = os.path.dirname(os.path.abspath(__file__))
SEEDS = os.path.join(HERE, "..", "fuzz", "seeds")
NOW = 1750000000
AUDIENCE = "postgres-prod"
SUB = "spiffe://acme.example/agent/support/7"
ALGORITHMS = get_default_algorithms()
TMP = tempfile.TemporaryDirectory()
CURVES = {"p256": ("P-256", 32), "p384": ("P-384", 48), "p521": ("P-521", 66)}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def genkey(name, *args):
    """A key made by the openssl command."""
    path = os.path.join(TMP.name, name + ".pem")
    subprocess.run(["openssl", "genpkey", *args, "-out", path], check=True,
                   stderr=subprocess.DEVNULL)
    with open(path, "rb") as f:
        return serialization.load_pem_private_key(f.read(), None)


def rsa(name, bits, exponent=65537):
    return genkey(name, "-algorithm", "RSA", "-pkeyopt",
                  f"rsa_keygen_bits:{bits}", "-pkeyopt",
                  f"rsa_keygen_pubexp:{exponent}")


def ec(name):
    return genkey(name, "-algorithm", "EC", "-pkeyopt",
                  "ec_paramgen_curve:" + CURVES[name.split("-")[0]][0])


KEYS = {
    "rsa": rsa("rsa", 2048), "other": rsa("other", 2048),
    "p256": ec("p256"), "p384": ec("p384"), "p521": ec("p521"),
    "p256-other": ec("p256-other"),
    "ed": genkey("ed", "-algorithm", "ED25519"),
}
SMALL_RSA = rsa("small", 1024)


def integer(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def jwk_of(key, **more):
    """The public JWK of a key."""
    public = key.public_key()
    if hasattr(public, "curve"):
        numbers = public.public_numbers()
        crv, length = next(c for c in CURVES.values()
                           if c[0][2:] == str(public.curve.key_size))
        jwk = {"kty": "EC", "crv": crv, "x": integer(numbers.x, length),
               "y": integer(numbers.y, length)}
    elif hasattr(public, "public_numbers"):
        numbers = public.public_numbers()
        jwk = {"kty": "RSA", "n": integer(numbers.n), "e": integer(numbers.e)}
    else:
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw))}
    jwk.update(more)
    return jwk


def jwk(name, **more):
    return jwk_of(KEYS[name], kid=name, **more)


def sign(alg, key, header, payload):
    """A compact JWS of any bytes, signed by PyJWT."""
    signing_input = b64(header) + "." + b64(payload)
    algorithm = ALGORITHMS[alg]
    return signing_input + "." + b64(algorithm.sign(signing_input.encode(), key))


def openssl_sign(alg, name, header, payload):
    """A compact JWS signed by the openssl command."""
    signing_input = b64(header) + "." + b64(payload)
    path = os.path.join(TMP.name, "input")
    with open(path, "w") as f:
        f.write(signing_input)
    pem = os.path.join(TMP.name, name + ".pem")
    digest = "-sha" + alg[2:]
    if alg == "EdDSA":
        command = ["pkeyutl", "-sign", "-rawin", "-inkey", pem, "-in", path]
    else:
        command = ["dgst", digest, "-sign", pem]
        if alg.startswith("PS"):
            command += ["-sigopt", "rsa_padding_mode:pss",
                        "-sigopt", "rsa_pss_saltlen:digest"]
        command.append(path)
    signature = subprocess.run(["openssl", *command], check=True,
                               stdout=subprocess.PIPE).stdout
    if alg.startswith("ES"):
        length = CURVES[name][1]
        r, s = decode_dss_signature(signature)
        signature = r.to_bytes(length, "big") + s.to_bytes(length, "big")
    return signing_input + "." + b64(signature)


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def header(alg="RS256", kid="rsa", **more):
    return compact({k: v for k, v in {"alg": alg, "kid": kid, **more}.items()
                    if v is not None})


def claims(**more):
    base = {"sub": SUB, "aud": AUDIENCE, "exp": NOW + 300}
    return compact({k: v for k, v in {**base, **more}.items()
                    if v is not None})


def good(alg="RS256", key="rsa", head=None, body=None):
    return sign(alg, KEYS[key], head if head is not None else header(alg, key),
                body if body is not None else claims())


def with_signature(token, signature):
    return token.rsplit(".", 1)[0] + "." + b64(signature)


def signature_of(token):
    text = token.rsplit(".", 1)[1]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def raw_claim(name, text):
    """Claims with one member given as JSON text."""
    body = claims(**{name: None})
    return body[:-1] + b',"' + name.encode() + b'":' + text.encode() + b"}"


def token_cases():
    yield from good_cases()
    yield from shape_cases()
    yield from json_cases()
    yield from header_cases()
    yield from claim_cases()
    yield from key_cases()
    yield from signature_cases()
    yield from validate_cases()


def good_cases():
    ok = "CA_TOKEN_OK"
    for alg, key in (("RS256", "rsa"), ("RS384", "rsa"), ("RS512", "rsa"),
                     ("PS256", "rsa"), ("PS384", "rsa"), ("PS512", "rsa"),
                     ("ES256", "p256"), ("ES384", "p384"), ("ES512", "p521")):
        yield f"good: {alg} by PyJWT", good(alg, key), ok
        yield (f"good: {alg} by openssl",
               openssl_sign(alg, key, header(alg, key), claims()), ok)
    yield "good: typ JWT", good(head=header(typ="JWT")), ok
    yield "good: typ JOSE", good(head=header(typ="JOSE")), ok
    yield "good: audience in an array", good(body=claims(aud=["x", AUDIENCE])), ok
    yield "good: iss, jti, iat, nbf", good(body=claims(
        iss="https://i", jti="1", iat=NOW - 5, nbf=NOW - 5)), ok
    yield "good: fractional exp", good(body=raw_claim("exp", f"{NOW}.999")), ok
    yield "good: exp with exponent", good(body=raw_claim("exp", "1.76e+09")), ok
    yield "good: exp 2^53", good(body=raw_claim("exp", str(2**53))), ok
    yield "good: other claims", good(body=claims(
        tenant="a", nested={"a": [1, {"b": None}], "c": True})), ok
    yield "good: white space in JSON", good(
        head=b' { "alg" : "RS256" ,\n "kid" : "rsa" }\r\n'), ok
    yield "good: escaped member name", good(
        head=b'{"\\u0061lg":"RS256","kid":"rsa"}'), ok
    yield "good: non-ASCII claim", good(body=claims(
        name="\u00e9\U0001f600")[:-1] + ',"x":"\u00e9"}'.encode()), ok
    yield "good: a key bound to its algorithm", good(
        head=header(kid="rsa-rs256")), ok
    yield "good: a key of use jwt-svid", good(head=header(kid="rsa-svid")), ok
    yield "good: a key of key_ops verify", good(head=header(kid="rsa-ops")), ok


def shape_cases():
    token = good()
    head, body, sig = token.split(".")
    malformed, bad64 = "CA_TOKEN_MALFORMED", "CA_TOKEN_BAD_BASE64"
    yield "shape: empty", "", malformed
    yield "shape: one part", head, malformed
    yield "shape: two parts", f"{head}.{body}", malformed
    yield "shape: four parts", token + "." + sig, malformed
    yield "shape: five parts, as a JWE", f"{token}.{sig}.{sig}", malformed
    yield "shape: only dots", "..", malformed
    yield "shape: empty header", f".{body}.{sig}", malformed
    yield "shape: empty payload", f"{head}..{sig}", malformed
    yield "shape: empty signature", f"{head}.{body}.", malformed
    yield "shape: trailing dot", token + ".", malformed
    yield "base64: padded signature", token + "==", bad64
    yield "base64: padded header", f"{head}=.{body}.{sig}", bad64
    yield "base64: plus", f"{head}.{body}.{sig[:-1]}+", bad64
    yield "base64: slash", f"{head}.{body}.{sig[:-1]}/", bad64
    yield "base64: space before", " " + token, bad64
    yield "base64: newline after", token + "\n", bad64
    yield "base64: NUL after", token + "\0", bad64
    yield "base64: NUL inside", token[:20] + "\0" + token[21:], bad64
    yield "base64: high byte", token[:20] + "\u00e9" + token[21:], bad64
    yield "base64: impossible length", f"{head}.{body}.{sig[:-1]}", bad64
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = sig[:-1] + last[last.index(sig[-1]) + 1]
    yield "base64: non-canonical last bits", f"{head}.{body}.{twin}", bad64
    yield "base64: Bearer prefix", "Bearer " + token, bad64
    yield "base64: JSON serialization", compact(
        {"payload": body, "protected": head, "signature": sig}).decode(), malformed
    yield "base64: percent-encoded dot", token.replace(".", "%2E"), malformed


def json_cases():
    bad = "CA_TOKEN_BAD_JSON"
    twice = "CA_TOKEN_DUPLICATE_MEMBER"
    deep = "CA_TOKEN_TOO_DEEP"
    for name, text in (("an array", b"[]"), ("a string", b'"x"'),
                       ("a number", b"1"), ("null", b"null"), ("text", b"abc"),
                       ("an open object", b'{"alg":"RS256"'),
                       ("a trailing comma", b'{"alg":"RS256",}'),
                       ("single quotes", b"{'alg':'RS256'}"),
                       ("a comment", b'{"alg":"RS256"/**/}'),
                       ("an unquoted name", b'{alg:"RS256"}'),
                       ("two objects", b'{"alg":"RS256"}{}'),
                       ("a byte order mark", b"\xef\xbb\xbf{}"),
                       ("UTF-16", '{"alg":"RS256"}'.encode("utf-16-le")),
                       ("a NUL byte", b'{"alg":"RS256","kid":"a\0b"}'),
                       ("a control character", b'{"kid":"a\nb"}'),
                       ("an escaped NUL", b'{"kid":"a\\u0000"}'),
                       ("half a surrogate pair", b'{"kid":"\\ud800"}'),
                       ("a lone low surrogate", b'{"kid":"\\udc00"}'),
                       ("a surrogate and a letter", b'{"kid":"\\ud800\\u0041"}'),
                       ("a bad escape", b'{"kid":"\\x41"}'),
                       ("a short escape", b'{"kid":"\\u41"}'),
                       ("Latin-1", b'{"kid":"\xe9"}'),
                       ("overlong UTF-8", b'{"kid":"\xc0\xaf"}'),
                       ("an encoded surrogate", b'{"kid":"\xed\xa0\x80"}'),
                       ("UTF-8 beyond Unicode", b'{"kid":"\xf5\x80\x80\x80"}')):
        yield f"json: header is {name}", good(head=text), bad
    yield "json: claims are an array", good(body=b"[1]"), bad
    yield "json: claims are text", good(body=b"hello"), bad
    yield "json: claims with invalid UTF-8", good(
        body=claims()[:-1] + b',"x":"\xff"}'), bad
    yield "json: NaN", good(body=raw_claim("exp", "NaN")), bad
    yield "json: Infinity", good(body=raw_claim("exp", "Infinity")), bad
    yield "json: leading zero", good(body=raw_claim("exp", "01750000300")), bad
    yield "json: plus sign", good(body=raw_claim("exp", "+1750000300")), bad
    yield "duplicate: alg", good(
        head=b'{"alg":"RS256","alg":"RS256","kid":"rsa"}'), twice
    yield "duplicate: alg, one escaped", good(
        head=b'{"alg":"RS256","\\u0061lg":"none","kid":"rsa"}'), twice
    yield "duplicate: sub", good(
        body=claims()[:-1] + b',"sub":"spiffe://acme.example/admin"}'), twice
    yield "duplicate: exp, not adjacent", good(
        body=b'{"exp":1,' + claims()[1:]), twice
    yield "duplicate: in a nested object", good(
        body=claims()[:-1] + b',"act":{"a":1,"b":{"c":1,"c":2}}}'), twice
    yield "duplicate: in an object in an array", good(
        body=claims()[:-1] + b',"x":[{"a":1},{"a":1,"a":1}]}'), twice
    yield "duplicate: accented, one escaped", good(
        body=claims()[:-1] + ',"\u00e9":1,"\\u00e9":2}'.encode()), twice
    yield "duplicate: astral, one escaped", good(
        body=claims()[:-1] + ',"\U0001f600":1,"\\ud83d\\ude00":2}'.encode()), twice
    yield "duplicate: empty names", good(
        body=claims()[:-1] + b',"":1,"":2}'), twice
    yield "depth: 33 in the claims", good(
        body=raw_claim("x", "[" * 32 + "]" * 32)), deep
    yield "depth: 33 objects", good(
        body=raw_claim("x", '{"a":' * 32 + "1" + "}" * 32)), deep
    yield "depth: 5000 and unclosed", good(body=b'{"x":' + b"[" * 5000), deep
    yield "depth: 32 is enough", good(
        body=raw_claim("x", "[" * 31 + "]" * 31)), "CA_TOKEN_OK"
    yield "depth: brackets in a string", good(
        body=claims(x="[{" * 100 + "\\\"[")), "CA_TOKEN_OK"


def header_cases():
    bad, alg = "CA_TOKEN_BAD_HEADER", "CA_TOKEN_BAD_ALGORITHM"
    nokid, crit = "CA_TOKEN_MISSING_KID", "CA_TOKEN_CRITICAL_HEADER"
    unsigned = b64(header("none")) + "." + b64(claims())
    yield "header: alg none, no signature", unsigned + ".", "CA_TOKEN_MALFORMED"
    yield "header: alg none, some signature", unsigned + ".AAAA", alg
    for name in ("none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512",
                 "EdDSA", "rs256", "RS256 ", "RS1", "ES256K", "RSA-OAEP", ""):
        yield f"header: alg '{name}'", good(head=header(name)), alg
    public = KEYS["rsa"].public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo)
    text = b64(header("HS256")) + "." + b64(claims())
    yield "header: HMAC under the public key", text + "." + b64(
        hmac.new(public, text.encode(), hashlib.sha256).digest()), alg
    yield "header: no alg", good(head=header(None)), bad
    yield "header: alg null", good(head=b'{"alg":null,"kid":"rsa"}'), bad
    yield "header: alg a number", good(head=b'{"alg":256,"kid":"rsa"}'), bad
    yield "header: alg an array", good(head=b'{"alg":["RS256"],"kid":"rsa"}'), bad
    yield "header: empty", good(head=b"{}"), bad
    for name, value in (("jwk", jwk("other")), ("jku", "https://evil"),
                        ("x5u", "https://evil"), ("x5c", ["AAAA"]),
                        ("x5t", "AA"), ("cty", "JWT"), ("b64", False),
                        ("zip", "DEF"), ("KID", "rsa"), ("foo", 1)):
        yield f"header: member {name}", good(head=header(**{name: value})), bad
    yield "header: crit", good(head=header(crit=["exp"], exp=1)), crit
    yield "header: crit empty", good(head=header(crit=[])), crit
    yield "header: crit escaped", good(
        head=b'{"alg":"RS256","kid":"rsa","\\u0063rit":["b64"]}'), crit
    yield "header: typ jwt", good(head=header(typ="jwt")), bad
    yield "header: typ at+jwt", good(head=header(typ="at+jwt")), bad
    yield "header: typ empty", good(head=header(typ="")), bad
    yield "header: typ a number", good(head=header(typ=1)), bad
    yield "header: no kid", good(head=header(kid=None)), nokid
    yield "header: kid empty", good(head=header(kid="")), nokid
    yield "header: kid a number", good(head=header(kid=7)), bad
    yield "header: kid null", good(head=b'{"alg":"RS256","kid":null}'), bad


def claim_cases():
    missing, bad = "CA_TOKEN_MISSING_CLAIM", "CA_TOKEN_BAD_CLAIM"
    spiffe = "CA_TOKEN_BAD_SPIFFE_ID"
    for name in ("sub", "aud", "exp"):
        yield f"claim: no {name}", good(body=claims(**{name: None})), missing
        yield f"claim: {name} null", good(body=raw_claim(name, "null")), bad
        yield f"claim: {name} true", good(body=raw_claim(name, "true")), bad
        yield f"claim: {name} an object", good(body=raw_claim(name, "{}")), bad
    yield "claim: no claim", good(body=b"{}"), missing
    yield "claim: sub a number", good(body=claims(sub=1)), bad
    yield "claim: sub an array", good(body=claims(sub=[SUB])), bad
    yield "claim: aud empty array", good(body=claims(aud=[])), bad
    yield "claim: aud with a number", good(body=claims(aud=[AUDIENCE, 1])), bad
    yield "claim: aud nested", good(body=claims(aud=[[AUDIENCE]])), bad
    yield "claim: aud a number", good(body=claims(aud=1)), bad
    yield "claim: exp a string", good(body=claims(exp=str(NOW + 300))), bad
    yield "claim: iss a number", good(body=claims(iss=1)), bad
    yield "claim: iss null", good(body=raw_claim("iss", "null")), bad
    yield "claim: jti a number", good(body=claims(jti=1)), bad
    for name in ("exp", "nbf", "iat"):
        for text in ("-1", "-0", "-0.5", str(2**53 + 1), "1e99", "1e400",
                     "1e-400", "9" * 40, "9" * 80, '"1"', "[1]"):
            yield (f"claim: {name} {text[:20]}",
                   good(body=raw_claim(name, text)), bad)
    for sub in ("acme", "", "https://acme.example/a", "SPIFFE://acme.example/a",
                "spiffe:/acme.example/a", "spiffe://acme.example",
                "spiffe://acme.example/", "spiffe:///a", "spiffe://Acme.example/a",
                "spiffe://acme.example:80/a", "spiffe://u@acme.example/a",
                "spiffe://acme.example/a?b", "spiffe://acme.example/a#b",
                "spiffe://acme.example/a/", "spiffe://acme.example//a",
                "spiffe://acme.example/a/../b", "spiffe://acme.example/./a",
                "spiffe://acme.example/%61", "spiffe://acme.example/\u00e9",
                "spiffe://acme.example/a b", "spiffe://acme.example/*",
                " spiffe://acme.example/a", "spiffe://acme.example/a\n",
                "spiffe://" + "a" * 256 + "/a",
                "spiffe://acme.example/" + "a" * 2027):
        yield (f"claim: sub {sub[:40]!r}", good(body=claims(sub=sub)), spiffe)


def key_cases():
    unknown = "CA_TOKEN_UNKNOWN_KEY"
    yield "key: unknown kid", good(head=header(kid="nobody")), unknown
    yield "key: kid in other case", good(head=header(kid="RSA")), unknown
    yield "key: kid is a prefix", good(head=header(kid="rs")), unknown
    yield "key: ES256 names an RSA key", good(
        "ES256", "p256", header("ES256", "rsa")), unknown
    yield "key: RS256 names an EC key", good(head=header(kid="p256")), unknown
    yield "key: RS256 names an Ed25519 key", good(head=header(kid="ed")), unknown
    yield "key: ES384 names a P-256 key", good(
        "ES384", "p384", header("ES384", "p256")), unknown
    yield "key: ES256 names a P-521 key", good(
        "ES256", "p256", header("ES256", "p521")), unknown
    yield "key: PS256 under a key for RS256", good(
        "PS256", "rsa", header("PS256", "rsa-rs256")), unknown
    yield "key: RS512 under a key for RS256", good(
        "RS512", "rsa", header("RS512", "rsa-rs256")), unknown
    for kid in ("rsa-enc", "rsa-x509", "rsa-wrap", "rsa-oaep"):
        yield f"key: {kid} is not for signatures", good(
            head=header(kid=kid)), unknown


def signature_cases():
    bad = "CA_TOKEN_BAD_SIGNATURE"
    yield "signature: another RSA key", good(
        "RS256", "other", header("RS256", "rsa")), bad
    yield "signature: another EC key", good(
        "ES256", "p256-other", header("ES256", "p256")), bad
    yield "signature: PKCS #1 where PSS is named", good(
        "RS256", "rsa", header("PS256", "rsa")), bad
    yield "signature: PSS where PKCS #1 is named", good(
        "PS256", "rsa", header("RS256", "rsa")), bad
    yield "signature: another digest", good(
        "RS512", "rsa", header("RS256", "rsa")), bad
    text = b64(header("PS256")) + "." + b64(claims())
    for salt in (0, 20, 222):
        yield f"signature: PSS with a salt of {salt}", text + "." + b64(
            KEYS["rsa"].sign(text.encode(), padding.PSS(
                padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())), bad
    yield "signature: PSS with MGF1 of another digest", text + "." + b64(
        KEYS["rsa"].sign(text.encode(), padding.PSS(
            padding.MGF1(hashes.SHA512()), 32), hashes.SHA256())), bad
    token = good("ES256", "p256")
    raw = signature_of(token)
    r, s = raw[:32], raw[32:]
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    yield "signature: ES256 in DER", with_signature(token, der), bad
    yield "signature: ES256 too short", with_signature(token, raw[:-1]), bad
    yield "signature: ES256 too long", with_signature(token, raw + b"\0"), bad
    yield "signature: ES256 padded halves", with_signature(
        token, b"\0" + r + b"\0" + s), bad
    yield "signature: ES256 halves swapped", with_signature(token, s + r), bad
    yield "signature: ES256 all zero", with_signature(token, bytes(64)), bad
    yield "signature: ES256 r zero", with_signature(token, bytes(32) + s), bad
    yield "signature: ES256 s zero", with_signature(token, r + bytes(32)), bad
    order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
    yield "signature: ES256 r and s the order", with_signature(
        token, order.to_bytes(32, "big") * 2), bad
    yield "signature: ES256 all ones", with_signature(token, b"\xff" * 64), bad
    token = good()
    raw = signature_of(token)
    n = KEYS["rsa"].public_key().public_numbers().n
    yield "signature: RS256 one byte", with_signature(token, b"\0"), bad
    yield "signature: RS256 too short", with_signature(token, raw[:-1]), bad
    yield "signature: RS256 leading zero", with_signature(token, b"\0" + raw), bad
    yield "signature: RS256 all zero", with_signature(token, bytes(256)), bad
    yield "signature: RS256 one", with_signature(
        token, (1).to_bytes(256, "big")), bad
    yield "signature: RS256 the modulus", with_signature(
        token, n.to_bytes(256, "big")), bad
    head, body, sig = token.split(".")
    yield "signature: other claims", ".".join(
        (head, b64(claims(sub="spiffe://acme.example/admin")), sig)), bad
    yield "signature: other header", ".".join(
        (b64(header(typ="JWT")), body, sig)), bad


def validate_cases():
    expired, early = "CA_TOKEN_EXPIRED", "CA_TOKEN_NOT_YET_VALID"
    audience, ok = "CA_TOKEN_WRONG_AUDIENCE", "CA_TOKEN_OK"
    yield "validate: expired", good(body=claims(exp=NOW - 300)), expired
    yield "validate: exp 0", good(body=claims(exp=0)), expired
    yield "validate: exp 1e-5", good(body=raw_claim("exp", "1e-5")), expired
    yield "validate: expired within the skew", good(body=claims(exp=NOW - 29)), ok
    yield "validate: expired by the skew", good(body=claims(exp=NOW - 30)), expired
    yield "validate: a fraction does not round up", good(
        body=raw_claim("exp", f"{NOW - 30}.9999999999999999999")), expired
    yield "validate: nbf ahead by the skew", good(body=claims(nbf=NOW + 30)), ok
    yield "validate: nbf ahead", good(body=claims(nbf=NOW + 31)), early
    yield "validate: other audience", good(body=claims(aud="x")), audience
    for aud in (["a", "b"], AUDIENCE + "x", AUDIENCE[:-1], AUDIENCE.upper(), "",
                [""], AUDIENCE + "\n"):
        yield f"validate: audience {aud!r}", good(body=claims(aud=aud)), audience
    yield "validate: other audience and expired", good(
        body=claims(aud="x", exp=1)), audience


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
        jwk_of(rsa_key),
        {"kty": "AKP", "kid": "new", "pub": "AAAA"},
    ], "spiffe_sequence": 12, "spiffe_refresh_hint": 600})


def jwks_cases():
    """(name, JSON, status, number of keys)"""
    ok, bad = "CA_TOKEN_OK", "CA_JWKS_BAD"
    badkey, twice = "CA_JWKS_BAD_KEY", "CA_JWKS_DUPLICATE_KID"

    def of(*keys):
        return compact({"keys": list(keys)})

    yield "good: all kinds", jwks_json(), ok, 8
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


def c_string(data, indent="\t\t"):
    """A C string literal, in lines of at most about 70 characters."""
    if isinstance(data, str):
        data = data.encode()
    lines, line = [], ""
    for byte in data:
        if byte in b'"\\':
            text = "\\" + chr(byte)
        elif 32 <= byte < 127 and byte != ord("?"):
            text = chr(byte)
        else:
            text = f"\\{byte:03o}"
        line += text
        if len(line) >= 66:
            lines.append(line)
            line = ""
    lines.append(line)
    return ("\n" + indent).join(f'"{one}"' for one in lines)


def write_header():
    with open(os.path.join(HERE, "vectors.h"), "w") as out:
        out.write("/* Written by make_vectors.py. */\n")
        out.write(f"#define VECTOR_NOW {NOW}\n")
        out.write(f'#define VECTOR_AUDIENCE "{AUDIENCE}"\n')
        out.write(f'#define VECTOR_SUB "{SUB}"\n\n')
        out.write("static const char vector_jwks[] =\n\t\t"
                  + c_string(jwks_json()) + ";\n\n")
        eddsa = openssl_sign("EdDSA", "ed", header("EdDSA", "ed"), claims())
        out.write("static const char vector_eddsa_token[] =\n\t\t"
                  + c_string(eddsa) + ";\n\n")
        out.write("static const TokenCase token_cases[] = {\n")
        for name, token, status in token_cases():
            out.write(f"\t{{{c_string(name)},\n\t\tTEXT({c_string(token)}),\n"
                      f"\t\t{status}}},\n")
        out.write("};\n\nstatic const JwksCase jwks_cases[] = {\n")
        for name, text, status, nkeys in jwks_cases():
            out.write(f"\t{{{c_string(name)},\n\t\tTEXT({c_string(text)}),\n"
                      f"\t\t{status}, {nkeys}}},\n")
        out.write("};\n")


def write_seeds():
    """Seeds of fuzz_token.c: its token input is header, payload, signature
    bytes with a line feed between, or a compact text after one '='."""
    def seed(kind, name, data):
        folder = os.path.join(SEEDS, kind)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)

    seed("token", "parts", header(typ="JWT") + b"\n" + claims(
        iss="i", jti="1", iat=NOW, nbf=NOW) + b"\n\x01\x02")
    seed("token", "array", header("ES256") + b"\n" + claims(
        aud=["a", AUDIENCE], x={"\u00e9": [1.5e3, None, True]}) + b"\nabc")
    seed("token", "compact", b"=" + good("ES256", "p256").encode())
    for name in ("rsa", "p256", "p521", "ed"):
        seed("jwks", name, compact({"keys": [jwk(name)]}))
    seed("jwks", "two", compact({"keys": [
        jwk("p384", use="sig", alg="ES384", key_ops=["verify"]),
        {"kty": "OKP", "crv": "X25519", "kid": "x", "x": "AAAA"}]}))
    seed("spiffe", "id", SUB.encode())
    seed("spiffe", "domain", b"spiffe://acme-1_2.example")


write_header()
write_seeds()
