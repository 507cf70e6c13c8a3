"""X.509-SVIDs and trust bundles.

A case is a dict: name, leaf (DER), and where they differ from the usual ones
intermediates (DERs), bundle (PEM), now, status, uri, validity.
"""
from generate.authority import (
    CA, CA_USAGE, DAY, LEAF_USAGE, URI, issue, pem, prepare, san)
from generate.common import NOW, SUB
from generate.python_certificates import all_kinds

OK = "CA_CERTIFICATE_OK"
UNKNOWN = "1.3.6.1.4.1.99999.1"
MADE = {}


def make(name, issuer, extensions, **more):
    MADE[name] = issue(name, issuer, extensions, **more)
    return MADE[name]


def authority(name, issuer, *extensions, **more):
    return make(name, issuer, [CA, CA_USAGE, *extensions], **more)


def leaf(issuer="root", *extensions, uri=URI, usage=LEAF_USAGE, **more):
    """A leaf with a name of its own, the usual but for what is given."""
    name = f"leaf{len(MADE)}"
    lines = [line for line in (usage, uri, *extensions) if line]
    return make(name, issuer, lines, **more)


def make_authorities():
    prepare()
    authority("root", None, "subjectKeyIdentifier=hash")
    authority("root-rsa", None, algorithm="rsa")
    authority("root-next", None)
    authority("root-past", None, start=NOW - 9 * DAY, end=NOW - DAY)
    authority("root-future", None, start=NOW + DAY, end=NOW + 9 * DAY)
    authority("stranger", None)
    # another key under the root's name
    authority("twin", None, subject="/CN=root")
    authority("inter", "root", "authorityKeyIdentifier=keyid",
              start=NOW - 3600, end=NOW + 3600)
    make("inter-end", "root", ["basicConstraints=critical,CA:true,pathlen:0",
                               CA_USAGE])
    authority("inter-deep", "inter-end")
    authority("inter-past", "root", start=NOW - 9 * DAY, end=NOW - DAY)
    authority("inter-future", "root", start=NOW + DAY, end=NOW + 9 * DAY)
    authority("inter-weak", "root", algorithm="rsa1024")
    authority("inter-sha1", "root", digest="sha1")
    authority("inter-odd", "root", UNKNOWN + "=critical,DER:0500")
    authority("inter-server", "root", "extendedKeyUsage=serverAuth")
    make("inter-leaf", "root", [LEAF_USAGE, URI])
    make("inter-false", "root", ["basicConstraints=critical,CA:false",
                                 CA_USAGE])
    make("inter-no-basic", "root", [CA_USAGE])
    make("inter-no-usage", "root", [CA])
    make("inter-crl", "root", [CA, "keyUsage=critical,cRLSign"])
    make("inter-v1", "root", None)
    for kind, names in (("in", "permitted;URI:acme.example"),
                        ("out", "permitted;URI:other.example"),
                        ("ex", "excluded;URI:acme.example"),
                        ("sub", "permitted;URI:.acme.example"),
                        ("dns", "permitted;DNS:good.example")):
        authority("inter-" + kind, "root", "nameConstraints=critical," + names)


def uri_der(data, more=b"", tag=b"\x86"):
    """A subjectAltName of exactly these bytes as its URI."""
    def tlv(head, body):
        n = len(body)
        size = bytes([n]) if n < 128 else (
            b"\x82" + n.to_bytes(2, "big"))
        return head + size + body
    return "subjectAltName=DER:" + tlv(b"\x30", tlv(tag, data) + more).hex(":")


def case(name, leaf_, status=OK, **more):
    return {"name": name, "leaf": leaf_, "status": status, **more}


def cases():
    make_authorities()
    for part in (good_cases, name_cases, uri_cases, usage_cases, der_cases,
                 time_cases, trust_cases, chain_cases, strength_cases,
                 extension_cases):
        yield from part()


