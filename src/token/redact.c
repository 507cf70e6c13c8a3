/*-------------------------------------------------------------------------
 *
 * redact.c
 *	  Take tokens out of text that is going to be written somewhere.
 *
 * The header of every compact JWS is a JSON object, so that its base64url
 * form begins with "eyJ" (for '{"') or, with white space inside, "ey" and
 * another letter; what follows is recognised by its two dots.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/redact.h"

#define CA_REDACTION	"[token]"

/* Shortest header taken for one: "eyJ" and a few characters. */
#define CA_MIN_HEADER	8

static bool
is_base64url(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Length of the token that starts here, or 0. */
static size_t
token_length(const char *text, size_t len)
{
	size_t		pos = 0;
	int			dots = 0;

	if (len < CA_MIN_HEADER || text[0] != 'e' || text[1] != 'y')
		return 0;
	while (pos < len && (is_base64url(text[pos]) || (text[pos] == '.' && dots < 2)))
	{
		if (text[pos] == '.')
		{
			if (dots == 0 && pos < CA_MIN_HEADER)
				return 0;
			dots++;
		}
		pos++;
	}
	return dots == 2 ? pos : 0;
}

size_t
ca_redact_tokens(char *text, size_t len)
{
	size_t		from = 0;
	size_t		to = 0;
	char		before = ' ';	/* the original character in front */

	while (from < len)
	{
		size_t		token = 0;

		if (text[from] == 'e' && !is_base64url(before))
			token = token_length(text + from, len - from);
		if (token > strlen(CA_REDACTION))
		{
			memcpy(text + to, CA_REDACTION, strlen(CA_REDACTION));
			to += strlen(CA_REDACTION);
			from += token;
			before = '.';
		}
		else
		{
			before = text[from];
			text[to++] = text[from++];
		}
	}
	return to;
}
