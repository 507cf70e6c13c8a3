/*-------------------------------------------------------------------------
 *
 * unit_export.c
 *	  Lines of an export, as contauth-verify reads them.
 *
 * A failure means that a line is read otherwise than docs/audit-format.md says,
 * or that something is taken for a line that is none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "sha256_many.h"
#include "verify_export.h"

#include "arena.h"
#include "port/pg_bswap.h"
#include "tap.h"

/* A record and a checkpoint of a server. */
static const char real_record[] =
"{\"decision_id\":\"01a21f68-9747-7000-8000-0ec0f31b1d5d\",\"seq\":2,\"bo"
"ot_id\":\"a4ced780-857e-4927-8b9b-11b0a00d26e1\",\"decided_at\":\"2026-1"
"1-27T23:47:57.895563Z\",\"finished_at\":\"2026-11-27T23:47:57.895717Z\","
"\"decision\":\"allow\",\"mode\":\"enforce\",\"reason_code\":\"permit\","
"\"reason\":null,\"policies\":[\"support_reads\"],\"policy_version\":1,\""
"domain\":\"data\",\"agent\":\"spiffe://acme.test/agent/support\",\"on_be"
"half_of\":null,\"chain\":\"[{\\\"id\\\": \\\"support-1\\\", \\\"kind\\\""
": \\\"agent\\\", \\\"issuer\\\": \\\"https://issuer.acme.test\\\", \\\"a"
"uthority\\\": null, \\\"principal\\\": \\\"spiffe://acme.test/agent/supp"
"ort\\\", \\\"expires_at\\\": \\\"2100-01-01T00:00:00\\\"}]\",\"depth\":0"
",\"autonomy\":2,\"purpose\":null,\"task_id\":null,\"trace_id\":null,\"to"
"ken_kid\":\"rsa-1\",\"token_jti\":\"support-1\",\"token_sha256\":\"f5aab"
"a69dfefc26530e0c2ca0bc97fb0e3624b41505d87747b6f637224d8a3a0\",\"db_role"
"\":\"regress_contauth_agent\",\"database\":\"contrib_regression\",\"appl"
"ication_name\":\"psql\",\"client_addr\":null,\"tls\":false,\"action\":["
"\"select\"],\"accesses\":\"[{\\\"action\\\": \\\"select\\\", \\\"decisio"
"n\\\": \\\"allow\\\", \\\"relation\\\": \\\"crm.customer\\\", \\\"row_fi"
"lter\\\": \\\"( tenant = contauth.claim('tenant') )\\\"}]\",\"max_sensit"
"ivity\":null,\"statement_kind\":\"SELECT\",\"query_id\":null,\"statement"
"_sha256\":\"1e67debd92cd14e958dc87a58609f2f05b428d4c84db4a559b6b0be99324"
"50fd\",\"statement\":\"SELECT count(*) FROM crm.customer\",\"rows_return"
"ed\":1,\"rows_affected\":null,\"decision_us\":444,\"execution_us\":154,"
"\"sqlstate\":\"00000\",\"approval_id\":null,\"context\":null,\"prev_hash"
"\":\"063b28abe6a7c65d55ff29cc148a257b65b39b4100260b7250bf9317518b2a46\","
"\"hash\":\"d59ba577a4fdd953bde8412a2a24e37bfb87bd9bc27b27167b6619960527e"
"c16\"}";

static const char real_checkpoint[] =
"{\"checkpoint_id\":3,\"seq\":4,\"record_hash\":\"e25d344623defb9cc676c6b"
"d22cb0faf00057698ac1edcc9d7553b4d6d19af67\",\"records\":0,\"boot_id\":\""
"a4ced780-857e-4927-8b9b-11b0a00d26e1\",\"created_at\":\"2026-11-27T23:48"
":00.422923Z\",\"prev_checkpoint\":\"447cac58891c8321ac7de0e58b1db7a20ec5"
"9ccbb6f25c010cafe24c635d6803\",\"key_id\":\"lX-6GGGwdboklP_UueOzIF-NXIYn"
"EzY1njrF8ljmq5s\",\"alg\":\"ES256\",\"signature\":\"1d912b6d6d229c83a3ac"
"08d03e67a0fbc3d753c74d7ce80a08784b53a54bbebde0a22732a0fa0932569079326ba3"
"76d672818fa93de48991646af8a6325f4a65\",\"public_key\":\"3059301306072a86"
"48ce3d020106082a8648ce3d03010703420004e9246c28acd02b678c1cf8f09fd0c380f3"
"05490f3a048aa83207123465b52c43a86a577d1be5fb518341cf47d62bd751261fcf2849"
"435519b3c25a09eae33827\",\"previous_key_id\":\"kPrK_qmxVWaYVA9wwBF6Iuo3v"
"Vzz7TxHCTwXBygrS4k\",\"previous_signature\":\"61b9cb8580a31a3a47d32e50e2"
"f0bfe7abfd4775e5d7de222e903f1283758e39b75fc451ca5e49201a999ef2d27aee5e00"
"498954a83ef435ba7d12b8e69b2c04\"}";

