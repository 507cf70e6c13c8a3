"""A second verifier of an export, written from docs/audit-format.md alone.

    verify_export.py CHECKPOINTS EXPORT TRUSTED_KEY.pem...

Prints "intact RECORDS CHECKPOINTS", or "damaged WHAT NUMBER" and exits with 1.
It knows no kinds of damage: it is here to show that others can say yes and no.
"""
import base64
import datetime
import hashlib
import ipaddress
import json
import struct
import sys
import uuid

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

DECISION = """decision_id:uuid seq:bigint boot_id:uuid decided_at:time
    finished_at:time decision:text mode:text reason_code:text reason:text
    policies:list policy_version:bigint domain:text agent:text
    on_behalf_of:text chain:text depth:integer autonomy:integer purpose:text
    task_id:text trace_id:text token_kid:text token_jti:text token_sha256:text
    db_role:text database:text application_name:text client_addr:inet
    tls:boolean action:list accesses:text max_sensitivity:integer
    statement_kind:text query_id:bigint statement_sha256:text statement:text
    rows_returned:bigint rows_affected:bigint decision_us:bigint
    execution_us:bigint sqlstate:text approval_id:uuid context:text"""
CHECKPOINT = """checkpoint_id:bigint seq:bigint record_hash:hex records:bigint
    boot_id:uuid created_at:time prev_checkpoint:hex key_id:text alg:text"""
EPOCH = datetime.datetime(2000, 1, 1)


class Damaged(Exception):
    pass


def sized(data):
    return struct.pack(">I", len(data)) + data


def time_bytes(value):
    delta = datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ") - EPOCH
    return struct.pack(">q", delta // datetime.timedelta(microseconds=1))


def list_bytes(value):
    return struct.pack(">I", len(value)) + b"".join(
        b"\0" if item is None else b"\1" + sized(item.encode()) for item in value)


def inet_bytes(value):
    ipaddress.ip_interface(value)
    return value.encode()


AS_BYTES = {
    "uuid": lambda v: uuid.UUID(v).bytes,
    "bigint": lambda v: struct.pack(">q", v),
    "integer": lambda v: struct.pack(">i", v),
    "time": time_bytes,
    "boolean": lambda v: b"\1" if v else b"\0",
    "text": str.encode,
    "list": list_bytes,
    "inet": inet_bytes,
    "hex": bytes.fromhex,
}


def canonical(prefix, columns, row):
    form = prefix
    for column in columns.split():
        name, kind = column.split(":")
        value = row[name]
        form += b"\0" if value is None else b"\1" + sized(AS_BYTES[kind](value))
    return form


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(key):
    """RFC 7638."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        text = '{"crv":"Ed25519","kty":"OKP","x":"%s"}' % base64url(raw)
    else:
        n = key.public_numbers()
        text = '{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}' % (
            base64url(n.x.to_bytes(32, "big")), base64url(n.y.to_bytes(32, "big")))
    return base64url(hashlib.sha256(text.encode()).digest())


def is_signed(key, signature, form):
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, form)
        else:
            r, s = (int.from_bytes(signature[i:i + 32], "big") for i in (0, 32))
            key.verify(encode_dss_signature(r, s), form, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def check_checkpoints(path, trusted):
    """The hashes that were signed, by seq."""
    signed = {}
    before, number = bytes(32), 0
    for line in open(path, encoding="utf-8", newline="\n"):
        row = json.loads(line)
        form = canonical(b"contauth-checkpoint-v1\n", CHECKPOINT, row)
        number += 1
        crossed = trusted.get(row["previous_key_id"])
        if crossed and is_signed(crossed, bytes.fromhex(row["previous_signature"]), form):
            key = serialization.load_der_public_key(bytes.fromhex(row["public_key"]))
            trusted[thumbprint(key)] = key
        key = trusted.get(row["key_id"])
        if (row["checkpoint_id"] != number or key is None
                or not is_signed(key, bytes.fromhex(row["signature"]), form)
                or bytes.fromhex(row["prev_checkpoint"]) != before):
            raise Damaged("checkpoint %d" % number)
        before = hashlib.sha256(form).digest()
        signed[row["seq"]] = bytes.fromhex(row["record_hash"])
    return signed, number


def check_records(path, signed):
    before, number = bytes(32), 0
    for line in open(path, encoding="utf-8", newline="\n"):
        row = json.loads(line)
        form = canonical(b"contauth-decision-v1\n", DECISION, row)
        number += 1
        digest = hashlib.sha256(bytes.fromhex(row["prev_hash"]) + form).digest()
        if (row["seq"] != number or bytes.fromhex(row["prev_hash"]) != before
                or bytes.fromhex(row["hash"]) != digest
                or signed.get(number, digest) != digest):
            raise Damaged("record %d" % number)
        before = digest
    if signed and max(signed) > number:
        raise Damaged("record %d" % (number + 1))
    return number


def main():
    trusted = {}
    for path in sys.argv[3:]:
        with open(path, "rb") as file:
            key = serialization.load_pem_public_key(file.read())
        trusted[thumbprint(key)] = key
    try:
        signed, checkpoints = check_checkpoints(sys.argv[1], trusted)
        records = check_records(sys.argv[2], signed)
    except Damaged as damaged:
        print("damaged", damaged)
        return 1
    print("intact", records, checkpoints)
    return 0


if __name__ == "__main__":
    sys.exit(main())
