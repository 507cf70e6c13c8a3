/*-------------------------------------------------------------------------
 *
 * verify_export.c
 *	  Is an export of the audit as it was written and signed?
 *
 * Records are read in batches, hashed, and then held one after the other
 * against the one before, against what was verified earlier, and against the
 * checkpoints.  After the first damage the rest is only searched for the record
 * that is missing: is it gone, or does it stand elsewhere?  Memory is bounded
 * by a batch and the checkpoints.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "common/fe_memutils.h"
#include "sha256_many.h"
#include "verify_export.h"

/* Note damage, unless there is some already. */
static void
report(CaDamage *damage, const char *kind, int64 first_bad, const char *detail)
{
	if (damage->kind != NULL)
		return;
	damage->kind = kind;
	damage->first_bad = first_bad;
	strlcpy(damage->detail, detail, sizeof(damage->detail));
}

/* The same, about a checkpoint. */
static void
report_checkpoint(CaVerifier *v, const char *kind, int64 first_bad,
				  int64 checkpoint_id, const char *what)
{
	char		detail[sizeof(v->checkpoint_damage.detail)];

	snprintf(detail, sizeof(detail), "checkpoint %lld %s",
			 (long long) checkpoint_id, what);
	report(&v->checkpoint_damage, kind, first_bad, detail);
}

/* See verify_export.h. */
bool
ca_verifier_trust(CaVerifier *v, const char *pem, size_t len)
{
	do
	{
		CaPublicKey *key;

		if (v->nkeys == CA_VERIFIER_MAX_KEYS)
			return false;
		key = ca_signer_read_public(&pem, &len);
		if (key == NULL)
			return false;
		v->keys[v->nkeys++] = key;
	} while (len > 0);
	return true;
}

/*
 * The key that a checkpoint carries, if a key that is trusted has signed the
 * checkpoint, too: then it is trusted from here on.
 */
static bool
trust_successor(CaVerifier *v, const CaCheckpoint *c)
{
	CaPublicKey *key;
	bool		vouched = false;

	if (!c->crossed || v->nkeys == CA_VERIFIER_MAX_KEYS)
		return false;
	for (int i = 0; i < v->nkeys && !vouched; i++)
		vouched = ca_checkpoint_crossed_by(c, v->keys[i]);
	if (!vouched)
		return false;
	key = ca_signer_from_der(c->public_key, c->public_key_len);
	if (key == NULL || !ca_checkpoint_signed_by(c, key))
	{
		ca_pubkey_free(key);
		return false;
	}
	v->keys[v->nkeys++] = key;
	return true;
}

/* Is a checkpoint signed by a key that is trusted? */
static bool
is_trusted(CaVerifier *v, const CaCheckpoint *c)
{
	/* the newest key is the likeliest */
	for (int i = v->nkeys - 1; i >= 0; i--)
	{
		if (ca_checkpoint_signed_by(c, v->keys[i]))
			return true;
	}
	return trust_successor(v, c);
}

/* Why a checkpoint cannot follow the ones before, or NULL. */
static const char *
misfit(const CaVerifier *v, const CaCheckpoint *c)
{
	static const CaCheckpoint none = {0};
	const CaCheckpoint *last = v->ncheckpoints > 0 ?
	&v->checkpoints[v->ncheckpoints - 1] : &none;
	unsigned char digest[CA_SHA256_LEN] = {0};

	if (v->ncheckpoints > 0 && !ca_checkpoint_digest(last, digest))
		return "cannot be hashed";
	if (c->checkpoint_id != last->checkpoint_id + 1 ||
		memcmp(c->prev_checkpoint, digest, CA_SHA256_LEN) != 0)
		return "is not chained to the one before";
	if (c->seq < 1 || c->seq < last->seq || c->records != c->seq - last->seq)
		return "does not continue the one before";
	return NULL;
}

/* Keep a good checkpoint. */
static void
keep_checkpoint(CaVerifier *v, const CaCheckpoint *c)
{
	if (v->ncheckpoints == v->maxcheckpoints)
	{
		v->maxcheckpoints = Max(64, 2 * v->maxcheckpoints);
		v->checkpoints = v->checkpoints == NULL ?
			pg_malloc(sizeof(CaCheckpoint) * v->maxcheckpoints) :
			pg_realloc(v->checkpoints, sizeof(CaCheckpoint) * v->maxcheckpoints);
	}
	v->checkpoints[v->ncheckpoints++] = *c;
}

