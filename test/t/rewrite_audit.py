"""What a superuser would do who knows docs/audit-format.md: change a record of
an export, compute every hash after it again and, with a key, sign the
checkpoints again.  Prints the SQL that does the same to TABLE.

    rewrite_audit.py CHECKPOINTS EXPORT SEQ TABLE [KEY.pem]
"""
import hashlib
import json
import sys

from cryptography.hazmat.primitives import serialization

from verify_export import CHECKPOINT, DECISION, canonical, thumbprint


def rewrite_records(path, seq, table):
    """Hashes of all records afterwards, by seq."""
    hashes = {}
    before = bytes(32)
    for line in open(path, encoding="utf-8", newline="\n"):
        row = json.loads(line)
        if row["seq"] == seq:
            row["reason"] = "nothing happened"
        form = canonical(b"contauth-decision-v1\n", DECISION, row)
        digest = hashlib.sha256(before + form).digest()
        if row["seq"] >= seq:
            print(f"UPDATE {table} SET reason = "
                  f"{'reason' if row['seq'] > seq else repr(row['reason'])}, "
                  f"prev_hash = '\\x{before.hex()}', hash = '\\x{digest.hex()}' "
                  f"WHERE seq = {row['seq']};")
        hashes[row["seq"]] = before = digest
    return hashes


def sign_again(path, hashes, seq, key):
    before = bytes(32)
    public = key.public_key()
    der = public.public_bytes(serialization.Encoding.DER,
                              serialization.PublicFormat.SubjectPublicKeyInfo)
    for line in open(path, encoding="utf-8", newline="\n"):
        row = json.loads(line)
        if row["seq"] >= seq:
            row["record_hash"] = hashes[row["seq"]].hex()
            row["prev_checkpoint"] = before.hex()
            row["key_id"] = thumbprint(public)
            row["alg"] = "EdDSA"
        form = canonical(b"contauth-checkpoint-v1\n", CHECKPOINT, row)
        before = hashlib.sha256(form).digest()
        if row["seq"] >= seq:
            print(f"UPDATE contauth_audit.checkpoint SET "
                  f"record_hash = '\\x{row['record_hash']}', "
                  f"prev_checkpoint = '\\x{row['prev_checkpoint']}', "
                  f"key_id = '{row['key_id']}', alg = 'EdDSA', "
                  f"signature = '\\x{key.sign(form).hex()}', public_key = '\\x{der.hex()}' "
                  f"WHERE checkpoint_id = {row['checkpoint_id']};")


def main():
    checkpoints, export, seq, table = sys.argv[1:5]
    hashes = rewrite_records(export, int(seq), table)
    if len(sys.argv) > 5:
        with open(sys.argv[5], "rb") as file:
            key = serialization.load_pem_private_key(file.read(), None)
        sign_again(checkpoints, hashes, int(seq), key)


main()