def good_cases():
    for name, der, status in all_kinds("root"):
        yield case(name, der, status)
    for algorithm in ("p256", "p384", "rsa", "ed"):
        yield case(f"good: {algorithm} leaf by openssl",
                   leaf(algorithm=algorithm))
    yield case("good: leaf of an RSA authority", leaf("root-rsa"),
               bundle=pem("root-rsa"))
    yield case("good: with its intermediate (X509-SVID 5.1)", leaf("inter"),
               inter=["inter"], validity=(NOW - 3600, NOW + 3600))
    yield case("good: pathlen 0 above a leaf", leaf("inter-end"),
               inter=["inter-end"])
    yield case("good: intermediate in the bundle", leaf("inter"),
               bundle=pem("root") + pem("inter"),
               validity=(NOW - 3600, NOW + 3600))
    yield case("good: two roots in the bundle", leaf(),
               bundle=pem("root-next") + pem("root"))
    yield case("good: an expired root beside the good one", leaf(),
               bundle=pem("root-past") + pem("root"))
    yield case("good: intermediates that are of no use", leaf(),
               inter=["stranger", "inter", "inter-leaf"])
    yield case("good: the root among the intermediates", leaf("inter"),
               inter=["root", "inter"], validity=(NOW - 3600, NOW + 3600))
    yield case("good: authority of the root's name beside the root", leaf(),
               bundle=pem("twin") + pem("root"))


def name_cases():
    bad = "CA_CERTIFICATE_BAD_NAMES"
    yield case("names: none (X509-SVID 2)", leaf(uri=None), bad)
    yield case("names: DNS and e-mail only (X509-SVID 2)", leaf(
        uri=san("DNS:acme.example", "email:a@acme.example")), bad)
    yield case("names: two SPIFFE IDs (X509-SVID 2)", leaf(
        uri=san("URI:" + SUB, "URI:" + SUB + "2")), bad)
    yield case("names: an empty list (RFC 5280 4.2.1.6)", leaf(
        uri="subjectAltName=DER:3000"), bad)
    yield case("names: SPIFFE ID as common name only", leaf(
        uri=None, subject="/CN=spiffe:\\/\\/acme.example\\/agent\\/x"), bad)
    yield case("names: SPIFFE ID among the issuer's names only", leaf(
        "root", "issuerAltName=URI:" + SUB, uri=None), bad)
    yield case("names: not a list", leaf(uri="subjectAltName=DER:0500"),
               "CA_CERTIFICATE_MALFORMED")
    yield case("names: critical", leaf(uri=san("critical", "URI:" + SUB)))
    for uri in ("https://acme.example/agent", "spiffe://acme.example",
                "SPIFFE://acme.example/a", "urn:x", "x"):
        yield case(f"names: {uri} is for the caller to judge",
                   leaf(uri=san("URI:" + uri)), uri=uri)


def uri_cases():
    bad = "CA_CERTIFICATE_BAD_URI"
    base = SUB.encode()
    for name, data in (("NUL inside", base + b"\0.evil"),
                       ("NUL at the end", base + b"\0"),
                       ("NUL at the start", b"\0" + base),
                       ("NUL alone", b"\0"), ("empty", b""),
                       ("space at the end", base + b" "),
                       ("space inside", base[:20] + b" " + base[20:]),
                       ("space at the start", b" " + base),
                       ("line feed", base + b"\n"), ("tab", base + b"\t"),
                       ("carriage return", base + b"\r"),
                       ("escape", base + b"\x1b[m"), ("DEL", base + b"\x7f"),
                       ("UTF-8", base + "\u00e9".encode()),
                       ("Latin-1", base + b"\xe9"), ("0xff", base + b"\xff"),
                       ("of 2049 bytes (SPIFFE-ID 2.3)",
                        base + b"a" * (2049 - len(base)))):
        yield case(f"uri: {name}", leaf(uri=uri_der(data)), bad)
    long = base + b"a" * (2048 - len(base))
    yield case("uri: of 2048 bytes (SPIFFE-ID 2.3)",
               leaf(uri=uri_der(long)), uri=long.decode())
    yield case("uri: punctuation is printable", leaf(
        uri=uri_der(b"x:!\"#$%&'()*+,-./;<=>?@[\\]^_`{|}~")),
        uri="x:!\"#$%&'()*+,-./;<=>?@[\\]^_`{|}~")
    yield case("uri: two, the second with a NUL", leaf(uri=uri_der(
        base, b"\x86\x01\0")), "CA_CERTIFICATE_BAD_NAMES")


