#!/usr/bin/python3
"""Write the vectors of the unit tests, vectors*.h, and the seeds of the
fuzzers.

Keys and most certificates are made by the openssl command, the other
certificates by python3-cryptography; tokens are signed by PyJWT and, where
their name says so, by the openssl command.  The private keys are thrown away,
so a new run gives new keys and new signatures, with the same expectations.
These come from the standards that the names of the cases cite.

Needs python3-jwt, python3-cryptography and openssl:
    /usr/bin/python3 make_vectors.py
"""
import os
import sys

sys.dont_write_bytecode = True  # nothing but vectors into the source tree

from generate import bundles, certificates, grants, key_sets, oauth, tokens
from generate.authority import pem
from generate.common import (
    AUDIENCE, NOW, SUB, c_string, claims, compact, good, header, jwk,
    openssl_sign)

HERE = os.path.dirname(os.path.abspath(__file__))
SEEDS = os.path.join(HERE, "..", "fuzz", "seeds")


class Vectors:
    """A file of vectors."""

    def __init__(self, name):
        self.out = open(os.path.join(HERE, name), "w")
        self.out.write("/* Written by make_vectors.py. */\n")

    def text(self, name, value):
        self.out.write(f"static const char {name}[] =\n\t\t"
                       + c_string(value) + ";\n\n")

    def table(self, kind, name, rows):
        """rows: tuples of C expressions"""
        self.out.write(f"static const {kind} {name}[] = {{\n")
        for row in rows:
            self.out.write("\t{" + ",\n\t\t".join(row) + "},\n")
        self.out.write("};\n\n")


def text_of(value):
    return f"TEXT({c_string(value)})"


def write_tokens():
    file = Vectors("vectors.h")
    file.out.write(f"#define VECTOR_NOW {NOW}\n"
                   f'#define VECTOR_AUDIENCE "{AUDIENCE}"\n'
                   f'#define VECTOR_SUB "{SUB}"\n\n')
    file.text("vector_jwks", key_sets.jwks_json())
    file.text("vector_eddsa_token",
              openssl_sign("EdDSA", "ed", header("EdDSA", "ed"), claims()))
    file.table("TokenCase", "token_cases", (
        (c_string(name), text_of(token), status)
        for name, token, status in tokens.token_cases()))
    file.table("JwksCase", "jwks_cases", (
        (c_string(name), text_of(text), status, str(n))
        for name, text, status, n in key_sets.jwks_cases()))


def write_oauth():
    file = Vectors("vectors_oauth.h")
    file.table("OauthCase", "oauth_cases", (
        (c_string(name), text_of(token), status, profile)
        for name, token, status, profile in oauth.cases()))


def write_grants():
    file = Vectors("vectors_grant.h")
    file.table("TokenCase", "grant_cases", (
        (c_string(name), text_of(token), status)
        for name, token, status in grants.cases()))
    file.table("ChainCase", "chain_cases", (
        (c_string(name), text_of(compact(texts)), c_string(actor), status,
         str(len(texts)), str(-1 if bad is None else bad))
        for name, texts, actor, status, bad in grants.chain_cases()))
    file.table("SplitCase", "split_cases", (
        (c_string(name), text_of(text), status, str(n))
        for name, text, status, n in grants.split_cases()))


def certificate_row(file, case, n):
    """A row of certificate_cases; its DERs are written before it."""
    def der(value, name):
        file.text(name, value)
        return f"TEXT({name})"

    inter = [der(certificates.MADE[one] if isinstance(one, str) else one,
                 f"certificate_{n}_{i}")
             for i, one in enumerate(case.get("inter", []))]
    leaf = der(case["leaf"], f"certificate_{n}")
    status = case["status"]
    first, second = status if isinstance(status, tuple) else (status, status)
    validity = case.get("validity", (0, 0))
    bundle = case.get("bundle")
    return (c_string(case["name"]), f"{{{leaf}}}", str(len(inter)),
            "{" + ", ".join(f"{{{one}}}" for one in inter or ["NULL, 0"]) + "}",
            c_string(bundle) if bundle is not None else "NULL",
            str(case.get("now", NOW)), first, second,
            c_string(case.get("uri", SUB)), f"{{{validity[0]}, {validity[1]}}}")


