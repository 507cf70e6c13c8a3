/*-------------------------------------------------------------------------
 *
 * checkpoint_table.c
 *	  The table contauth_audit.checkpoint: its columns and access to it.
 *
 * The audit worker writes, verify() reads.  All names are schema-qualified.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/checkpoint_table.h"
#include "audit/decision_table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

const char *const ca_checkpoint_columns =
"c.checkpoint_id, c.seq, c.record_hash, c.records, c.boot_id, c.created_at,"
" c.prev_checkpoint, c.key_id, c.alg, c.signature, c.public_key,"
" c.previous_key_id, c.previous_signature";

/* Columns, from 1. */
enum
{
	COL_ID = 1,
	COL_SEQ,
	COL_RECORD_HASH,
	COL_RECORDS,
	COL_BOOT_ID,
	COL_CREATED_AT,
	COL_PREV_CHECKPOINT,
	COL_KEY_ID,
	COL_ALG,
	COL_SIGNATURE,
	COL_PUBLIC_KEY,
	COL_PREVIOUS_KEY_ID,
	COL_PREVIOUS_SIGNATURE
};

/* A row while it is read. */
typedef struct Row
{
	HeapTuple	tuple;
	TupleDesc	desc;
} Row;

/* A number; 0 for NULL. */
static int64
get_int64(const Row *row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row->tuple, row->desc, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* Copy a bytea of at most size bytes; its length, 0 for NULL and a longer one. */
static size_t
get_bytes(const Row *row, int column, unsigned char *out, size_t size)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row->tuple, row->desc, column, &isnull);
	bytea	   *bytes;

	if (isnull)
		return 0;
	bytes = DatumGetByteaPP(value);
	if (VARSIZE_ANY_EXHDR(bytes) > size)
		return 0;
	memcpy(out, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	return VARSIZE_ANY_EXHDR(bytes);
}

/* Copy a text that fits into size bytes with its NUL. */
static bool
get_text(const Row *row, int column, char *out, size_t size)
{
	char	   *value = SPI_getvalue(row->tuple, row->desc, column);

	return value != NULL && strlcpy(out, value, size) < size;
}

/* The second signature: all of it, or nothing. */
static bool
get_crossed(const Row *row, CaCheckpoint *checkpoint)
{
	char	   *id = SPI_getvalue(row->tuple, row->desc, COL_PREVIOUS_KEY_ID);

	checkpoint->crossed = id != NULL;
	if (!checkpoint->crossed)
		return true;
	return strlcpy(checkpoint->previous_key_id, id,
				   sizeof(checkpoint->previous_key_id)) == CA_SIGNER_ID_LEN &&
		get_bytes(row, COL_PREVIOUS_SIGNATURE, checkpoint->previous_signature,
				  CA_SIGNER_SIG_LEN) == CA_SIGNER_SIG_LEN;
}

/* See checkpoint_table.h. */
bool
ca_checkpoint_from_row(HeapTuple tuple, TupleDesc desc,
					   CaCheckpoint *checkpoint)
{
	Row			row = {tuple, desc};
	bool		isnull;
	Datum		boot_id = SPI_getbinval(tuple, desc, COL_BOOT_ID, &isnull);

	memset(checkpoint, 0, sizeof(*checkpoint));
	checkpoint->checkpoint_id = get_int64(&row, COL_ID);
	checkpoint->seq = get_int64(&row, COL_SEQ);
	checkpoint->records = get_int64(&row, COL_RECORDS);
	checkpoint->created_at = get_int64(&row, COL_CREATED_AT);
	if (isnull)
		return false;
	memcpy(checkpoint->boot_id, DatumGetUUIDP(boot_id)->data, UUID_LEN);
	checkpoint->public_key_len = get_bytes(&row, COL_PUBLIC_KEY,
										   checkpoint->public_key,
										   CA_SIGNER_SPKI_MAX);
	return get_bytes(&row, COL_RECORD_HASH, checkpoint->record_hash,
					 CA_SHA256_LEN) == CA_SHA256_LEN &&
		get_bytes(&row, COL_PREV_CHECKPOINT, checkpoint->prev_checkpoint,
				  CA_SHA256_LEN) == CA_SHA256_LEN &&
		get_bytes(&row, COL_SIGNATURE, checkpoint->signature,
				  CA_SIGNER_SIG_LEN) == CA_SIGNER_SIG_LEN &&
		get_text(&row, COL_KEY_ID, checkpoint->key_id,
				 sizeof(checkpoint->key_id)) &&
		get_text(&row, COL_ALG, checkpoint->alg, sizeof(checkpoint->alg)) &&
		get_crossed(&row, checkpoint) &&
		checkpoint->public_key_len > 0;
}

