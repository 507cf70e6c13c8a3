"""Test keys and compact JWS for the chain tests.

Keys other than the RSA one are derived from their names, so that every run
has the same.  Signing uses `cryptography` directly: a run makes tens of
thousands of signatures.
"""
import base64
import hashlib
import json
import pathlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, utils

RSA_PEM = pathlib.Path(__file__).resolve().parent.parent / "keys" / "rsa.pem"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def digest(text):
    """What `prf` holds of a grant."""
    return b64(hashlib.sha256(text.encode()).digest())


def uint(number, size):
    return b64(number.to_bytes(size, "big"))


@dataclass(frozen=True)
class Jws:
    """A signed text, and what it was made of.

    signer is the name of the key that really signed; the model compares it
    with the key that the header's kid stands for.
    """
    text: str
    header: dict
    claims: dict
    signer: str


class Key:
    """A signing key by name; kind is RS256, ES256 or EdDSA."""

    def __init__(self, name, kind):
        self.name, self.alg = name, kind
        seed = hashlib.sha256(name.encode()).digest()
        if kind == "RS256":
            pem = RSA_PEM.read_bytes()
            self.private = serialization.load_pem_private_key(
                pem[pem.index(b"-----BEGIN"):], None)
        elif kind == "ES256":
            # shorter than the curve's order, so valid whatever the hash
            self.private = ec.derive_private_key(
                int.from_bytes(seed[:31], "big"), ec.SECP256R1())
        else:
            self.private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)

    def jwk(self):
        public = self.private.public_key()
        if self.alg == "RS256":
            numbers = public.public_numbers()
            return {"kty": "RSA", "kid": self.name, "e": "AQAB",
                    "n": uint(numbers.n, 256)}
        if self.alg == "ES256":
            numbers = public.public_numbers()
            return {"kty": "EC", "crv": "P-256", "kid": self.name,
                    "x": uint(numbers.x, 32), "y": uint(numbers.y, 32)}
        raw = public.public_bytes(serialization.Encoding.Raw,
                                  serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "kid": self.name, "x": b64(raw)}

    def signature(self, data):
        if self.alg == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if self.alg == "ES256":
            der = self.private.sign(data, ec.ECDSA(hashes.SHA256()))
            r, s = utils.decode_dss_signature(der)
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(data)

    def sign(self, claims, kid=None):
        header = {"alg": self.alg, "kid": kid or self.name, "typ": "JWT"}
        body = ".".join(b64(json.dumps(part).encode()) for part in (header, claims))
        return Jws(f"{body}.{b64(self.signature(body.encode()))}",
                   header, claims, self.name)