/* Members, with nothing in them but what is never null. */
static const char *const names[] = {
	"decision_id", "seq", "boot_id", "decided_at", "finished_at", "decision",
	"mode", "reason_code", "reason", "policies", "policy_version", "domain",
	"agent", "on_behalf_of", "chain", "depth", "autonomy", "purpose",
	"task_id", "trace_id", "token_kid", "token_jti", "token_sha256", "db_role",
	"database", "application_name", "client_addr", "tls", "action", "accesses",
	"max_sensitivity", "statement_kind", "query_id", "statement_sha256",
	"statement", "rows_returned", "rows_affected", "decision_us",
	"execution_us", "sqlstate", "approval_id", "context"
};

#define ZERO_ID		"\"00000000-0000-0000-0000-000000000000\""
#define ZERO_HASH	"\"0000000000000000000000000000000000000000000000000000000000000000\""

/* Bytes of the form before finished_at: prefix, decision_id, seq, two nulls. */
#define TIME_OFFSET (CA_SHA256_LEN + 21 + 21 + 13 + 2)

/* A line in which one member has a value; exactly as long as it needs to be. */
static char *
line_with(const char *name, const char *value, size_t *len)
{
	static char text[4096];
	char	   *line;
	int			n = 0;

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		const char *content = i == 0 ? ZERO_ID : i == 1 ? "7" : "null";

		if (strcmp(names[i], name) == 0)
			content = value;
		n += snprintf(text + n, sizeof(text) - n, "%c\"%s\":%s",
					  i == 0 ? '{' : ',', names[i], content);
	}
	n += snprintf(text + n, sizeof(text) - n,
				  ",\"prev_hash\":" ZERO_HASH ",\"hash\":" ZERO_HASH "}");
	line = palloc(n + 1);
	memcpy(line, text, n + 1);
	*len = n;
	return line;
}

/* Read such a line. */
static bool
read_with(const char *name, const char *value, CaExportRecord *record)
{
	size_t		len;
	char	   *line = line_with(name, value, &len);

	return ca_export_record(line, len, record);
}

