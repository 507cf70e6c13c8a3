/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  contauth's own tables, read directly and by the newest snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_CATALOG_H
#define CA_BASE_CATALOG_H

#include "access/htup_details.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

typedef enum CaTable
{
	CA_TABLE_ISSUER,
	CA_TABLE_AGENT,
	CA_TABLE_AGENT_KEY,
	CA_TABLE_TRUST_BUNDLE,
	CA_TABLE_POLICY,
	CA_TABLE_POLICY_VERSION,
	CA_TABLE_CLASSIFICATION,
	CA_TABLE_SECRET,
	CA_TABLE_REVOCATION,
	CA_TABLE_KILL_SWITCH,
	CA_TABLE_BREAK_GLASS,
	CA_TABLE_COUNT
} CaTable;

/* Register the invalidation callback; once per backend, from _PG_init. */
extern void ca_catalog_init(void);

/* Version of the SQL objects that this library is made for: contauth.control's. */
#define CA_SQL_VERSION	"0.2"

/* What to say, with both versions, where the objects are of another one. */
#define CA_UNFIT_MESSAGE \
	"extension contauth has version %s in this database, its library is for %s"
#define CA_UNFIT_HINT \
	"Run ALTER EXTENSION contauth UPDATE in this database; when that is done, install the library and restart the server."

/*
 * Version of the extension in this database, NULL without it.  It costs
 * nothing until a schema changes.
 */
extern const char *ca_extension_version(void);

/* Is the extension installed in this database, in whatever version? */
extern bool ca_extension_installed(void);

/*
 * Is it, in the version of this library?  SECURITY: in another one columns or
 * rows may mean something else, so that nothing is decided by them.
 */
extern bool ca_extension_fits(void);

/* Raise an error when the extension is installed in another version. */
extern void ca_extension_require(void);

/* OID of schema contauth, InvalidOid without the extension. */
extern Oid	ca_schema_oid(void);

/* OID of one of our tables; raises an error when it is not there. */
extern Oid	ca_table_oid(CaTable table);

/*
 * Call each(tuple, desc, arg) for every row of the table that a snapshot
 * taken now can see, also inside REPEATABLE READ; with key_column, only for
 * rows whose text column of that name equals key.  each returns false to
 * stop.  Takes no user's privileges into account: only for our own reading.
 */
typedef bool (*CaRowCallback) (HeapTuple tuple, TupleDesc desc, void *arg);
extern void ca_table_scan(CaTable table, const char *key_column,
						  const char *key, CaRowCallback each, void *arg);

/*
 * The same with a snapshot of the caller's, so that several scans see the same
 * state; NULL for one taken now.
 */
extern void ca_table_scan_at(CaTable table, const char *key_column,
							 const char *key, Snapshot snapshot,
							 CaRowCallback each, void *arg);

/* A snapshot taken now, to be registered at once. */
extern Snapshot ca_table_snapshot(CaTable table);

/*
 * The highest value of a bigint column that leads the table's primary key; 0
 * in an empty table.  A NULL snapshot is one taken now.
 */
extern int64 ca_table_max(CaTable table, const char *key_column, Snapshot snapshot);

/*
 * Column values by name, copied to the current memory context.  A missing
 * column is an error: the SQL objects do not fit this library.
 */
extern Datum ca_row_datum(HeapTuple tuple, TupleDesc desc,
						  const char *column, bool *isnull);
extern char *ca_row_text(HeapTuple tuple, TupleDesc desc, const char *column);
extern List *ca_row_text_array(HeapTuple tuple, TupleDesc desc,
							   const char *column);

/* The elements of a text[] or name[] without NULLs, as a List of strings. */
extern List *ca_text_array_list(Datum array);

/* The other way: a List of strings as a text[], empty for NIL. */
extern Datum ca_text_array(const List *strings);

/* A string as text; *isnull is set, either way. */
extern Datum ca_text_or_null(const char *text, bool *isnull);

extern bool ca_row_bool(HeapTuple tuple, TupleDesc desc, const char *column);

#endif							/* CA_BASE_CATALOG_H */