/* See checkpoint_table.h. */
bool
ca_checkpoint_newest(CaCheckpoint *checkpoint)
{
	int64		id;

	if (SPI_execute(psprintf("SELECT %s FROM contauth_audit.checkpoint AS c"
							 " ORDER BY c.checkpoint_id DESC LIMIT 1",
							 ca_checkpoint_columns), true, 1) != SPI_OK_SELECT)
		elog(ERROR, "reading contauth_audit.checkpoint failed");
	memset(checkpoint, 0, sizeof(*checkpoint));
	if (SPI_processed == 0)
		return false;
	if (!ca_checkpoint_from_row(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								checkpoint))
	{
		id = checkpoint->checkpoint_id;
		memset(checkpoint, 0, sizeof(*checkpoint));
		checkpoint->checkpoint_id = id;
	}
	return true;
}

/* Bytes as a datum. */
static Datum
bytes_datum(const unsigned char *data, size_t len)
{
	bytea	   *bytes = palloc(VARHDRSZ + len);

	SET_VARSIZE(bytes, VARHDRSZ + len);
	memcpy(VARDATA(bytes), data, len);
	return PointerGetDatum(bytes);
}

/*
 * See checkpoint_table.h.
 *
 * SECURITY: the worker writes as superuser; see ca_decision_table_find().
 */
bool
ca_checkpoint_table_hold(void)
{
	Oid			extension = get_extension_oid("contauth", true);
	Oid			schema = get_namespace_oid(CA_AUDIT_SCHEMA, true);
	Oid			relation = InvalidOid;

	if (OidIsValid(schema))
		relation = get_relname_relid("checkpoint", schema);
	return OidIsValid(relation) && OidIsValid(extension) &&
		ConditionalLockRelationOid(relation, RowExclusiveLock) &&
		getExtensionOfObject(RelationRelationId, relation) == extension;
}

/* The values of a row, in the order of the columns. */
static void
make_values(const CaCheckpoint *c, Datum *values, char *nulls)
{
	pg_uuid_t  *boot_id = palloc(sizeof(pg_uuid_t));

	memcpy(boot_id->data, c->boot_id, UUID_LEN);
	values[COL_ID - 1] = Int64GetDatum(c->checkpoint_id);
	values[COL_SEQ - 1] = Int64GetDatum(c->seq);
	values[COL_RECORD_HASH - 1] = bytes_datum(c->record_hash, CA_SHA256_LEN);
	values[COL_RECORDS - 1] = Int64GetDatum(c->records);
	values[COL_BOOT_ID - 1] = UUIDPGetDatum(boot_id);
	values[COL_CREATED_AT - 1] = TimestampTzGetDatum(c->created_at);
	values[COL_PREV_CHECKPOINT - 1] = bytes_datum(c->prev_checkpoint,
												  CA_SHA256_LEN);
	values[COL_KEY_ID - 1] = CStringGetTextDatum(c->key_id);
	values[COL_ALG - 1] = CStringGetTextDatum(c->alg);
	values[COL_SIGNATURE - 1] = bytes_datum(c->signature, CA_SIGNER_SIG_LEN);
	values[COL_PUBLIC_KEY - 1] = bytes_datum(c->public_key, c->public_key_len);
	memset(nulls, ' ', CA_CHECKPOINT_NCOLUMNS);
	if (c->crossed)
	{
		values[COL_PREVIOUS_KEY_ID - 1] = CStringGetTextDatum(c->previous_key_id);
		values[COL_PREVIOUS_SIGNATURE - 1] =
			bytes_datum(c->previous_signature, CA_SIGNER_SIG_LEN);
	}
	else
		nulls[COL_PREVIOUS_KEY_ID - 1] = nulls[COL_PREVIOUS_SIGNATURE - 1] = 'n';
}

/* See checkpoint_table.h. */
void
ca_checkpoint_insert(const CaCheckpoint *checkpoint)
{
	static const char *const sql =
	"INSERT INTO contauth_audit.checkpoint"
	" (checkpoint_id, seq, record_hash, records, boot_id, created_at,"
	" prev_checkpoint, key_id, alg, signature, public_key, previous_key_id,"
	" previous_signature)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
	Oid			types[CA_CHECKPOINT_NCOLUMNS] = {
		INT8OID, INT8OID, BYTEAOID, INT8OID, UUIDOID, TIMESTAMPTZOID, BYTEAOID,
		TEXTOID, TEXTOID, BYTEAOID, BYTEAOID, TEXTOID, BYTEAOID
	};
	Datum		values[CA_CHECKPOINT_NCOLUMNS] = {0};
	char		nulls[CA_CHECKPOINT_NCOLUMNS];

	make_values(checkpoint, values, nulls);
	if (SPI_execute_with_args(sql, CA_CHECKPOINT_NCOLUMNS, types, values, nulls,
							  false, 0) != SPI_OK_INSERT)
		elog(ERROR, "writing contauth_audit.checkpoint failed");
}