/* Which values are accepted where. */
static void
test_values(void)
{
	static const struct
	{
		const char *name;
		const char *value;
		bool		good;
	}			cases[] = {
		{"seq", "7", true},
		{"seq", "null", false},
		{"decision_id", "null", false},
		{"query_id", "0", true},
		{"query_id", "-1", true},
		{"query_id", "9223372036854775807", true},
		{"query_id", "-9223372036854775808", true},
		{"query_id", "9223372036854775808", false},
		{"query_id", "-9223372036854775809", false},
		{"query_id", "99999999999999999999", false},
		{"query_id", "-0", false},
		{"query_id", "07", false},
		{"query_id", "-", false},
		{"query_id", "1.0", false},
		{"query_id", "1e3", false},
		{"query_id", "+1", false},
		{"query_id", "\"1\"", false},
		{"query_id", "", false},
		{"depth", "2147483647", true},
		{"depth", "-2147483648", true},
		{"depth", "2147483648", false},
		{"depth", "-2147483649", false},
		{"tls", "true", true},
		{"tls", "false", true},
		{"tls", "tru", false},
		{"tls", "1", false},
		{"boot_id", "\"01a21f68-9745-7000-8000-06c0f31b1d5d\"", true},
		{"boot_id", "\"01A21F68-9745-7000-8000-06C0F31B1D5D\"", false},
		{"boot_id", "\"01a21f6897457000800006c0f31b1d5d\"", false},
		{"boot_id", "\"01a21f68-9745-7000-8000-06c0f31b1d5\"", false},
		{"boot_id", "\"\"", false},
		{"finished_at", "\"2026-11-27T23:47:57.893737Z\"", true},
		{"finished_at", "\"2026-11-27T23:47:57Z\"", false},
		{"finished_at", "\"2026-11-27T23:47:57.893737+00\"", false},
		{"finished_at", "\"2026-13-27T23:47:57.893737Z\"", false},
		{"finished_at", "\"2026-11-00T23:47:57.893737Z\"", false},
		{"finished_at", "\"2026-11-27T24:47:57.893737Z\"", false},
		{"finished_at", "\"0000-11-27T23:47:57.893737Z\"", false},
		{"reason", "\"\"", true},
		{"reason", "\"a \\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u001f\"", true},
		{"reason", "\"\\ud83d\\ude00\"", true},
		{"reason", "\"\\ud83d\"", false},
		{"reason", "\"\\ud83d\\u0041\"", false},
		{"reason", "\"\\ude00\"", false},
		{"reason", "\"\\u0000\"", false},
		{"reason", "\"\\u00g0\"", false},
		{"reason", "\"\\x\"", false},
		{"reason", "\"\t\"", false},
		{"reason", "\"", false},
		{"reason", "\"\\", false},
		{"reason", "x", false},
		{"reason", "nul", false},
		{"reason", "\"a\" ", false},
		{"policies", "[]", true},
		{"policies", "[\"a\"]", true},
		{"policies", "[\"a\",null,\"\"]", true},
		{"policies", "[null]", true},
		{"policies", "[\"a\",]", false},
		{"policies", "[,]", false},
		{"policies", "[\"a\"", false},
		{"policies", "[1]", false},
		{"policies", "\"a\"", false},
		{"policies", "[[\"a\"]]", false},
	};
	CaExportRecord record = {0};

	for (int i = 0; i < (int) lengthof(cases); i++)
		tap_ok(read_with(cases[i].name, cases[i].value, &record) == cases[i].good,
			   cases[i].name, cases[i].value);
	tap_ok(record.form_len <= record.form_size, "form", "within its room");
	pg_free(record.form);
}

/* Two values of a member: the same form, or another? */
static bool
same_form(const char *name, const char *one, const char *other)
{
	CaExportRecord first = {0};
	CaExportRecord second = {0};

	return read_with(name, one, &first) && read_with(name, other, &second) &&
		first.form_len == second.form_len &&
		memcmp(first.form, second.form, first.form_len) == 0;
}

/* Values are what they mean, not how they are written. */
static void
test_meanings(void)
{
	tap_ok(same_form("reason", "\"\\u00e9\"", "\"\303\251\""), "text", "2 bytes");
	tap_ok(same_form("reason", "\"\\u20ac\"", "\"\342\202\254\""), "text", "3 bytes");
	tap_ok(same_form("reason", "\"\\ud83d\\ude00\"", "\"\360\237\230\200\""),
		   "text", "4 bytes");
	tap_ok(same_form("reason", "\"\\/\"", "\"/\""), "text", "escaped slash");
	tap_ok(same_form("reason", "\"\\u0041\"", "\"A\""), "text", "escaped letter");
	tap_ok(!same_form("reason", "\"\"", "null"), "text", "empty is not null");
	tap_ok(!same_form("policies", "[]", "null"), "list", "empty is not null");
	tap_ok(!same_form("policies", "[null]", "[\"\"]"), "list", "nor its element");
	tap_ok(!same_form("policies", "[\"a\",\"b\"]", "[\"a,b\"]"), "list", "elements");
	tap_ok(!same_form("tls", "true", "false"), "boolean", "true and false");
}

/* Times as microseconds since 2000. */
static void
test_times(void)
{
	static const struct
	{
		const char *text;
		int64		value;
	}			cases[] = {
		{"\"2000-01-01T00:00:00.000000Z\"", 0},
		{"\"1999-12-31T23:59:59.999999Z\"", -1},
		{"\"2000-03-01T00:00:00.000000Z\"", INT64CONST(5184000000000)},
		{"\"2024-02-29T12:00:00.000001Z\"", INT64CONST(762523200000001)},
		{"\"2026-11-27T23:47:57.893737Z\"", INT64CONST(849138477893737)},
		{"\"2100-03-01T00:00:00.000000Z\"", INT64CONST(3160857600000000)},
		{"\"0001-01-01T00:00:00.000000Z\"", INT64CONST(-63082281600000000)},
		{"\"9999-12-31T23:59:59.999999Z\"", INT64CONST(252455615999999999)},
	};
	CaExportRecord record = {0};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		uint64		value = 0;
		bool		good = read_with("finished_at", cases[i].text, &record);

		if (good)
			memcpy(&value, record.form + TIME_OFFSET + 5, sizeof(value));
		tap_ok(good && (int64) pg_ntoh64(value) == cases[i].value, "time",
			   cases[i].text);
	}
	pg_free(record.form);
}

