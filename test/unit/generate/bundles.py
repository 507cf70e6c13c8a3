"""Trust bundles in PEM: (name, text, status); made after certificates.py."""
import base64

from generate.authority import CA, key, openssl, pem
from generate.certificates import MADE, authority, leaf, make


def block(der, kind="CERTIFICATE"):
    text = base64.encodebytes(der).decode().replace("\n", "")
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines,
                      f"-----END {kind}-----", ""])


def cases():
    yield from good_cases()
    yield from malformed_cases()
    yield from member_cases()


def good_cases():
    ok = "CA_CERTIFICATE_OK"
    root = pem("root")
    yield "good: one root", root, ok
    yield "good: RSA root", pem("root-rsa"), ok
    yield "good: two roots", root + pem("root-next"), ok
    yield "good: the same root twice", root * 2, ok
    yield "good: intermediate and root", pem("inter") + root, ok
    yield "good: an expired root", pem("root-past"), ok
    yield "good: a root of tomorrow", pem("root-future"), ok
    yield "good: no line feed at the end", root.rstrip("\n"), ok
    yield "good: white space around", " \t\r\n" + root + "\n \t\r\n", ok
    yield "good: carriage returns", root.replace("\n", "\r\n"), ok


def malformed_cases():
    bad, empty = "CA_BUNDLE_MALFORMED", "CA_BUNDLE_EMPTY"
    root = pem("root")
    der = MADE["root"]
    with open(key("root")) as f:
        private = f.read()
    for name, text in (("nothing", ""), ("white space", " \r\n\t\n")):
        yield f"empty: {name}", text, empty
    for name, text in (
            ("junk before", "x" + root), ("junk after", root + "x"),
            ("junk between", root + "x\n" + root),
            ("a comment before", "# root\n" + root),
            ("openssl's text before", "Certificate:\n    Data:\n" + root),
            ("private key", private), ("private key after", root + private),
            ("private key before", private + root),
            ("trusted certificate", block(der, "TRUSTED CERTIFICATE")),
            ("X509 certificate", block(der, "X509 CERTIFICATE")),
            ("PKCS7", block(der, "PKCS7")),
            ("lower case", root.replace("CERTIFICATE", "certificate")),
            ("no end", root[:root.index("-----END")]),
            ("a begin alone", "-----BEGIN CERTIFICATE-----\n"),
            ("begin and end alone", "-----BEGIN CERTIFICATE-----\n"
             "-----END CERTIFICATE-----\n"),
            ("an end alone", "-----END CERTIFICATE-----\n"),
            ("end of another kind", root.replace("END CERT", "END X509 CERT")),
            ("begin twice", "-----BEGIN CERTIFICATE-----\n" + root),
            ("headers", root.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n"
                                     "DEK-Info: AES-128-CBC,00\n\n", 1)),
            ("a character that is no base64", root.replace("A", "!", 1)),
            ("a byte after the certificate", block(der + b"\0")),
            ("two certificates in a block", block(der * 2)),
            ("a certificate cut short", block(der[:-1])),
            ("an empty sequence", block(b"\x30\0")),
            ("DER", der), ("a NUL after", root + "\0"),
            ("a NUL between", root + "\0" + root),
            ("a NUL inside", root[:100] + "\0" + root[101:]),
            ("form feed between", root + "\f" + root),
            ("no-break space", root + "\u00a0"),
            ("byte order mark", "\ufeff" + root),
            ("a path", "/etc/ssl/ca.pem"), ("JSON", '{"keys":[]}')):
        yield f"malformed: {name}", text, bad


def member_cases():
    no_root, member = "CA_BUNDLE_NO_ROOT", "CA_BUNDLE_NOT_AUTHORITY"
    root = pem("root")
    yield "no root: intermediate", pem("inter"), no_root
    yield "no root: two intermediates", pem("inter") + pem("inter-end"), no_root
    # issued to its issuer's own name, yet by another key
    authority("same-name", "root", subject="/CN=root")
    yield "no root: self-issued, not self-signed", pem("same-name"), no_root
    leaf_ = leaf()
    yield "member: a leaf", block(leaf_), member
    yield "member: a leaf beside the root", root + block(leaf_), member
    yield "member: a self-signed leaf", block(leaf(None)), member
    make("root-v1", None, None)
    yield "member: a root of version 1", pem("root-v1"), member
    for name, extensions in (
            ("no-usage", [CA]), ("crl", [CA, "keyUsage=critical,cRLSign"]),
            ("signs", [CA, "keyUsage=critical,digitalSignature"]),
            ("no-basic", ["keyUsage=critical,keyCertSign"]),
            ("ca-false", ["basicConstraints=critical,CA:false",
                          "keyUsage=critical,keyCertSign"]),
            ("no-extensions", ["subjectKeyIdentifier=hash"])):
        make("root-" + name, None, extensions)
        yield (f"member: a root '{name}' (X509-SVID 3.2, 4.1, 4.3)",
               pem("root-" + name), member)
        yield (f"member: a root '{name}' beside a good one",
               root + pem("root-" + name), member)
    authority("root-weak", None, algorithm="rsa1024")
    authority("root-p192", None, algorithm="p192")
    for name in ("root-weak", "root-p192"):
        yield f"weak: {name}", pem(name), "CA_BUNDLE_WEAK_KEY"
        yield f"weak: {name} beside a good one", root + pem(name), "CA_BUNDLE_WEAK_KEY"
    # an unused crl, as some tools write it behind the certificates
    crl = openssl("ca", "-config", "ca.conf", "-gencrl", "-crldays", "1",
                  "-md", "sha256", "-cert", "root.crt", "-keyfile",
                  key("root")).decode()
    yield "malformed: a revocation list", root + crl, "CA_BUNDLE_MALFORMED"
