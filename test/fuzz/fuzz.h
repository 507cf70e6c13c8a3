/*-------------------------------------------------------------------------
 *
 * fuzz.h
 *	  What the libFuzzer harnesses share.
 *
 * Each fuzz_<name>.c is one program and has one fuzz_run().  Besides what the
 * sanitizers find, a crash means that a parser broke a promise of its header:
 * a result after a failure, a field outside its range, or memory left behind
 * by a success.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TEST_FUZZ_H
#define CA_TEST_FUZZ_H

#include "token/token.h"

/* Fail as a sanitizer does, in every build. */
#define PROMISE(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

/* One input; what it allocates is freed afterwards. */
extern void fuzz_run(const uint8_t *data, size_t size);

/*
 * The compact text of an input: after '=' the rest as it is; else header,
 * payload and signature, ended by line feeds, are encoded first, so that the
 * fuzzer reaches what lies behind base64url.  The result, of exactly *len
 * bytes, has no NUL after it.
 */
extern char *fuzz_compact(const uint8_t *data, size_t size, size_t *len);

/* What token.h promises of the fields that tokens and grants share. */
extern void fuzz_check_fields(const CaToken *token);

#endif							/* CA_TEST_FUZZ_H */