/* See verify_export.h. */
void
ca_verifier_checkpoint(CaVerifier *v, const char *line, size_t len)
{
	CaCheckpoint c;
	int64		last_id;
	int64		first_bad;
	const char *problem;

	/* what comes behind a bad one is not chained to anything good */
	if (v->checkpoint_damage.kind != NULL)
		return;
	last_id = v->ncheckpoints > 0 ? v->checkpoints[v->ncheckpoints - 1].checkpoint_id : 0;
	first_bad = v->ncheckpoints > 0 ? v->checkpoints[v->ncheckpoints - 1].seq + 1 : 1;
	if (!ca_export_checkpoint(line, len, &c))
		report_checkpoint(v, "malformed", first_bad, last_id + 1,
						  "is not a line of an export");
	else if (!is_trusted(v, &c))
		report_checkpoint(v, "checkpoint_forged", first_bad, c.checkpoint_id,
						  "is not signed by a key that is trusted");
	else if (c.checkpoint_id > last_id + 1)
		report_checkpoint(v, "checkpoint_missing", first_bad, last_id + 1,
						  "is not there");
	else if ((problem = misfit(v, &c)) != NULL)
		report_checkpoint(v, "checkpoint_forged", first_bad, c.checkpoint_id,
						  problem);
	else
		keep_checkpoint(v, &c);
}

/* Is a digest the one that the record says? */
static bool
has_hash(const CaExportRecord *record, const unsigned char *digest)
{
	return memcmp(digest, record->hash, CA_SHA256_LEN) == 0;
}

/* Is it the record that belongs at the expected number, wherever it stands? */
static bool
belongs_here(CaVerifier *v, CaExportRecord *record)
{
	unsigned char digest[CA_SHA256_LEN];
	int64		seq = record->seq;
	bool		ok;

	if (!v->anchored || memcmp(record->form, v->prev, CA_SHA256_LEN) != 0)
		return false;
	ca_export_renumber(record, v->expected);
	ok = ca_sha256(record->form, record->form_len, digest) &&
		has_hash(record, digest);
	ca_export_renumber(record, seq);
	return ok;
}

/* From now on, look for the record that should be here. */
static void
look_for(CaVerifier *v, const char *kind, int64 first_bad, const char *detail)
{
	report(&v->damage, kind, first_bad, detail);
	v->looking = true;
}

/* A record was found to stand elsewhere than it belongs. */
static void
found_elsewhere(CaVerifier *v)
{
	v->damage.kind = NULL;
	report(&v->damage, "reordered", v->expected,
		   "the record that belongs here stands elsewhere");
	v->looking = false;
}

/* Hold a good record against what was verified before. */
static void
check_after(CaVerifier *v, const CaExportRecord *record)
{
	if (v->after_seq == 0 || record->seq != v->after_seq)
		return;
	v->after_met = true;
	if (memcmp(record->hash, v->after_hash, CA_SHA256_LEN) != 0)
		report(&v->damage, "rewritten", record->seq,
			   "not the record that was verified before");
}

/* Hold a good record against the checkpoints that were made at it. */
static void
check_checkpoints(CaVerifier *v, const CaExportRecord *record)
{
	while (v->next_checkpoint < v->ncheckpoints && v->damage.kind == NULL)
	{
		const CaCheckpoint *c = &v->checkpoints[v->next_checkpoint];

		if (c->seq > record->seq)
			break;
		v->next_checkpoint++;
		if (c->seq < record->seq)
			continue;
		if (memcmp(c->record_hash, record->hash, CA_SHA256_LEN) == 0)
		{
			v->signed_seq = c->seq;
			continue;
		}
		snprintf(v->damage.detail, sizeof(v->damage.detail),
				 "not what checkpoint %lld was made at",
				 (long long) c->checkpoint_id);
		v->damage.kind = "rewritten";
		v->damage.first_bad = Max(v->signed_seq + 1, v->first);
	}
}

/* Check a record that has the expected number. */
static void
check_content(CaVerifier *v, CaExportRecord *record,
			  const unsigned char *digest)
{
	bool		chained = !v->anchored ||
	memcmp(record->form, v->prev, CA_SHA256_LEN) == 0;

	if (!has_hash(record, digest))
		look_for(v, "edited", record->seq, "the content does not give the hash");
	else if (!chained)
		look_for(v, "edited", Max(record->seq - 1, v->first),
				 "the next record was chained to another one");
	else
	{
		check_after(v, record);
		check_checkpoints(v, record);
		if (v->damage.kind != NULL)
			return;
		memcpy(v->prev, record->hash, CA_SHA256_LEN);
		v->anchored = true;
		v->expected++;
		v->checked++;
	}
}

