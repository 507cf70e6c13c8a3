#!/usr/bin/python3
"""Make the OAuth tokens and delegation grants of test/sql/delegation.sql.

Writes delegation.sql (psql variables) next to this script.  The issuer signs
with rsa.pem, agents and the second issuer with Ed25519 keys made from fixed
seeds.  All are TEST KEYS: they are public and protect nothing.  RSA and
Ed25519 signatures come out the same at every run.

Needs PyJWT and cryptography.
"""
import base64
import hashlib
import json
import pathlib

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HERE = pathlib.Path(__file__).resolve().parent
YEAR_2100 = 4102444800
YEAR_2001 = 978307200
YEAR_2020 = 1577836800
ISSUER = "https://issuer.acme.test"
IDP = "https://idp.acme.test"
ALICE = ISSUER + "|alice"
AGENT = "spiffe://acme.test/agent/"
SUPPORT = AGENT + "support"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def ed25519(name):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def jwk(name, kid):
    raw = ed25519(name).public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **({"kid": kid} if kid else {})}


def rsa():
    pem = (HERE / "rsa.pem").read_bytes()
    return serialization.load_pem_private_key(pem[pem.index(b"-----BEGIN"):], None)


RSA = rsa()


def issuer_token(headers=None, **claims):
    """A token of the issuer's; None leaves a claim out."""
    all_claims = {"iss": ISSUER, "aud": "contauth-test", "exp": YEAR_2100,
                  "jti": "oauth-1", "tenant": "acme", **claims}
    return jwt.encode({k: v for k, v in all_claims.items() if v is not None}, RSA,
                      algorithm="RS256", headers={"kid": "rsa-1", **(headers or {})})


def idp_token(**claims):
    """A token of the second issuer's: EdDSA, without a key ID."""
    return jwt.encode({"iss": IDP, "aud": "contauth-test", "exp": YEAR_2100,
                       "jti": "idp-1", "tenant": "acme", **claims}, ed25519("idp"),
                      algorithm="EdDSA", headers={"typ": "at+jwt"})


def grant(iss, sub, parent=None, key=None, **claims):
    """A grant; agents sign with their own key, people with their issuer's."""
    agent = iss.startswith("spiffe://")
    all_claims = {"iss": iss, "sub": sub, "aud": "contauth-test", "iat": YEAR_2020,
                  "exp": YEAR_2100, "jti": "grant-%s" % sub.split("/")[-1].split("|")[-1],
                  "prf": b64(hashlib.sha256(parent.encode()).digest()) if parent else None,
                  **claims}
    return jwt.encode({k: v for k, v in all_claims.items() if v is not None},
                      key or (ed25519(iss) if agent else RSA),
                      algorithm="EdDSA" if key or agent else "RS256",
                      headers={} if key or agent else {"kid": "rsa-1"})


def chain(*principals, last=None, first=None):
    """The grants of a chain; first and last are claims of those grants."""
    grants = []
    for i in range(len(principals) - 1):
        claims = {**(first or {} if i == 0 else {}),
                  **(last or {} if i == len(principals) - 2 else {})}
        grants.append(grant(principals[i], principals[i + 1],
                            grants[-1] if grants else None, **claims))
    return grants


def details(**members):
    return {"authorization_details": [{"type": "contauth", **members}]}


def tokens():
    """OAuth access and transaction tokens."""
    return {
        "user": issuer_token(sub="alice", act={"sub": SUPPORT}),
        "user_chain": issuer_token(
            sub="alice", act={"sub": SUPPORT, "act": {
                "sub": AGENT + "planner", "act": {"sub": "gateway", "iss": ISSUER}}}),
        "client": issuer_token(sub="app", client_id="app", act={"sub": SUPPORT}),
        "txn": issuer_token(headers={"typ": "txntoken+jwt", "x5t": "AAAA"},
                            sub="alice", act={"sub": SUPPORT}),
        "eddsa": idp_token(sub=SUPPORT),
        "details": issuer_token(sub="alice", act={"sub": SUPPORT}, **details(
            actions=["select"], locations=["crm.customer(id, name)"])),
        "elsewhere": issuer_token(sub="alice", act={"sub": SUPPORT},
                                  authorization_details=[{"type": "payment"}]),
        "loop": issuer_token(sub=SUPPORT, act={"sub": SUPPORT}),
        "no_agent": issuer_token(sub="alice"),
        "actor_no_agent": issuer_token(sub="alice", act={"sub": "bob"}),
        "act_text": issuer_token(sub="alice", act=SUPPORT),
        "act_no_sub": issuer_token(sub="alice", act={"client_id": SUPPORT}),
        "act_foreign": issuer_token(sub="alice", act={
            "sub": SUPPORT, "act": {"sub": "bob", "iss": "https://other.test"}}),
        "foreign_actor": issuer_token(sub="alice", act={
            "sub": "spiffe://elsewhere.test/agent/support"}),
        "foreign_root": issuer_token(sub="spiffe://elsewhere.test/agent/x",
                                     act={"sub": SUPPORT}),
        "unknown_issuer": issuer_token(iss="https://nobody.test", sub="alice",
                                       act={"sub": SUPPORT}),
        "bound": issuer_token(sub="alice", act={"sub": SUPPORT}, cnf={
            "x5t#S256": b64(bytes(32))}),
        "dpop": issuer_token(sub="alice", act={"sub": SUPPORT}, cnf={"jkt": b64(bytes(32))}),
        "details_unknown": issuer_token(sub="alice", act={"sub": SUPPORT},
                                        **details(datatypes=["x"])),
        "jku": issuer_token(headers={"jku": "https://attacker.test/k"},
                            sub="alice", act={"sub": SUPPORT}),
    }


