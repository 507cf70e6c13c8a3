"""Keys, signatures and C text: what all generators of vectors share."""
import base64
import json
import os
import subprocess
import tempfile

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import get_default_algorithms

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
    "second": rsa("second", 2048), "bound": rsa("bound", 2048),
    "cipher": rsa("cipher", 2048),
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


def without(data, *names):
    """A JSON object without some of its members."""
    return compact({k: v for k, v in json.loads(data).items()
                    if k not in names})


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
