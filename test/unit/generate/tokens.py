"""JWT-SVIDs: (name, compact text, status)."""
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from generate.common import (
    AUDIENCE, KEYS, NOW, SUB, b64, claims, compact, good, header, jwk,
    openssl_sign, raw_claim, signature_of, with_signature)


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


    yield from no_kid_cases()


def no_kid_cases():
    """JWT-SVID section 2.2: kid is optional; then each key that fits is tried."""
    for alg, key in (("RS256", "rsa"), ("PS512", "rsa"), ("ES256", "p256"),
                     ("ES384", "p384"), ("ES512", "p521")):
        yield (f"no kid: {alg} (JWT-SVID 2.2)",
               good(alg, key, header(alg, None)), "CA_TOKEN_OK")
    yield "no kid: the second key that fits", good(
        "RS256", "second", header("RS256", None)), "CA_TOKEN_OK"
    yield "no kid: RS256, a key of the set for RS384 only", good(
        "RS256", "bound", header("RS256", None)), "CA_TOKEN_BAD_SIGNATURE"
    yield "no kid: RS384, a key of the set for RS384 only", good(
        "RS384", "bound", header("RS384", None)), "CA_TOKEN_OK"
    yield "no kid: an RSA key that is not in the set", good(
        "RS256", "other", header("RS256", None)), "CA_TOKEN_BAD_SIGNATURE"
    yield "no kid: an EC key that is not in the set", good(
        "ES256", "p256-other", header("ES256", None)), "CA_TOKEN_BAD_SIGNATURE"
    yield "no kid: a key of the set for encryption only", good(
        "RS256", "cipher", header("RS256", None)), "CA_TOKEN_BAD_SIGNATURE"
    yield "kid: the wrong one of two keys that fit", good(
        "RS256", "second", header("RS256", "rsa")), "CA_TOKEN_BAD_SIGNATURE"


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
    crit = "CA_TOKEN_CRITICAL_HEADER"
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
    yield "header: kid empty", good(head=header(kid="")), bad
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
    yield "claim: sub empty", good(body=claims(sub="")), bad
    for sub in ("acme", "https://acme.example/a", "SPIFFE://acme.example/a",
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
    negated = (order - int.from_bytes(s, "big")).to_bytes(32, "big")
    # not forbidden anywhere: whoever has such a token can give it a second
    # text and digest, so that neither can stand for the token
    yield "signature: ES256 s negated is as good (FIPS 186-5 6.4.2)", \
        with_signature(token, r + negated), "CA_TOKEN_OK"
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
