/*-------------------------------------------------------------------------
 *
 * base64url.h
 *	  Strict base64url without padding (RFC 7515 section 2).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TOKEN_BASE64URL_H
#define CA_TOKEN_BASE64URL_H

/*
 * Decode len characters.  True with the bytes in *out (palloc'd, followed by
 * a NUL that *outlen does not count); false, allocating nothing, when a
 * character is not of the alphabet, the length is impossible, or the unused
 * last bits are not zero.
 */
extern bool ca_base64url_decode(const char *text, size_t len,
								unsigned char **out, size_t *outlen);

/* Encode len bytes, without padding; palloc'd and ended by a NUL. */
extern char *ca_base64url_encode(const unsigned char *bytes, size_t len);

#endif							/* CA_TOKEN_BASE64URL_H */