def usage_cases():
    authority_, bad = "CA_CERTIFICATE_IS_AUTHORITY", "CA_CERTIFICATE_BAD_KEY_USAGE"
    client = "CA_CERTIFICATE_NOT_CLIENT"
    yield case("usage: CA false (X509-SVID 4.1)", leaf(
        "root", "basicConstraints=critical,CA:false"))
    yield case("usage: authority (X509-SVID 5.2)", leaf("root", CA), authority_)
    yield case("usage: authority that may sign", leaf(
        "root", CA, usage=CA_USAGE), authority_)
    yield case("usage: the root itself", MADE["root"], authority_)
    yield case("usage: no key usage (X509-SVID 4.3)", leaf(usage=None), bad)
    yield case("usage: version 1, no extensions", MADE["inter-v1"], bad)
    for bits in ("keyEncipherment", "keyAgreement", "nonRepudiation",
                 "digitalSignature,keyCertSign", "digitalSignature,cRLSign",
                 "keyCertSign", "cRLSign",
                 "digitalSignature,keyCertSign,cRLSign"):
        yield case(f"usage: {bits} (X509-SVID 4.3)", leaf(
            usage="keyUsage=critical," + bits), bad)
    yield case("usage: keyEncipherment and keyAgreement too (X509-SVID 4.3)",
               leaf(usage=LEAF_USAGE + ",keyEncipherment,keyAgreement"))
    yield case("usage: not critical (X509-SVID 5.2 does not ask)", leaf(
        usage="keyUsage=digitalSignature"))
    for eku in ("clientAuth", "serverAuth,clientAuth",
                "critical,clientAuth,serverAuth"):
        yield case(f"usage: extended {eku} (X509-SVID 4.4)", leaf(
            "root", "extendedKeyUsage=" + eku))
    for eku in ("serverAuth", "codeSigning", "OCSPSigning", "1.2.3.4",
                "anyExtendedKeyUsage", "serverAuth,emailProtection"):
        yield case(f"usage: extended {eku} (X509-SVID 4.4)", leaf(
            "root", "extendedKeyUsage=" + eku), client)