/* The first record decides where the export begins. */
static void
begin(CaVerifier *v, const CaExportRecord *record)
{
	v->expected = v->from;
	v->anchored = v->from == 1; /* to 32 zero bytes */
	if (v->after_open && record->seq == v->after_seq)
	{
		v->expected = record->seq;
		v->anchored = record->seq == 1;
	}
	v->first = v->expected;
	v->signed_seq = v->expected - 1;
}

/* Check one record of a batch. */
static void
check_record(CaVerifier *v, CaExportRecord *record,
			 const unsigned char *digest)
{
	if (v->first == 0)
		begin(v, record);
	if (v->looking)
	{
		if (record->seq == v->expected || belongs_here(v, record))
			found_elsewhere(v);
	}
	else if (v->damage.kind != NULL)
		return;
	else if (record->seq < v->expected)
		report(&v->damage, "duplicated", record->seq,
			   "the number is there twice, or before the first");
	else if (record->seq > v->expected)
	{
		look_for(v, "missing", v->expected, "later ones are there");
		if (belongs_here(v, record))
			found_elsewhere(v);
	}
	else
		check_content(v, record, digest);
}

/* Check what has gathered. */
static void
flush(CaVerifier *v)
{
	CaHashJob	jobs[CA_VERIFIER_BATCH];

	for (int i = 0; i < v->nbatch; i++)
	{
		jobs[i].data = v->batch[i].form;
		jobs[i].len = v->batch[i].form_len;
		memset(jobs[i].digest, 0, CA_SHA256_LEN);
	}

	/* a digest that could not be computed is a wrong one */
	(void) ca_sha256_many(jobs, v->nbatch);
	for (int i = 0; i < v->nbatch; i++)
		check_record(v, &v->batch[i], jobs[i].digest);
	v->nbatch = 0;
}

/* See verify_export.h. */
void
ca_verifier_record(CaVerifier *v, const char *line, size_t len)
{
	if (v->damage.kind != NULL && !v->looking)
		return;
	if (ca_export_record(line, len, &v->batch[v->nbatch]))
	{
		if (++v->nbatch == CA_VERIFIER_BATCH)
			flush(v);
		return;
	}
	flush(v);
	report(&v->damage, "malformed", v->first == 0 ? v->from : v->expected,
		   "not a line of an export");
}

/* The records end: do they reach as far as they must? */
static void
check_end(CaVerifier *v)
{
	if (v->first == 0)
	{
		v->first = v->expected = v->from;
		v->signed_seq = v->from - 1;
	}
	if (v->damage.kind != NULL)
		return;
	if (v->to != PG_INT64_MAX && v->expected <= v->to)
		report(&v->damage, "truncated", v->expected, "the export ends before");
	else if (v->after_seq > 0 && !v->after_met)
		report(&v->damage, "truncated", v->expected,
			   "the record that was verified before is not there");
	while (v->next_checkpoint < v->ncheckpoints &&
		   v->checkpoints[v->next_checkpoint].seq < v->first)
		v->next_checkpoint++;
	if (v->next_checkpoint < v->ncheckpoints &&
		v->checkpoints[v->next_checkpoint].seq <= v->to)
		report(&v->damage, "truncated", v->expected,
			   "a checkpoint was made at a later record");
	if (v->signatures && v->expected - 1 - v->signed_seq > v->max_unsigned)
		report(&v->damage, "checkpoint_missing", v->signed_seq + 1,
			   "no checkpoint was made since");
}

/* See verify_export.h. */
const CaDamage *
ca_verifier_finish(CaVerifier *v)
{
	flush(v);
	check_end(v);
	if (v->checkpoint_damage.kind == NULL ||
		(v->damage.kind != NULL &&
		 v->damage.first_bad <= v->checkpoint_damage.first_bad))
		return v->damage.kind != NULL ? &v->damage : NULL;
	return &v->checkpoint_damage;
}

/* See verify_export.h. */
void
ca_verifier_free(CaVerifier *v)
{
	for (int i = 0; i < v->nkeys; i++)
		ca_pubkey_free(v->keys[i]);
	for (int i = 0; i < CA_VERIFIER_BATCH; i++)
		pg_free(v->batch[i].form);
	pg_free(v->checkpoints);
}
