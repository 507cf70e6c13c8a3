/*-------------------------------------------------------------------------
 *
 * normalize.h
 *	  Statement text without literals and comments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_NORMALIZE_H
#define CA_AUDIT_NORMALIZE_H

/* What a text becomes that the scanner does not understand. */
#define CA_UNPARSABLE	"<unparsable>"

/*
 * The statement with every constant replaced by $n (continuing after its own
 * highest $n), without comments, whitespace collapsed; palloc'd.  text is
 * valid in the server encoding.  A cut text ends somewhere: its last token is
 * dropped and an error at its end is none.
 */
extern char *ca_normalize_statement(const char *text, bool cut);

/*
 * The same for a text that may have come before: results are remembered.
 */
extern char *ca_normalize_again(const char *text, bool cut);

/*
 * The statement as this session reads it, without comments, whitespace
 * collapsed, constants as they are; palloc'd.  What the scanner does not
 * understand comes back as it is.
 */
extern char *ca_statement_tokens(const char *text);

#endif							/* CA_AUDIT_NORMALIZE_H */
