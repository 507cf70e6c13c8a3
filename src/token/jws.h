/*-------------------------------------------------------------------------
 *
 * jws.h
 *	  The compact serialization of a JSON Web Signature, taken apart.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TOKEN_JWS_H
#define CA_TOKEN_JWS_H

#include "token/token.h"

/* Parts are palloc'd and followed by a NUL that their length does not count. */
typedef struct CaJws
{
	unsigned char *header;		/* JSON text, not yet looked at */
	size_t		header_len;
	unsigned char *payload;
	size_t		payload_len;
	unsigned char *signature;
	size_t		signature_len;
	char	   *signing_input;	/* header and payload as sent, with the dot */
	size_t		signing_input_len;
} CaJws;

/*
 * Split and decode (RFC 7515 section 7.1); the three parts must not be empty.
 * On failure *jws is zero.
 */
extern CaTokenStatus ca_jws_parse(const char *text, size_t len, CaJws *jws);

#endif							/* CA_TOKEN_JWS_H */
