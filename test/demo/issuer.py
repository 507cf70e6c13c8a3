"""Token issuers made with the openssl command: keys, JWK Sets, JWT-SVIDs.

No JWT library: every byte of a token is visible here.  RS256 and ES256 as in
RFC 7518 sections 3.3 and 3.4; the header has alg, kid and typ only, as the
SPIFFE JWT-SVID standard asks.
"""
import base64
import hashlib
import json
import pathlib
import subprocess
import time
import uuid


def b64url(data):
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*args, data=None):
    """Standard output of one openssl command."""
    return subprocess.run(["openssl", *args], input=data, check=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE).stdout


def der_items(data):
    """The (tag, content) pairs of a run of DER values."""
    pos = 0
    while pos < len(data):
        tag, length = data[pos], data[pos + 1]
        pos += 2
        if length & 0x80:
            octets = length & 0x7F
            length = int.from_bytes(data[pos:pos + octets], "big")
            pos += octets
        yield tag, data[pos:pos + length]
        pos += length


class Issuer:
    """One issuer with one key; alg is RS256 or ES256."""

    def __init__(self, folder, name, alg):
        self.alg = alg
        self.key = str(pathlib.Path(folder) / f"{name}.pem")
        kind = (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
                if alg == "RS256" else
                ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
        openssl("genpkey", *kind, "-out", self.key)
        self.jwk = self._public_jwk()
        # key id: the key's own thumbprint (RFC 7638)
        required = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        self.kid = b64url(hashlib.sha256(required.encode()).digest())

    def _public_jwk(self):
        """The public numbers, out of the SubjectPublicKeyInfo."""
        spki = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        (_, outer), = der_items(spki)
        _, (_, bits) = der_items(outer)
        if self.alg == "RS256":
            (_, numbers), = der_items(bits[1:])
            (_, n), (_, e) = der_items(numbers)
            return {"kty": "RSA", "n": b64url(n.lstrip(b"\0")),
                    "e": b64url(e.lstrip(b"\0"))}
        point = bits[1:]
        assert len(point) == 65 and point[0] == 4   # uncompressed P-256
        return {"kty": "EC", "crv": "P-256", "x": b64url(point[1:33]),
                "y": b64url(point[33:])}

    def jwks(self):
        """The JWK Set (RFC 7517) to publish."""
        return json.dumps({"keys": [dict(self.jwk, kid=self.kid,
                                         alg=self.alg, use="sig")]})

    def _sign(self, data):
        signature = openssl("dgst", "-sha256", "-sign", self.key, data=data)
        if self.alg == "RS256":
            return signature
        (_, outer), = der_items(signature)      # ECDSA: DER to R || S
        return b"".join(int.from_bytes(v, "big").to_bytes(32, "big")
                        for _, v in der_items(outer))

    def token(self, subject, audience, lifetime=3600, **claims):
        """A JWT-SVID for subject that ends lifetime seconds from now."""
        now = int(time.time())
        header = {"alg": self.alg, "kid": self.kid, "typ": "JWT"}
        claims = {"sub": subject, "aud": [audience], "iat": now - 5,
                  "exp": now + lifetime, "jti": str(uuid.uuid4()), **claims}
        signing_input = ".".join(b64url(json.dumps(part).encode())
                                 for part in (header, claims))
        return signing_input + "." + b64url(self._sign(signing_input.encode()))


def tampered(token, **changes):
    """The same token with other claims and the old signature."""
    header, payload, signature = token.split(".")
    payload += "=" * (-len(payload) % 4)
    claims = dict(json.loads(base64.urlsafe_b64decode(payload)), **changes)
    return ".".join((header, b64url(json.dumps(claims).encode()), signature))
