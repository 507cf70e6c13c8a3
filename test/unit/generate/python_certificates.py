"""Certificates made by python3-cryptography, an independent implementation;
for what the openssl command cannot or will not write."""
import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from generate.authority import DAY, path
from generate.common import NOW, SUB

USAGES = ("digital_signature", "content_commitment", "key_encipherment",
          "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
          "encipher_only", "decipher_only")


def usage(*names):
    return x509.KeyUsage(**{n: n in names for n in USAGES})


def moment(seconds):
    return datetime.datetime.utcfromtimestamp(seconds)


def issuer_of(name):
    """Certificate and key of an issuer that the openssl command made."""
    with open(path(name + ".crt"), "rb") as f:
        certificate = x509.load_pem_x509_certificate(f.read())
    with open(path(name + ".key"), "rb") as f:
        return certificate, serialization.load_pem_private_key(f.read(), None)


def make(issuer, extensions, subject="python", private=None):
    """A certificate in DER; extensions are (extension, critical)."""
    certificate, signer = issuer_of(issuer)
    private = private or ec.generate_private_key(ec.SECP256R1())
    name = [x509.NameAttribute(NameOID.COMMON_NAME, subject)] if subject else []
    builder = (x509.CertificateBuilder().subject_name(x509.Name(name))
               .issuer_name(certificate.subject)
               .public_key(private.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(moment(NOW - DAY))
               .not_valid_after(moment(NOW + DAY)))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA256()).public_bytes(
        serialization.Encoding.DER)


def uris(*names, critical=False, more=()):
    return (x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier(n) for n in names] + list(more)),
        critical)


LEAF = (usage("digital_signature"), True)


def all_kinds(issuer):
    """(name of the case, DER, status of the parse)"""
    ok, names = "CA_CERTIFICATE_OK", "CA_CERTIFICATE_BAD_NAMES"
    yield "good: EC leaf by cryptography", make(issuer, [LEAF, uris(SUB)]), ok
    yield "good: RSA leaf by cryptography", make(
        issuer, [LEAF, uris(SUB)],
        private=rsa.generate_private_key(65537, 2048)), ok
    yield ("good: no subject, names critical (X509-SVID 3.1)",
           make(issuer, [LEAF, uris(SUB, critical=True)], None), ok)
    yield "good: all that SPIRE writes", make(issuer, [
        (usage("digital_signature", "key_encipherment", "key_agreement"), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH,
                                ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.BasicConstraints(False, None), True),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(
            issuer_of(issuer)[1].public_key()), False),
        uris(SUB)]), ok
    yield "good: URI and other kinds of names (X509-SVID 2)", make(issuer, [
        LEAF, uris(SUB, more=(
            x509.DNSName("a.example"), x509.RFC822Name("a@a.example"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1"))))]), ok
    yield "names: the same URI twice (X509-SVID 2)", make(
        issuer, [LEAF, uris(SUB, SUB)]), names
    yield "names: a SPIFFE ID and another URI (X509-SVID 2)", make(
        issuer, [LEAF, uris(SUB, "https://a.example")]), names
    yield "names: another URI and a SPIFFE ID (X509-SVID 2)", make(
        issuer, [LEAF, uris("https://a.example", SUB)]), names
    yield "names: DNS name only", make(issuer, [LEAF, uris(
        more=(x509.DNSName("acme.example"),))]), names
    yield "names: a SPIFFE ID as a DNS name", make(issuer, [LEAF, uris(
        more=(x509.DNSName(SUB),))]), names
    yield "usage: authority by cryptography (X509-SVID 5.2)", make(issuer, [
        LEAF, uris(SUB), (x509.BasicConstraints(True, None), True)]), \
        "CA_CERTIFICATE_IS_AUTHORITY"
