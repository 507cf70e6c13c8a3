#!/usr/bin/python3
"""Keys and a token for the measurements, and the set-up script of test/bench/policies.

Writes into the folder given: token, jwks.json, and setup.sql, which takes the number of
policies and agents from the psql variable n.

Needs PyJWT and cryptography.
"""
import json
import pathlib
import sys
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

FOLDER = pathlib.Path(sys.argv[1])
ISSUER = "https://bench.example"
AGENT = "spiffe://bench.example/agent/"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

SETUP = """
CREATE EXTENSION contauth;
SELECT contauth.add_issuer('%(issuer)s', 'bench.example', '%(jwks)s');
CREATE SCHEMA bench;
CREATE TABLE bench.customer (id int PRIMARY KEY, tenant text, name text, email text,
                             ssn text, phone text);
INSERT INTO bench.customer
SELECT i, 'acme', 'name' || i, 'mail' || i || '@example.com', '000-' || i, '555-' || i
  FROM generate_series(1, 10000) AS i;
VACUUM ANALYZE bench.customer;
GRANT USAGE ON SCHEMA bench TO bench_agent;
GRANT SELECT ON bench.customer TO bench_agent;
INSERT INTO contauth.agent (spiffe_id, db_roles, owner, autonomy)
SELECT '%(agent)s' || i, '{bench_agent,postgres}', 'bench', 2 FROM generate_series(1, :n) AS i;
INSERT INTO contauth.policy (name, effect, principals, on_behalf_of, actions, resources,
                             condition, row_filter, masks, limits, monitor_only)
SELECT 'policy ' || i, 'permit', ARRAY['%(agent)s' || i], '{*}', '{select}', '{bench.customer}',
       'ctx.autonomy <= 3', $$tenant = contauth.claim('tenant')$$,
       '{"bench.customer.name": "partial(1,0)", "bench.customer.email": "email",
         "bench.customer.ssn": "partial(0,4)", "bench.customer.phone": "redact"}', '{}', false
  FROM generate_series(1, :n) AS i;
ANALYZE contauth.policy, contauth.agent;
"""


def main():
    jwks = {"keys": [{**json.loads(RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "bench"}]}
    now = int(time.time())
    token = jwt.encode({"iss": ISSUER, "sub": AGENT + "7", "aud": "bench",
                        "exp": now + 86400, "tenant": "acme"},
                       KEY, "RS256", headers={"kid": "bench"})
    (FOLDER / "token").write_text(token + "\n", encoding="ascii")
    (FOLDER / "jwks.json").write_text(json.dumps(jwks), encoding="ascii")
    (FOLDER / "setup.sql").write_text(SETUP % {
        "issuer": ISSUER, "agent": AGENT, "jwks": json.dumps(jwks)}, encoding="ascii")


main()
