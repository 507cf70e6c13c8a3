/*-------------------------------------------------------------------------
 *
 * fuzz_spiffe.c
 *	  libFuzzer harness of SPIFFE IDs and principals.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "fuzz.h"

void
fuzz_run(const uint8_t *data, size_t size)
{
	char	   *id = pnstrdup((const char *) data, size);
	int			td_len = -1;
	int			issuer_len = -1;
	bool		bare = ca_spiffe_id_valid(id, false, &td_len);
	bool		full = ca_spiffe_id_valid(id, true, NULL);
	const char *bar = strchr(id, '|');

	if (bare)
	{
		char	   *name = pnstrdup(id + 9, td_len);

		PROMISE(td_len > 0 && ca_trust_domain_valid(name));
		PROMISE(id[9 + td_len] == '\0' || id[9 + td_len] == '/');
		PROMISE(id[strlen(id) - 1] != '/');
		PROMISE(strpbrk(id + 9, ":?#%@| ") == NULL);
		PROMISE(strstr(id + 9, "//") == NULL &&
				strstr(id + 9 + td_len, "/../") == NULL);
	}
	PROMISE(full == (bare && strchr(id + 9, '/') != NULL));

	if (ca_principal_valid(id, &issuer_len))
		PROMISE(issuer_len == 0 ? full :
				id[issuer_len] == '|' && bar == id + issuer_len &&
				id[issuer_len + 1] != '\0');
	else
		PROMISE(!full);
}
