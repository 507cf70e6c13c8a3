/*-------------------------------------------------------------------------
 *
 * base64url.c
 *	  Strict base64url without padding (RFC 7515 section 2).
 *
 * Every byte string has exactly one accepted encoding.  PostgreSQL's own
 * decoder cannot be used: its alphabet is the other one, and it skips white
 * space and takes padding.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/base64url.h"

/*
 * The six bits a character stands for, or -1.
 */
static int
char_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	if (c == '_')
		return 63;
	return -1;
}

/*
 * Is text the one encoding of some bytes?
 *
 * SECURITY: the bits of the last character that stand for nothing must be
 * zero, or else one token would have several texts, and a revocation or cache
 * keyed by the text's digest could be passed by.  Guarded by the "base64url"
 * cases of test/unit/unit_json.c.
 */
static bool
is_canonical(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (char_value(text[i]) < 0)
			return false;
	}

	switch (len % 4)
	{
		case 1:
			return false;
		case 2:
			return (char_value(text[len - 1]) & 0x0f) == 0;
		case 3:
			return (char_value(text[len - 1]) & 0x03) == 0;
		default:
			return true;
	}
}

/*
 * Decode; see the header.
 */
bool
ca_base64url_decode(const char *text, size_t len,
					unsigned char **out, size_t *outlen)
{
	unsigned char *dst;
	size_t		n = 0;
	uint32		bits = 0;
	int			nbits = 0;

	if (!is_canonical(text, len))
		return false;

	dst = palloc(len / 4 * 3 + 3);
	for (size_t i = 0; i < len; i++)
	{
		bits = (bits << 6 | char_value(text[i])) & 0xffff;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			dst[n++] = (unsigned char) (bits >> nbits);
		}
	}
	dst[n] = '\0';

	*out = dst;
	*outlen = n;
	return true;
}

char *
ca_base64url_encode(const unsigned char *bytes, size_t len)
{
	static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char	   *text = palloc((len * 8 + 5) / 6 + 1);
	size_t		n = 0;
	uint32		bits = 0;
	int			nbits = 0;

	for (size_t i = 0; i < len; i++)
	{
		bits = (bits << 8) | bytes[i];
		for (nbits += 8; nbits >= 6; nbits -= 6)
			text[n++] = alphabet[(bits >> (nbits - 6)) & 0x3f];
	}
	if (nbits > 0)
		text[n++] = alphabet[(bits << (6 - nbits)) & 0x3f];
	text[n] = '\0';
	return text;
}
