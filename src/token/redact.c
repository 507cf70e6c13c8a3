/*-------------------------------------------------------------------------
 *
 * redact.c
 *	  Take tokens out of text that is going to be written somewhere.
 *
 * The header of every compact JWS is a JSON object.  In base64url '{' and what
 * may follow it in JSON make a few beginnings, "eyJ" the common one, by which
 * a token is found also when it is cut off, or glued to other text.  White
 * space in front of the '{' makes many: there the two dots must be seen, too.
 *
 * What is not a token may be taken for one, such as a word that has "eyJ" in
 * its middle and is long enough.  That costs a word in a log.
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

/* Shortest run of characters taken for a token: {"alg":"RS256"} makes 20. */
#define CA_MIN_TOKEN	20

/* What a character may be of: a part, or what stands between parts. */
#define PART	1
#define DOT		2

static const unsigned char classes[256] = {
	['.'] = DOT,
	['-'] = PART,['_'] = PART,
	['0'] = PART,['1'] = PART,['2'] = PART,['3'] = PART,['4'] = PART,
	['5'] = PART,['6'] = PART,['7'] = PART,['8'] = PART,['9'] = PART,
	['A'] = PART,['B'] = PART,['C'] = PART,['D'] = PART,['E'] = PART,
	['F'] = PART,['G'] = PART,['H'] = PART,['I'] = PART,['J'] = PART,
	['K'] = PART,['L'] = PART,['M'] = PART,['N'] = PART,['O'] = PART,
	['P'] = PART,['Q'] = PART,['R'] = PART,['S'] = PART,['T'] = PART,
	['U'] = PART,['V'] = PART,['W'] = PART,['X'] = PART,['Y'] = PART,
	['Z'] = PART,
	['a'] = PART,['b'] = PART,['c'] = PART,['d'] = PART,['e'] = PART,
	['f'] = PART,['g'] = PART,['h'] = PART,['i'] = PART,['j'] = PART,
	['k'] = PART,['l'] = PART,['m'] = PART,['n'] = PART,['o'] = PART,
	['p'] = PART,['q'] = PART,['r'] = PART,['s'] = PART,['t'] = PART,
	['u'] = PART,['v'] = PART,['w'] = PART,['x'] = PART,['y'] = PART,
	['z'] = PART,
};

static inline bool
is_base64url(char c)
{
	return classes[(unsigned char) c] == PART;
}

/* Does '{' begin here, followed by a name or white space? */
static bool
begins_object(const char *text)
{
	if (text[0] != 'e')
		return false;
	if (text[1] == 'y')
		return text[2] == 'J' || text[2] == 'I' || text[2] == 'A';
	return text[1] == 'w' && (text[2] == 'o' || text[2] == 'k' || text[2] == '0');
}

/* The value of a base64url character. */
static unsigned
sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : 63;
}

/* Does the run decode to white space and then '{'? */
static bool
decodes_to_object(const char *text, size_t len)
{
	unsigned	bits = 0;
	int			nbits = 0;

	for (size_t i = 0; i < len && is_base64url(text[i]); i++)
	{
		char		c;

		bits = (bits << 6 | sextet(text[i])) & 0xffff;
		nbits += 6;
		if (nbits < 8)
			continue;
		nbits -= 8;
		c = (char) (bits >> nbits & 0xff);
		if (c == '{')
			return true;
		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return false;
	}
	return false;
}

/* Length of the run of base64url parts and dots that begins here. */
static size_t
run_length(const char *text, size_t len, int *dots)
{
	size_t		pos = 0;

	*dots = 0;
	for (; pos < len && classes[(unsigned char) text[pos]] != 0; pos++)
		*dots += text[pos] == '.';
	/* a full stop after it is not part of it */
	while (pos > 0 && text[pos - 1] == '.')
	{
		pos--;
		*dots -= 1;
	}
	return pos;
}

/* Length of the token that starts here, or 0. */
static size_t
token_length(const char *text, size_t len, bool run_begins)
{
	size_t		run;
	int			dots;

	if (len < CA_MIN_TOKEN)
		return 0;
	if (begins_object(text))
	{
		run = run_length(text, len, &dots);
		return run >= CA_MIN_TOKEN ? run : 0;
	}
	/* space, tab, line feed and carriage return begin with these */
	if (!run_begins || (text[0] != 'I' && text[0] != 'C' && text[0] != 'D') ||
		!decodes_to_object(text, len))
		return 0;
	run = run_length(text, len, &dots);
	return run >= CA_MIN_TOKEN && dots >= 2 ? run : 0;
}

/* Can a token begin with this character, where no run does? */
#define BEGINS_ANYWHERE	1
/* ... or only where a run does? */
#define BEGINS_A_RUN	2

static const unsigned char beginnings[256] = {
	['e'] = BEGINS_ANYWHERE,
	['I'] = BEGINS_A_RUN,['C'] = BEGINS_A_RUN,['D'] = BEGINS_A_RUN,
};

/* Where the first token at or after from begins, and its length; len: none. */
static size_t
find_token(const char *text, size_t len, size_t from, size_t *token)
{
	for (size_t i = from; i < len; i++)
	{
		unsigned char kind = beginnings[(unsigned char) text[i]];
		bool		run_begins;

		if (likely(kind == 0))
			continue;
		run_begins = i == from || !is_base64url(text[i - 1]);
		if (kind == BEGINS_A_RUN && !run_begins)
			continue;
		*token = token_length(text + i, len - i, run_begins);
		if (*token > 0)
			return i;
	}
	*token = 0;
	return len;
}

bool
ca_holds_token(const char *text, size_t len)
{
	size_t		token;

	return find_token(text, len, 0, &token) < len;
}

size_t
ca_redact_tokens(char *text, size_t len)
{
	size_t		from = 0;
	size_t		to = 0;

	while (from < len)
	{
		size_t		token = 0;
		size_t		at = find_token(text, len, from, &token);

		memmove(text + to, text + from, at - from);
		to += at - from;
		if (token > 0)
		{
			memcpy(text + to, CA_REDACTION, strlen(CA_REDACTION));
			to += strlen(CA_REDACTION);
		}
		from = at + token;
	}
	return to;
}
