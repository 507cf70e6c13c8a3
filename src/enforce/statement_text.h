/*-------------------------------------------------------------------------
 *
 * statement_text.h
 *	  A statement's text as its record has it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_STATEMENT_TEXT_H
#define CA_ENFORCE_STATEMENT_TEXT_H

#include "lib/stringinfo.h"

typedef struct CaStatementText
{
	StringInfoData source;		/* text that the field was made of; empty: not
								 * kept */
	StringInfoData field;		/* for the record; copied for those that wait */
	bool		wants_normal;	/* it was to be in normal form, */
	bool		is_normal;		/* and is */
} CaStatementText;

/* In the memory context in which it shall live. */
extern void ca_text_init(CaStatementText *t);

/* Is it made of this text?  Make it of this text, without tokens. */
extern bool ca_text_holds(const CaStatementText *t, const char *text, int len);
extern void ca_text_take(CaStatementText *t, const char *text, int len);

/* Does it hold nothing that must not be in a file? */
extern bool ca_text_may_be_filed(const CaStatementText *t);

/* The part of a source that is a statement, as in a PlannedStmt, and its length. */
extern const char *ca_text_part(const char *text, int location, int *len);

/*
 * Length of white space and comments in front of a statement: a long comment
 * must not push the statement out of the record.
 */
extern int	ca_text_leading_comments(const char *text, int len);

#endif							/* CA_ENFORCE_STATEMENT_TEXT_H */
