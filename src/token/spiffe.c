/*-------------------------------------------------------------------------
 *
 * spiffe.c
 *	  The grammar of SPIFFE IDs and trust domain names.
 *
 * Implements sections 2.1 to 2.4 of the SPIFFE-ID standard.  The character
 * sets leave no room for a port, user information, a query, a fragment or
 * percent-encoding, so an ID has one spelling and may be compared byte by
 * byte.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/token.h"

#define SPIFFE_SCHEME			"spiffe://"
#define SPIFFE_SCHEME_LEN		(sizeof(SPIFFE_SCHEME) - 1)
#define SPIFFE_ID_MAX_LEN		2048	/* bytes, section 2.3 */
#define TRUST_DOMAIN_MAX_LEN	255 /* bytes, section 2.3 */

#define DIGITS					"0123456789"
#define LOWER_CASE				"abcdefghijklmnopqrstuvwxyz"
#define UPPER_CASE				"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TRUST_DOMAIN_CHARS		LOWER_CASE DIGITS ".-_"
#define PATH_SEGMENT_CHARS		UPPER_CASE LOWER_CASE DIGITS ".-_"

/*
 * Is path a sequence of "/" and a segment, where no segment is empty, "." or
 * ".." (section 2.2)?  An empty path has no segment and is good.
 */
static bool
path_valid(const char *path)
{
	while (*path != '\0')
	{
		size_t		len;

		if (*path++ != '/')
			return false;
		len = strspn(path, PATH_SEGMENT_CHARS);
		if (len == 0 ||
			(len == 1 && path[0] == '.') ||
			(len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += len;
	}
	return true;
}

/*
 * Is name a trust domain name (section 2.1)?
 */
bool
ca_trust_domain_valid(const char *name)
{
	size_t		len = strspn(name, TRUST_DOMAIN_CHARS);

	return len > 0 && len <= TRUST_DOMAIN_MAX_LEN && name[len] == '\0';
}

/*
 * Is id a SPIFFE ID?  See token.h; td_len may be NULL.
 *
 * The scheme must be lower-case: RFC 3986 would take others too, but one
 * spelling is what lets policies and revocations compare by bytes.
 */
bool
ca_spiffe_id_valid(const char *id, bool need_path, int *td_len)
{
	const char *name;
	size_t		len;

	if (strncmp(id, SPIFFE_SCHEME, SPIFFE_SCHEME_LEN) != 0 ||
		strnlen(id, SPIFFE_ID_MAX_LEN + 1) > SPIFFE_ID_MAX_LEN)
		return false;

	name = id + SPIFFE_SCHEME_LEN;
	len = strspn(name, TRUST_DOMAIN_CHARS);
	if (len == 0 || len > TRUST_DOMAIN_MAX_LEN ||
		(need_path && name[len] == '\0') || !path_valid(name + len))
		return false;

	if (td_len != NULL)
		*td_len = (int) len;
	return true;
}