/* Each prefix of a real line, in a buffer that ends with it. */
static void
test_prefixes(const char *line, size_t len, bool is_record)
{
	CaExportRecord record = {0};
	CaCheckpoint checkpoint;
	int			accepted = 0;

	for (size_t n = 0; n <= len; n++)
	{
		char	   *copy = palloc(n + 1);

		memcpy(copy, line, n);
		copy[n] = '\0';
		if (is_record ? ca_export_record(copy, n, &record) :
			ca_export_checkpoint(copy, n, &checkpoint))
			accepted++;
		pfree(copy);
	}
	tap_is(accepted, 1, "prefixes", is_record ? "record" : "checkpoint");
	pg_free(record.form);
}

/* What a server has written has the hash that it says, and the signature. */
static void
test_real(void)
{
	CaExportRecord record = {0};
	CaCheckpoint checkpoint;
	CaPublicKey *key;
	unsigned char hash[CA_SHA256_LEN];

	tap_ok(ca_export_record(real_record, sizeof(real_record) - 1, &record),
		   "real", "record");
	tap_ok(ca_sha256(record.form, record.form_len, hash) &&
		   memcmp(hash, record.hash, CA_SHA256_LEN) == 0, "real", "its hash");
	ca_export_renumber(&record, record.seq + 1);
	tap_ok(ca_sha256(record.form, record.form_len, hash) &&
		   memcmp(hash, record.hash, CA_SHA256_LEN) != 0, "real",
		   "not with another number");
	tap_ok(!ca_export_record(real_record, sizeof(real_record) - 2, &record),
		   "real", "a NUL elsewhere than at the end");
	tap_ok(ca_export_checkpoint(real_checkpoint, sizeof(real_checkpoint) - 1,
								&checkpoint), "real", "checkpoint");
	key = ca_signer_from_der(checkpoint.public_key, checkpoint.public_key_len);
	tap_ok(key != NULL && ca_checkpoint_signed_by(&checkpoint, key),
		   "real", "its signature");
	ca_pubkey_free(key);
	pg_free(record.form);
}

/* Texts of all lengths up to some blocks, in changing company. */
static void
test_many(CaHashWay way, const char *name)
{
	static unsigned char data[700];
	CaHashJob	jobs[37];
	unsigned char digest[CA_SHA256_LEN];
	bool		same = true;

	for (int i = 0; i < (int) sizeof(data); i++)
		data[i] = i * 31 + i / 7;
	for (int len = 0; len < (int) sizeof(data); len++)
	{
		for (int i = 0; i < (int) lengthof(jobs); i++)
		{
			jobs[i].data = data;
			jobs[i].len = (len + i * 37) % sizeof(data);
		}
		same &= ca_sha256_many_by(way, jobs, lengthof(jobs) - len % 20);
		for (int i = 0; i < (int) lengthof(jobs) - len % 20; i++)
			same &= ca_sha256(data, jobs[i].len, digest) &&
				memcmp(digest, jobs[i].digest, CA_SHA256_LEN) == 0;
	}
	tap_ok(same, name, "the digests of OpenSSL");
}

/* Each way that this processor has, and the one that is taken. */
static void
test_ways(void)
{
	CaHashJob	jobs[2] = {{(const unsigned char *) "abc", 3, {0}},
	{(const unsigned char *) "", 0, {0}}};
	unsigned char digest[CA_SHA256_LEN];

	test_many(CA_HASH_OPENSSL, "one by one");
	if (ca_hash_way_exists(CA_HASH_8_LANES))
		test_many(CA_HASH_8_LANES, "8 lanes");
	if (ca_hash_way_exists(CA_HASH_16_LANES))
		test_many(CA_HASH_16_LANES, "16 lanes");
	tap_ok(ca_sha256_many(jobs, 2) && ca_sha256("abc", 3, digest) &&
		   memcmp(digest, jobs[0].digest, CA_SHA256_LEN) == 0,
		   "the fastest way", "the digest of OpenSSL");
}

int
main(void)
{
	test_ways();
	test_values();
	test_meanings();
	test_times();
	test_prefixes(real_record, sizeof(real_record) - 1, true);
	test_prefixes(real_checkpoint, sizeof(real_checkpoint) - 1, false);
	test_real();
	arena_reset();
	return tap_done();
}
