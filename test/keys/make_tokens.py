#!/usr/bin/python3
"""Make the fixed tokens that the regression tests present.

Writes jwks.json (what the tests register for their issuer) and tokens.sql
(psql variables, one token each) next to this script, from the key pairs
rsa.pem, ec.pem and stranger.pem.  All three are TEST KEYS: they are public,
protect nothing, and must never be trusted by a server that matters.
Missing key files are made anew.

Tokens are valid until the year 2100 unless their name says otherwise.  RSA
signatures come out the same at every run; ECDSA signatures do not.

Needs PyJWT and cryptography.
"""
import base64
import hashlib
import hmac
import json
import pathlib

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

HERE = pathlib.Path(__file__).resolve().parent
YEAR_2100 = 4102444800
YEAR_2001 = 978307200
AGENT = "spiffe://acme.test/agent/support"
CLAIMS = {"sub": AGENT, "aud": ["contauth-test"], "exp": YEAR_2100,
          "jti": "support-1", "tenant": "acme"}
HEADER = {"alg": "RS256", "kid": "rsa-1", "typ": "JWT"}


def load_key(name, make):
    """Read a key pair, making it when it is not there."""
    path = HERE / name
    if not path.exists():
        pem = make().private_bytes(serialization.Encoding.PEM,
                                   serialization.PrivateFormat.PKCS8,
                                   serialization.NoEncryption())
        path.write_bytes(b"Key pair for tests only; it protects nothing.\n" + pem)
    pem = path.read_bytes()
    return serialization.load_pem_private_key(pem[pem.index(b"-----BEGIN"):], None)


RSA = load_key("rsa.pem", lambda: rsa.generate_private_key(65537, 2048))
EC = load_key("ec.pem", lambda: ec.generate_private_key(ec.SECP256R1()))
STRANGER = load_key("stranger.pem", lambda: rsa.generate_private_key(65537, 2048))


def b64(data):
    """base64url without padding, as text."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    """An unsigned integer as base64url, of the given size in bytes."""
    size = size or (value.bit_length() + 7) // 8
    return b64(value.to_bytes(size, "big"))


def jwks():
    """The public keys as a JWK Set."""
    r = RSA.public_key().public_numbers()
    e = EC.public_key().public_numbers()
    return {"keys": [
        {"kty": "RSA", "kid": "rsa-1", "use": "jwt-svid",
         "n": number(r.n), "e": number(r.e)},
        {"kty": "EC", "kid": "ec-1", "use": "jwt-svid", "crv": "P-256",
         "x": number(e.x, 32), "y": number(e.y, 32)}]}


def sign(header, payload, key=RSA):
    """Sign any two byte strings, well-formed or not, as RS256 does."""
    signing_input = b64(header) + "." + b64(payload)
    signature = key.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
    return signing_input + "." + b64(signature)


def raw(header=HEADER, claims=CLAIMS, key=RSA):
    """Sign a header and claims that PyJWT would refuse to make."""
    return sign(json.dumps(header).encode(), json.dumps(claims).encode(), key)


def token(**changes):
    """A token of PyJWT's, with some claims changed; None leaves one out."""
    claims = {k: v for k, v in {**CLAIMS, **changes}.items() if v is not None}
    return jwt.encode(claims, RSA, algorithm="RS256", headers={"kid": "rsa-1"})


def header(**changes):
    """The usual header with some members changed; None leaves one out."""
    return {k: v for k, v in {**HEADER, **changes}.items() if v is not None}


def hmac_token():
    """HS256, keyed with the public key as everybody can read it."""
    pem = RSA.public_key().public_bytes(serialization.Encoding.PEM,
                                        serialization.PublicFormat.SubjectPublicKeyInfo)
    signing_input = b64(json.dumps(header(alg="HS256")).encode()) + "." + \
        b64(json.dumps(CLAIMS).encode())
    return signing_input + "." + b64(hmac.new(pem, signing_input.encode(),
                                              hashlib.sha256).digest())


