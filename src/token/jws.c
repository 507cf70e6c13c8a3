/*-------------------------------------------------------------------------
 *
 * jws.c
 *	  The compact serialization of a JSON Web Signature, taken apart.
 *
 * Knows the form alone: what the header and the payload must say is the
 * profile's business (jwt.c).
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/base64url.h"
#include "token/jws.h"

/*
 * Split and decode; see the header.
 */
CaTokenStatus
ca_jws_parse(const char *text, size_t len, CaJws *jws)
{
	const char *end = text + len;
	const char *dot1;
	const char *dot2;
	CaJws		parts = {0};

	memset(jws, 0, sizeof(*jws));
	if (len > CA_TOKEN_MAX_LEN)
		return CA_TOKEN_TOO_LONG;

	dot1 = memchr(text, '.', len);
	if (dot1 == NULL)
		return CA_TOKEN_MALFORMED;
	dot2 = memchr(dot1 + 1, '.', end - (dot1 + 1));
	if (dot2 == NULL || memchr(dot2 + 1, '.', end - (dot2 + 1)) != NULL)
		return CA_TOKEN_MALFORMED;
	if (dot1 == text || dot2 == dot1 + 1 || dot2 + 1 == end)
		return CA_TOKEN_MALFORMED;

	if (!ca_base64url_decode(text, dot1 - text,
							 &parts.header, &parts.header_len) ||
		!ca_base64url_decode(dot1 + 1, dot2 - (dot1 + 1),
							 &parts.payload, &parts.payload_len) ||
		!ca_base64url_decode(dot2 + 1, end - (dot2 + 1),
							 &parts.signature, &parts.signature_len))
		return CA_TOKEN_BAD_BASE64;

	parts.signing_input_len = dot2 - text;
	parts.signing_input = pnstrdup(text, parts.signing_input_len);
	*jws = parts;
	return CA_TOKEN_OK;
}
