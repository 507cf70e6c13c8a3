#!/usr/bin/python3
"""Keys, tokens and the set-up script of test/bench/identity.

Writes into the folder given: setup.sql, and files with one token a line: one,
two (two agents of two tenants), chains (token and delegation as JSON), and
new-ALG with more tokens than a session keeps, so that each is verified anew.

Needs PyJWT and cryptography.
"""
import hashlib
import base64
import json
import pathlib
import sys
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

FOLDER = pathlib.Path(sys.argv[1])
NEW_TOKENS = 3000               # a session keeps 512
ISSUER = "https://bench.example"
AGENT = "spiffe://bench.example/agent/"
EXP = int(time.time()) + 86400
KEYS = {"RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate()}


def public_jwk(algorithm):
    to_jwk = get_default_algorithms()[algorithm].to_jwk
    return {**json.loads(to_jwk(KEYS[algorithm].public_key())), "kid": algorithm}


def token(name, algorithm="RS256", **claims):
    return jwt.encode({"iss": ISSUER, "sub": AGENT + name, "aud": "bench",
                       "exp": EXP, "tenant": name, **claims},
                      KEYS[algorithm], algorithm, headers={"kid": algorithm})


def chain(root, name):
    """Two delegations: a person to a planner, the planner to the agent."""
    grants = []
    for i, (iss, sub) in enumerate(((ISSUER + "|" + root, AGENT + "planner"),
                                    (AGENT + "planner", AGENT + name))):
        prf = {"prf": base64.urlsafe_b64encode(hashlib.sha256(
            grants[0].encode()).digest()).rstrip(b"=").decode()} if i else {}
        grants.append(jwt.encode(
            {"iss": iss, "sub": sub, "aud": "bench", "iat": EXP - 90000, "exp": EXP,
             "jti": f"{root}-{i}", **prf}, KEYS["EdDSA"], "EdDSA", headers={"kid": "EdDSA"}))
    return json.dumps({"token": token(name), "delegation": grants})


def write(name, lines):
    (FOLDER / name).write_text("".join(line + "\n" for line in lines), encoding="ascii")


SETUP = """
CREATE EXTENSION contauth;
CREATE ROLE bench_person LOGIN;
CREATE ROLE bench_agent LOGIN;
SELECT contauth.enroll_role('bench_agent');
CREATE SCHEMA bench;
CREATE TABLE bench.customer (id int PRIMARY KEY, tenant text, name text);
INSERT INTO bench.customer SELECT i, 'acme', 'name' || i FROM generate_series(1, 10000) AS i;
VACUUM ANALYZE bench.customer;
GRANT USAGE ON SCHEMA bench TO bench_person, bench_agent;
GRANT SELECT ON bench.customer TO bench_person, bench_agent;
SELECT contauth.add_issuer('%(issuer)s', 'bench.example', '%(jwks)s');
SELECT contauth.register_agent('%(agent)s' || name, '{bench_agent}', 'bench', 2)
  FROM unnest('{acme,globex,planner}'::text[]) AS name;
SELECT contauth.add_agent_key('%(agent)splanner', '%(key)s');
SELECT contauth.create_policy('bench', 'permit', actions => '{select}', resources => '{bench.*}');
"""


def main():
    write("one", [token("acme")])
    write("two", [token("acme"), token("globex")])
    write("chains", [chain("alice", "acme"), chain("bob", "globex")])
    for algorithm in KEYS:
        write("new-" + algorithm,
              [token("acme", algorithm, jti=str(i)) for i in range(NEW_TOKENS)])
    (FOLDER / "setup.sql").write_text(SETUP % {
        "issuer": ISSUER, "agent": AGENT, "key": json.dumps(public_jwk("EdDSA")),
        "jwks": json.dumps({"keys": [public_jwk(a) for a in KEYS]})}, encoding="ascii")


main()
