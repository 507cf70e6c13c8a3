/*-------------------------------------------------------------------------
 *
 * fuzz_export.c
 *	  libFuzzer harness of exports: export_form.c and verify_export.c.
 *
 * An input is both files in one: lines that begin like a checkpoint are taken
 * as such, first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "verify_export.h"

#include "arena.h"
#include "fuzz.h"

#define CHECKPOINT_BEGINS	"{\"checkpoint_id\":"

/* The key of RFC 8037 appendix A, which has signed the seeds. */
static const char trusted[] =
"-----BEGIN PUBLIC KEY-----\n"
"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
"-----END PUBLIC KEY-----\n";

/* What is promised of a line that was read. */
static void
check_line(const char *line, size_t len)
{
	CaExportRecord record = {0};
	CaCheckpoint checkpoint;

	if (ca_export_record(line, len, &record))
	{
		PROMISE(record.form_len <= record.form_size);
		PROMISE(record.form_len > CA_SHA256_LEN);
	}
	pg_free(record.form);
	if (ca_export_checkpoint(line, len, &checkpoint))
	{
		PROMISE(strlen(checkpoint.key_id) <= CA_SIGNER_ID_LEN);
		PROMISE(strlen(checkpoint.alg) < sizeof(checkpoint.alg));
		PROMISE(checkpoint.public_key_len <= CA_SIGNER_SPKI_MAX);
	}
}

/* Hand the lines of one kind over, each in a buffer that ends with it. */
static int
take_lines(CaVerifier *v, const char *data, size_t size, bool checkpoints)
{
	const char *end = data + size;
	int			taken = 0;

	while (data < end)
	{
		const char *feed = memchr(data, '\n', end - data);
		size_t		len = (feed != NULL ? feed : end) - data;
		bool		is_checkpoint = len >= strlen(CHECKPOINT_BEGINS) &&
			memcmp(data, CHECKPOINT_BEGINS, strlen(CHECKPOINT_BEGINS)) == 0;

		if (is_checkpoint == checkpoints)
		{
			char	   *line = palloc(len + 1);

			memcpy(line, data, len);
			line[len] = '\0';
			check_line(line, len);
			(checkpoints ? ca_verifier_checkpoint : ca_verifier_record) (v, line, len);
			pfree(line);
			taken++;
		}
		data += len + (feed != NULL ? 1 : 0);
	}
	return taken;
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	static CaPublicKey *key = NULL;
	static CaVerifier v;
	const CaDamage *damage;
	const char *pem = trusted;
	size_t		len = sizeof(trusted) - 1;
	int			records;

	/* once, since it takes longer than all the rest */
	if (key == NULL)
		key = ca_signer_read_public(&pem, &len);
	memset(&v, 0, sizeof(v));
	v.from = 1;
	v.to = v.max_unsigned = PG_INT64_MAX;
	v.signatures = true;
	v.keys[v.nkeys++] = key;
	take_lines(&v, (const char *) data, size, true);
	records = take_lines(&v, (const char *) data, size, false);
	damage = ca_verifier_finish(&v);
	if (damage == NULL)
		PROMISE(v.checked == records && v.signed_seq <= v.checked);
	else
		PROMISE(damage->kind[0] != '\0' && damage->detail[0] != '\0');
	v.keys[0] = NULL;
	ca_verifier_free(&v);
}