def twin(token):
    """The same token with the other form of its ES256 signature."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signed, signature = token.rsplit(".", 1)
    raw = base64.urlsafe_b64decode(signature + "==")
    other = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    return "%s.%s" % (signed, base64.urlsafe_b64encode(other).rstrip(b"=").decode())


def good_tokens():
    """Tokens that are well-formed and signed by the issuer."""
    elliptic = jwt.encode(CLAIMS, EC, algorithm="ES256", headers={"kid": "ec-1"})
    return {
        "support": token(),
        "support_globex": token(tenant="globex", jti="support-2"),
        "support_no_tenant": token(tenant=None, jti="support-3"),
        "support_ec": elliptic,
        "support_ec_twin": twin(elliptic),
        "support_no_kid": raw(header(kid=None)),
        "support_purpose": token(purpose="support", uid="7", jti="support-4"),
        "other": token(sub="spiffe://acme.test/agent/other", jti="other-1"),
        "root": token(sub="spiffe://acme.test/agent/root", jti="root-1"),
        # agents that one test has for itself: what they have done lately counts
        **{"reader_%d" % n: token(sub="spiffe://acme.test/agent/reader/%d" % n,
                                  jti="reader-%d" % n) for n in range(1, 7)},
    }


def refused_tokens():
    """Well-formed and correctly signed, but not acceptable."""
    return {
        "expired": token(exp=YEAR_2001),
        "not_yet_valid": token(nbf=YEAR_2100 - 1),
        "wrong_audience": token(aud=["somebody-else"]),
        "near_audience": token(aud=["contauth-test2"]),
        "unknown_domain": token(sub="spiffe://elsewhere.test/agent/support"),
        "unregistered": token(sub="spiffe://acme.test/agent/nobody"),
    }


def malformed_tokens():
    """One thing wrong in each."""
    good = token()
    head, body, signature = good.split(".")
    other_body = token(tenant="globex").split(".")[1]
    claims_json = json.dumps(CLAIMS)
    # the last character of 256 bytes carries four bits that must be zero
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = good[:-1] + last[last.index(good[-1]) + 1]
    der = EC.sign(b"x", ec.ECDSA(hashes.SHA256()))
    ec_input = b64(json.dumps(header(alg="ES256", kid="ec-1")).encode()) + "." + body
    flipped = ("B" if signature[20] == "A" else "A")
    return {
        "word": "not-a-token",
        "dots": "..",
        "two_parts": head + "." + body,
        "four_parts": good + "." + signature,
        "no_signature": head + "." + body + ".",
        "padded": head + "." + body + "." + signature + "==",
        "loose_bits": loose,
        "plain_base64": head + "." + body + ".+/" + signature[2:],
        "space": " " + good,
        "newline": good + "\\n",
        "header_text": sign(b"hello", claims_json.encode()),
        "header_array": sign(b"[]", claims_json.encode()),
        "payload_text": sign(json.dumps(HEADER).encode(), b"hello"),
        "payload_array": sign(json.dumps(HEADER).encode(), b"[1]"),
        "payload_cut": sign(json.dumps(HEADER).encode(), claims_json[:-1].encode()),
        "payload_latin1": sign(json.dumps(HEADER).encode(),
                               claims_json.replace("acme\"", "acm\u00e9\"").encode("latin-1")),
        "payload_twice": sign(json.dumps(HEADER).encode(),
                              (claims_json[:-1] + ', "tenant": "globex"}').encode()),
        "header_twice": sign(b'{"alg": "RS256", "alg": "none", "kid": "rsa-1"}',
                             claims_json.encode()),
        "deep": sign(json.dumps(HEADER).encode(),
                     (claims_json[:-1] + ', "x": ' + "[" * 200 + "]" * 200 + "}").encode()),
        "alg_none": b64(b'{"alg": "none", "kid": "rsa-1"}') + "." + body + ".",
        "alg_none_signed": raw(header(alg="none")),
        "alg_hmac": hmac_token(),
        "alg_missing": raw(header(alg=None)),
        "alg_number": raw(header(alg=256)),
        "alg_of_other_key": raw(header(alg="ES256")),
        "kid_empty": raw(header(kid="")),
        "kid_unknown": raw(header(kid="rsa-2")),
        "typ_other": raw(header(typ="at+jwt")),
        "crit": raw(header(crit=["exp"])),
        "jku": raw(header(jku="https://attacker.test/keys")),
        "jwk": raw(header(jwk=jwks()["keys"][0])),
        "sub_missing": token(sub=None),
        "sub_number": raw(claims={**CLAIMS, "sub": 7}),
        "sub_no_spiffe": token(sub="support"),
        "sub_no_path": token(sub="spiffe://acme.test"),
        "sub_upper_case": token(sub="spiffe://ACME.test/agent/support"),
        "sub_dots": token(sub="spiffe://acme.test/agent/../support"),
        "aud_missing": token(aud=None),
        "aud_number": raw(claims={**CLAIMS, "aud": 7}),
        "aud_empty": raw(claims={**CLAIMS, "aud": []}),
        "exp_missing": token(exp=None),
        "exp_text": raw(claims={**CLAIMS, "exp": "4102444800"}),
        "exp_negative": raw(claims={**CLAIMS, "exp": -1}),
        "signature_flipped": head + "." + body + "." + signature[:20] + flipped + signature[21:],
        "signature_of_other": head + "." + other_body + "." + signature,
        "signed_by_stranger": raw(key=STRANGER),
        "signature_der": ec_input + "." + b64(der),
    }


def main():
    keys = json.dumps(jwks(), indent=1)
    (HERE / "jwks.json").write_text(keys + "\n")
    with open(HERE / "tokens.sql", "w", encoding="ascii") as out:
        out.write("-- Tokens for tests, made by make_tokens.py.\n")
        out.write("\\set jwks '%s'\n" % json.dumps(jwks()))
        for name, value in {**good_tokens(), **refused_tokens()}.items():
            out.write("\\set token_%s '%s'\n" % (name, value))
        for name, value in malformed_tokens().items():
            out.write("\\set bad_%s '%s'\n" % (name, value))


main()