def write_certificates():
    file = Vectors("vectors_certificate.h")
    rows = [certificate_row(file, case, n)
            for n, case in enumerate(certificates.cases())]
    file.text("vector_bundle", pem("root"))
    file.table("CertificateCase", "certificate_cases", rows)
    file = Vectors("vectors_bundle.h")
    file.table("BundleCase", "bundle_cases", (
        (c_string(name), text_of(text), status)
        for name, text, status in bundles.cases()))


def seed(kind, name, data):
    folder = os.path.join(SEEDS, kind)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def token_seeds():
    """Header, payload and signature bytes with a line feed between, or a
    compact text after one '='; see fuzz.h."""
    seed("token", "parts", header(typ="JWT") + b"\n" + claims(
        iss="i", jti="1", iat=NOW, nbf=NOW) + b"\n\x01\x02")
    seed("token", "array", header("ES256") + b"\n" + claims(
        aud=["a", AUDIENCE], x={"\u00e9": [1.5e3, None, True]}) + b"\nabc")
    seed("token", "compact", b"=" + good("ES256", "p256").encode())
    seed("token", "oauth", oauth.head("EdDSA") + b"\n" + oauth.body(
        act={"sub": SUB, "act": {"sub": "bob", "iss": oauth.ISSUER}},
        cnf={"x5t#S256": oauth.DIGEST}) + b"\nabc")
    seed("token", "details", header("PS256", None, typ="txntoken+jwt")
         + b"\n" + oauth.body(authorization_details=[
             {"type": "a"}, {"type": "contauth", "actions": ["select"],
                             "locations": ["a.b"], "labels_max": 3,
                             "purpose": "p"}]) + b"\nabc")


def grant_seeds():
    """A byte of flags, then grants with 0x1e between; see fuzz_grant.c."""
    def one(**more):
        return header("EdDSA", "ed") + b"\n" + grants.body(**more) + b"\nx"

    seed("grant", "one", b"\x01" + one(prf=grants.DIGEST, max_depth=2,
                                       autonomy=3, purpose=["p"]))
    seed("grant", "two", b"\x01" + one(sub=grants.PLANNER) + b"\x1e"
         + one(iss=grants.PLANNER))
    seed("grant", "three", b"\x03" + b"\x1e".join((
        one(sub="spiffe://a/1", max_depth=2), one(
            iss="spiffe://a/1", sub="spiffe://a/2", purpose="p"),
        one(iss="spiffe://a/2"))))
    seed("grant", "array", compact(grants.chain(2)))


def certificate_seeds():
    for i, ders in enumerate(certificates.fuzz_cases()):
        seed("certificate", str(i), b"".join(
            len(der).to_bytes(2, "big") + der for der in ders))
    seed("bundle", "root", pem("root").encode())
    seed("bundle", "two", (pem("inter") + "\r\n" + pem("root")).encode())


def write_seeds():
    token_seeds()
    grant_seeds()
    certificate_seeds()
    for name in ("rsa", "p256", "p521", "ed"):
        seed("jwks", name, compact({"keys": [jwk(name)]}))
    seed("jwks", "two", compact({"keys": [
        jwk("p384", use="sig", alg="ES384", key_ops=["verify"]),
        {"kty": "OKP", "crv": "X25519", "kid": "x", "x": "AAAA"}]}))
    seed("spiffe", "id", SUB.encode())
    seed("spiffe", "domain", b"spiffe://acme-1_2.example")
    seed("spiffe", "principal", grants.ROOT.encode())


write_tokens()
write_oauth()
write_grants()
write_certificates()
write_seeds()
