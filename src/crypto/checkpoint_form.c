/*-------------------------------------------------------------------------
 *
 * checkpoint_form.c
 *	  The canonical form of a checkpoint of the audit, and its signatures.
 *
 * The form is defined in docs/audit-format.md.  The worker that signs,
 * contauth_audit.verify() and the program contauth-verify call the functions
 * here; nothing of the server is used.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "crypto/checkpoint_form.h"
#include "port/pg_bswap.h"

/* Separates these signatures and digests from those of anything else. */
#define CA_CHECKPOINT_PREFIX	"contauth-checkpoint-v1\n"

/* A canonical form while it is put together. */
typedef struct Form
{
	unsigned char data[CA_CHECKPOINT_FORM_MAX];
	size_t		len;
} Form;

/* Append one value: that it is not NULL, its length, its bytes. */
static void
put_bytes(Form *form, const void *data, size_t len)
{
	uint32		swapped = pg_hton32((uint32) len);

	Assert(form->len + 1 + sizeof(swapped) + len <= sizeof(form->data));
	form->data[form->len++] = 1;
	memcpy(form->data + form->len, &swapped, sizeof(swapped));
	form->len += sizeof(swapped);
	memcpy(form->data + form->len, data, len);
	form->len += len;
}

/* Append a number of 8 bytes. */
static void
put_int64(Form *form, int64 value)
{
	uint64		swapped = pg_hton64((uint64) value);

	put_bytes(form, &swapped, sizeof(swapped));
}

/* Put the form of a checkpoint together. */
static void
make_form(const CaCheckpoint *checkpoint, Form *form)
{
	form->len = strlen(CA_CHECKPOINT_PREFIX);
	memcpy(form->data, CA_CHECKPOINT_PREFIX, form->len);
	put_int64(form, checkpoint->checkpoint_id);
	put_int64(form, checkpoint->seq);
	put_bytes(form, checkpoint->record_hash, CA_SHA256_LEN);
	put_int64(form, checkpoint->records);
	put_bytes(form, checkpoint->boot_id, CA_UUID_BYTES);
	put_int64(form, checkpoint->created_at);
	put_bytes(form, checkpoint->prev_checkpoint, CA_SHA256_LEN);
	put_bytes(form, checkpoint->key_id, strlen(checkpoint->key_id));
	put_bytes(form, checkpoint->alg, strlen(checkpoint->alg));
}

/* See the header. */
bool
ca_checkpoint_digest(const CaCheckpoint *checkpoint,
					 unsigned char digest[CA_SHA256_LEN])
{
	Form		form;

	make_form(checkpoint, &form);
	return ca_sha256(form.data, form.len, digest);
}

/* See the header. */
bool
ca_checkpoint_sign(CaCheckpoint *checkpoint, CaPublicKey *key,
				   CaPublicKey *previous)
{
	const CaSignatureAlg *alg = ca_signer_alg(key);
	Form		form;

	if (alg == NULL || !ca_signer_id(key, checkpoint->key_id))
		return false;
	strlcpy(checkpoint->alg, alg->name, sizeof(checkpoint->alg));
	checkpoint->public_key_len = ca_signer_to_der(key, checkpoint->public_key);
	if (checkpoint->public_key_len == 0)
		return false;
	make_form(checkpoint, &form);
	checkpoint->crossed = previous != NULL;
	if (previous != NULL &&
		!(ca_signer_id(previous, checkpoint->previous_key_id) &&
		  ca_signer_sign(previous, form.data, form.len,
						 checkpoint->previous_signature)))
		return false;
	return ca_signer_sign(key, form.data, form.len, checkpoint->signature);
}

/* Is sig over the checkpoint by the key that id names? */
static bool
verify(const CaCheckpoint *checkpoint, const unsigned char *sig,
	   const char *named_id, CaPublicKey *key)
{
	const CaSignatureAlg *alg = ca_signer_alg(key);
	char		id[CA_SIGNER_ID_LEN + 1];
	Form		form;

	if (alg == NULL || !ca_signer_id(key, id) || strcmp(id, named_id) != 0)
		return false;
	make_form(checkpoint, &form);
	return ca_signature_verify(alg, key, form.data, form.len, sig,
							   CA_SIGNER_SIG_LEN) == CA_SIGNATURE_GOOD;
}

/* See the header. */
bool
ca_checkpoint_signed_by(const CaCheckpoint *checkpoint, CaPublicKey *key)
{
	const CaSignatureAlg *alg = ca_signer_alg(key);

	return alg != NULL && strcmp(alg->name, checkpoint->alg) == 0 &&
		verify(checkpoint, checkpoint->signature, checkpoint->key_id, key);
}

/* See the header. */
bool
ca_checkpoint_crossed_by(const CaCheckpoint *checkpoint, CaPublicKey *key)
{
	return checkpoint->crossed &&
		verify(checkpoint, checkpoint->previous_signature,
			   checkpoint->previous_key_id, key);
}
