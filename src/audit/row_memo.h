/*-------------------------------------------------------------------------
 *
 * row_memo.h
 *	  What a record's fields say, when the next record's fields are the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_ROW_MEMO_H
#define CA_AUDIT_ROW_MEMO_H

#include "audit/decision_table.h"

/*
 * Set the columns (CA_NCOLUMNS, all NULL so far) that were kept for these fields;
 * false: there are none.  checksum is that of the fields (ca_memo_checksum).  Values
 * hold until the next call of ca_row_memo_keep().
 */
extern bool ca_row_memo_find(const char *fields, Size len, uint32 checksum,
							 Datum *values, bool *nulls);

/*
 * Remember the columns that are not NULL as what these fields say, and
 * contauth.audit_statement at this moment; kept at the second sight only.
 */
extern void ca_row_memo_keep(const char *fields, Size len, uint32 checksum,
							 const Datum *values, const bool *nulls);

#endif							/* CA_AUDIT_ROW_MEMO_H */
