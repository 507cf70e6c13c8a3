"""Certificates made by the openssl command, with times relative to NOW."""
import os
import subprocess
import time

from generate.common import NOW, SUB, TMP

DAY = 86400
LEAF_USAGE = "keyUsage=critical,digitalSignature"
CA_USAGE = "keyUsage=critical,keyCertSign,cRLSign"
CA = "basicConstraints=critical,CA:true"
ALGORITHMS = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa1024": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "p192": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime192v1"],
    "ed": ["-algorithm", "ED25519"],
}
CONFIG = """
[req]
distinguished_name=dn
prompt=no
[dn]
[ca]
default_ca=here
[here]
database={0}/index
new_certs_dir={0}
rand_serial=yes
policy=any
preserve=yes
unique_subject=no
[any]
commonName=optional
"""


def path(name):
    return os.path.join(TMP.name, name)


def openssl(*args, **more):
    return subprocess.run(["openssl", *args], check=True, cwd=TMP.name,
                          capture_output=True, **more).stdout


def prepare():
    with open(path("ca.conf"), "w") as f:
        f.write(CONFIG.format(TMP.name))


def stamp(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


def san(*names):
    return "subjectAltName=" + ",".join(names)


URI = san("URI:" + SUB)


def key(name, algorithm="p256"):
    """The file of a private key, made when it is first asked for."""
    file = path(f"x-{name}-{algorithm}.pem")
    if not os.path.exists(file):
        openssl("genpkey", *ALGORITHMS[algorithm], "-out", file)
    return file


def issue(name, issuer, extensions, algorithm="p256", subject=None,
          start=NOW - DAY, end=NOW + DAY, digest="default", key_of=None):
    """A certificate in DER.  issuer is the name of one that was made before,
    or None for a self-signed one; extensions None gives version 1."""
    own = key(key_of or name, algorithm)
    openssl("req", "-new", "-config", "ca.conf", "-key", own, "-subj",
            subject or "/CN=" + name, "-out", name + ".csr")
    open(path("index"), "w").close()
    args = ["ca", "-config", "ca.conf", "-batch", "-notext",
            "-in", name + ".csr", "-out", name + ".crt", "-md", digest,
            "-startdate", stamp(start), "-enddate", stamp(end)]
    if extensions is not None:
        with open(path("extensions"), "w") as f:
            f.write("[x]\n" + "\n".join(extensions) + "\n")
        args += ["-extfile", "extensions", "-extensions", "x"]
    if issuer is None:
        args += ["-selfsign", "-keyfile", own]
    else:
        args += ["-cert", issuer + ".crt", "-keyfile", path(issuer + ".key")]
    openssl(*args)
    os.path.exists(path(name + ".key")) or os.symlink(own, path(name + ".key"))
    return openssl("x509", "-in", name + ".crt", "-outform", "DER")


def pem(name):
    with open(path(name + ".crt")) as f:
        return f.read()
