"""An export of as many records as are asked for, and SQL that loads it.

    verification_export.py RECORDS FOLDER

Writes FOLDER/audit.jsonl and FOLDER/audit.sql.  The SQL works where the
database does not keep the audit, as for a dump (docs/audit-format.md).
"""
import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "t"))
from verify_export import DECISION, canonical  # noqa: E402

ROW = {
    "decision_id": "01a21f68-9747-7000-8000-0ec0f31b1d5d", "seq": 0,
    "boot_id": "a4ced780-857e-4927-8b9b-11b0a00d26e1",
    "decided_at": "2026-11-27T23:47:57.895563Z",
    "finished_at": "2026-11-27T23:47:57.895717Z",
    "decision": "allow", "mode": "enforce", "reason_code": "permit", "reason": None,
    "policies": ["support_reads"], "policy_version": 1, "domain": "data",
    "agent": "spiffe://acme.test/agent/support", "on_behalf_of": None,
    "chain": '[{"id": "support-1", "kind": "agent", "issuer": "https://issuer.acme.test", '
             '"authority": null, "principal": "spiffe://acme.test/agent/support", '
             '"expires_at": "2100-01-01T00:00:00"}]',
    "depth": 0, "autonomy": 2, "purpose": None, "task_id": None, "trace_id": None,
    "token_kid": "rsa-1", "token_jti": "support-1",
    "token_sha256": "f5aaba69dfefc26530e0c2ca0bc97fb0e3624b41505d87747b6f637224d8a3a0",
    "db_role": "support_bot", "database": "app", "application_name": "psql",
    "client_addr": "192.0.2.7", "tls": True, "action": ["select"],
    "accesses": '[{"action": "select", "decision": "allow", "relation": "crm.customer", '
                '"row_filter": "( tenant = contauth.claim(\'tenant\') )"}]',
    "max_sensitivity": None, "statement_kind": "SELECT", "query_id": -4611686018427387904,
    "statement_sha256": "1e67debd92cd14e958dc87a58609f2f05b428d4c84db4a559b6b0be9932450fd",
    "statement": "SELECT count(*) FROM crm.customer", "rows_returned": 1,
    "rows_affected": None, "decision_us": 444, "execution_us": 154, "sqlstate": "00000",
    "approval_id": None, "context": None,
}


def main():
    count, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    before = bytes(32)
    with open(folder / "audit.jsonl", "w", encoding="utf-8", newline="\n") as export:
        for seq in range(1, count + 1):
            ROW["seq"] = seq
            form = canonical(b"contauth-decision-v1\n", DECISION, ROW)
            digest = hashlib.sha256(before + form).digest()
            export.write(json.dumps({**ROW, "prev_hash": before.hex(), "hash": digest.hex()},
                                    separators=(",", ":"), ensure_ascii=False) + "\n")
            before = digest
    columns = [c.split(":")[0] for c in DECISION.split()] + ["prev_hash", "hash"]
    values = [f"decode(j ->> '{c}', 'hex')" if c.endswith("_hash") or c == "hash" else
              f"ARRAY(SELECT jsonb_array_elements_text(j -> '{c}'))" if c in ("policies", "action") else
              f"(j ->> '{c}')::{t}" for c, t in zip(columns, types())]
    (folder / "audit.sql").write_text(
        "CREATE TEMP TABLE line (text text);\n"
        f"\\copy line FROM '{folder}/audit.jsonl' WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')\n"
        f"INSERT INTO contauth_audit.decision ({', '.join(columns)})\n"
        f"SELECT {', '.join(values)} FROM (SELECT text::jsonb AS j FROM line OFFSET 0) AS l;\nANALYZE;\n",
        encoding="utf-8")


def types():
    special = {"time": "timestamptz", "list": "text[]"}
    for column in DECISION.split():
        name, kind = column.split(":")
        yield "jsonb" if name in ("chain", "accesses", "context") else special.get(kind, kind)
    yield from ("bytea", "bytea")


main()