def der_cases():
    bad = "CA_CERTIFICATE_MALFORMED"
    der = leaf()
    for name, data in (("nothing", b""), ("one byte", b"\x30"),
                       ("a NUL", b"\0"), ("text", b"certificate"),
                       ("PEM", pem("root").encode()),
                       ("cut by one byte", der[:-1]),
                       ("cut in half", der[:len(der) // 2]),
                       ("a byte after it", der + b"\0"),
                       ("a line feed after it", der + b"\n"),
                       ("itself twice", der * 2),
                       ("the root after it", der + MADE["root"]),
                       ("a byte before it", b"\0" + der),
                       ("an empty sequence", b"\x30\0"),
                       ("a length of three bytes (X.690 10.1)",
                        b"\x30\x83\0" + der[2:]),
                       ("a length of four bytes (X.690 10.1)",
                        b"\x30\x84\0\0" + der[2:]),
                       ("indefinite length (X.690 10.1)",
                        b"\x30\x80" + der[4:] + b"\0\0"),
                       ("a negative length", b"\x30\x84\xff\xff\xff\xff" + der[4:])):
        yield case(f"der: {name}", data, bad)
    yield case("der: an intermediate that is none", der, bad, inter=[b"abc"])
    yield case("der: a byte after an intermediate", der, bad,
               inter=[MADE["inter"] + b"\0"])
    yield case("der: an empty intermediate", der, bad, inter=[b""])


def time_cases():
    expired, early = "CA_CERTIFICATE_EXPIRED", "CA_CERTIFICATE_NOT_YET_VALID"
    yield case("time: expired (RFC 5280 6.1.3)", leaf(end=NOW - 1), expired)
    yield case("time: expires now", leaf(end=NOW), expired)
    yield case("time: a second left", leaf(end=NOW + 1),
               validity=(NOW - DAY, NOW + 1))
    yield case("time: not yet valid (RFC 5280 6.1.3)", leaf(start=NOW + 1), early)
    yield case("time: valid from now", leaf(start=NOW),
               validity=(NOW, NOW + DAY))
    yield case("time: beyond 2050, as GeneralizedTime (RFC 5280 4.1.2.5)",
               leaf("root-rsa", end=NOW + 30000 * DAY), bundle=pem("root-rsa"))
    yield case("time: intermediate has expired", leaf("inter-past"), expired,
               inter=["inter-past"])
    yield case("time: intermediate is not yet valid", leaf("inter-future"),
               early, inter=["inter-future"])
    yield case("time: root has expired", leaf("root-past"), expired,
               bundle=pem("root-past"))
    yield case("time: root is not yet valid", leaf("root-future"), early,
               bundle=pem("root-future"))
    der = leaf("inter")
    yield case("time: the chain ends before the leaf", der, expired,
               inter=["inter"], now=NOW + 3600)
    yield case("time: the chain begins after the leaf", der, early,
               inter=["inter"], now=NOW - 3601)
    yield case("time: clock at 0", der, early, inter=["inter"], now=0)
    yield case("time: clock before 1970", der, early, inter=["inter"], now=-1)


def flip(der, at):
    return der[:at] + bytes([der[at] ^ 1]) + der[at + 1:]


def trust_cases():
    untrusted, signature = "CA_CERTIFICATE_UNTRUSTED", "CA_CERTIFICATE_BAD_SIGNATURE"
    yield case("trust: another authority", leaf("stranger"), untrusted)
    yield case("trust: another authority that comes along", leaf("stranger"),
               untrusted, inter=["stranger"])
    yield case("trust: another authority of the root's name, key identifier "
               "(RFC 5280 4.2.1.1)", leaf("twin"), untrusted)
    yield case("trust: another authority of the root's name, no identifier",
               leaf("twin", "authorityKeyIdentifier=none"), signature)
    yield case("trust: another one of the root's name that comes along",
               leaf("twin"), untrusted, inter=["twin"])
    yield case("trust: self-signed leaf", leaf(None), untrusted)
    yield case("trust: no intermediate", leaf("inter"), untrusted)
    yield case("trust: the wrong intermediate", leaf("inter"), untrusted,
               inter=["inter-end", "stranger"])
    yield case("trust: an intermediate is no anchor", leaf("inter"),
               "CA_BUNDLE_NO_ROOT", bundle=pem("inter"), inter=["inter"])
    yield case("trust: empty bundle", leaf(), "CA_BUNDLE_EMPTY", bundle="")
    yield case("trust: bundle with junk", leaf(), "CA_BUNDLE_MALFORMED",
               bundle=pem("root") + "x")
    yield case("trust: the next root only", leaf(), untrusted,
               bundle=pem("root-next"))
    der = leaf()
    yield case("trust: last bit of the signature", flip(der, len(der) - 1),
               signature)
    at = der.index(SUB.encode()) + len(SUB) - 1
    yield case("trust: last bit of the SPIFFE ID", flip(der, at), signature,
               uri=SUB[:-1] + chr(ord(SUB[-1]) ^ 1))
    inter = MADE["inter"]
    yield case("trust: last bit of the intermediate's signature",
               leaf("inter"), signature, inter=[flip(inter, len(inter) - 1)])


def chain_cases():
    bad = "CA_CERTIFICATE_BAD_AUTHORITY"
    long = "CA_CERTIFICATE_PATH_TOO_LONG"
    untrusted = "CA_CERTIFICATE_UNTRUSTED"
    yield case("chain: pathlen exceeded (RFC 5280 6.1.4)", leaf("inter-deep"),
               long, inter=["inter-deep", "inter-end"])
    yield case("chain: intermediate is a leaf (RFC 5280 6.1.4 k)",
               leaf("inter-leaf"), (bad, untrusted), inter=["inter-leaf"])
    yield case("chain: intermediate is not CA (RFC 5280 6.1.4 k)",
               leaf("inter-false"), bad, inter=["inter-false"])
    yield case("chain: intermediate without basic constraints",
               leaf("inter-no-basic"), bad, inter=["inter-no-basic"])
    yield case("chain: intermediate without key usage (X509-SVID 4.3)",
               leaf("inter-no-usage"), bad, inter=["inter-no-usage"])
    yield case("chain: intermediate may sign lists only (RFC 5280 6.1.4 n)",
               leaf("inter-crl"), (bad, untrusted), inter=["inter-crl"])
    yield case("chain: intermediate of version 1 (RFC 5280 6.1.4 k)",
               leaf("inter-v1"), bad, inter=["inter-v1"])
    yield case("chain: intermediate for servers only", leaf("inter-server"),
               "CA_CERTIFICATE_NOT_CLIENT", inter=["inter-server"])
    constraint = "CA_CERTIFICATE_NAME_CONSTRAINT"
    yield case("chain: name constraint kept (X509-SVID 4.2)",
               leaf("inter-in"), inter=["inter-in"])
    for kind in ("out", "ex", "sub"):
        yield case(f"chain: name constraint '{kind}' violated "
                   "(RFC 5280 4.2.1.10)", leaf("inter-" + kind), constraint,
                   inter=["inter-" + kind])
    yield case("chain: name constraint on DNS names kept", leaf(
        "inter-dns", uri=san("URI:" + SUB, "DNS:a.good.example")),
        inter=["inter-dns"])
    yield case("chain: name constraint on DNS names violated", leaf(
        "inter-dns", uri=san("URI:" + SUB, "DNS:evil.example")), constraint,
        inter=["inter-dns"])
    names = [f"deep{i}" for i in range(9)]
    for i, name in enumerate(names):
        authority(name, names[i - 1] if i else "root")
    yield case("chain: 8 intermediates", leaf(names[7]), inter=names[:8])
    yield case("chain: 8 intermediates, any order", leaf(names[7]),
               inter=names[7::-1])
    yield case("chain: 9 intermediates", leaf(names[8]),
               "CA_CERTIFICATE_TOO_LONG", inter=names)
    yield case("chain: 9 intermediates, one in the bundle", leaf(names[8]),
               long, inter=names[1:], bundle=pem("root") + pem(names[0]))


def strength_cases():
    key, digest = "CA_CERTIFICATE_WEAK_KEY", "CA_CERTIFICATE_WEAK_SIGNATURE"
    yield case("weak: RSA of 1024 bits", leaf(algorithm="rsa1024"), key)
    yield case("weak: P-192", leaf(algorithm="p192"), key)
    yield case("weak: intermediate of RSA 1024", leaf("inter-weak"), key,
               inter=["inter-weak"])
    for name in ("sha1", "md5"):
        yield case(f"weak: {name} signature", leaf(
            "root-rsa", digest=name), digest, bundle=pem("root-rsa"))
    yield case("weak: SHA-1 signature under EC", leaf(digest="sha1"), digest)
    yield case("weak: intermediate with a SHA-1 signature",
               leaf("inter-sha1"), digest, inter=["inter-sha1"])


def extension_cases():
    bad = "CA_CERTIFICATE_UNKNOWN_EXTENSION"
    yield case("extension: unknown and critical (RFC 5280 4.2)", leaf(
        "root", UNKNOWN + "=critical,DER:0500"), bad)
    yield case("extension: unknown, not critical (RFC 5280 4.2)", leaf(
        "root", UNKNOWN + "=DER:0500"))
    yield case("extension: unknown and critical, of the intermediate",
               leaf("inter-odd"), bad, inter=["inter-odd"])


def fuzz_cases():
    """A small leaf without and with an intermediate, for the seeds."""
    yield [leaf()]
    yield [leaf("inter"), MADE["inter"]]