def delegations():
    """Chains of grants, good and bad."""
    planner = AGENT + "planner"
    manager = AGENT + "manager"
    two = chain(ALICE, planner, SUPPORT)
    three = chain(ALICE, manager, planner, SUPPORT)
    other = chain(ALICE, manager)
    return {
        "alice": chain(ALICE, SUPPORT),
        "two": two,
        "three": three,
        "agents": chain(planner, SUPPORT),
        "autonomy": chain(ALICE, planner, SUPPORT, first={"autonomy": 3},
                          last={"autonomy": 1}),
        "select": chain(ALICE, SUPPORT, last=details(actions=["select"])),
        "update": chain(ALICE, planner, SUPPORT, first=details(actions=["update", "delete"])),
        "ticket": chain(ALICE, SUPPORT, last=details(locations=["crm.ticket"])),
        "columns": chain(ALICE, planner, SUPPORT, first=details(
            locations=["crm.customer(id, name, ssn)", "crm.ticket"]),
            last=details(locations=["crm.*"])),
        "label": chain(ALICE, SUPPORT, last=details(locations=["label:pii.*"])),
        "public": chain(ALICE, planner, SUPPORT, first=details(labels_max=2)),
        "either": chain(ALICE, SUPPORT, last={"authorization_details": [
            {"type": "contauth", "locations": ["crm.ticket"]},
            {"type": "contauth", "locations": ["crm.customer"], "labels_max": 2},
            {"type": "else", "whatever": 1}]}),
        "purpose": chain(ALICE, SUPPORT, last=details(purpose=["support", "audit"])),
        "whole_purpose": chain(ALICE, SUPPORT, last={"purpose": "support"}),
        "nothing": chain(ALICE, SUPPORT, last={"authorization_details": []}),
        "no_action": chain(ALICE, SUPPORT, last=details(actions=[])),
        "not_understood": chain(ALICE, SUPPORT, last=details(locations=["customer"])),
        "stop": chain(ALICE, planner, SUPPORT, first={"max_depth": 0}),
        "enough": chain(ALICE, planner, SUPPORT, first={"max_depth": 1}),
        "expired": chain(ALICE, planner, SUPPORT, first={"exp": YEAR_2001}),
        "future": chain(ALICE, planner, SUPPORT, first={"iat": YEAR_2100 - 1}),
        "audience": chain(ALICE, SUPPORT, last={"aud": "other"}),
        "cut": two[1:],
        "swapped": [two[1], two[0]],
        "mixed": [other[0], two[1]],
        "unlinked": [two[0], grant(manager, SUPPORT, two[0])],
        "not_us": chain(ALICE, planner),
        "loop": chain(planner, ALICE, planner, SUPPORT),
        "stranger": [grant(ALICE, SUPPORT, key=ed25519("stranger"))],
        "stranger_agent": [grant(planner, SUPPORT, key=ed25519("stranger"))],
        "unregistered": chain(AGENT + "nobody", SUPPORT),
        "no_key": chain(AGENT + "other", SUPPORT),
        "no_jti": chain(ALICE, SUPPORT, last={"jti": None}),
        "bad_principal": [grant(ISSUER, SUPPORT)],
        "member": chain(ALICE, SUPPORT, last=details(privileges=["all"])),
    }


def main():
    with open(HERE / "delegation.sql", "w", encoding="ascii") as out:
        out.write("-- Tokens and grants for tests, made by make_delegation.py.\n")
        for name in ("planner", "manager"):
            out.write("\\set jwk_%s '%s'\n" % (name, json.dumps(jwk(AGENT + name, name + "-1"))))
        out.write("\\set jwk_no_kid '%s'\n" % json.dumps(jwk("spare", None)))
        out.write("\\set jwks_idp '%s'\n" % json.dumps({"keys": [jwk("idp", "idp-1")]}))
        for name, value in tokens().items():
            out.write("\\set oauth_%s '%s'\n" % (name, value))
        for name, value in delegations().items():
            out.write("\\set d_%s '%s'\n" % (name, json.dumps(value)))


main()
