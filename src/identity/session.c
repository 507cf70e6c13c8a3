/*-------------------------------------------------------------------------
 *
 * session.c
 *	  Is this session governed?
 *
 * SECURITY: default deny hangs on the role, not on a token being present.
 * The authenticated, the session and the current role all count, so that
 * neither SET ROLE nor SECURITY DEFINER nor SET SESSION AUTHORIZATION leaves
 * the governed state.  (test/t/002_governed.pl)
 *
 * The answer is remembered for the three role OIDs it was found for, and
 * forgotten when a role or a membership changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "base/decision.h"
#include "base/epoch.h"
#include "base/guc.h"
#include "common/ip.h"
#include "identity/identity.h"
#include "identity/session.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/plancache.h"
#include "utils/syscache.h"

typedef struct CaMembership
{
	bool		valid;
	bool		by_login;		/* the authenticated or the session role */
	bool		by_current;		/* the current role */
	Oid			authenticated;
	Oid			session;
	Oid			current;
} CaMembership;

static CaMembership membership;
static bool last_answer = false;

static void
role_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	membership.valid = false;
	ca_epoch_advance();
}

void
ca_session_init(void)
{
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, role_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
}

bool
ca_role_governed(Oid role)
{
	Oid			agents = get_role_oid(CA_AGENT_ROLE, true);

	return OidIsValid(agents) && is_member_of_role_nosuper(role, agents);
}

/* Look the three roles up in pg_auth_members. */
static void
find_membership(void)
{
	membership.authenticated = GetAuthenticatedUserId();
	membership.session = GetSessionUserId();
	membership.current = GetUserId();
	membership.by_login = ca_role_governed(membership.authenticated) ||
		ca_role_governed(membership.session);
	membership.by_current = ca_role_governed(membership.current);
	membership.valid = true;
}

/* Is the answer that is remembered about the roles that are at work now? */
static inline bool
is_known(void)
{
	return membership.valid && membership.current == GetUserId() &&
		membership.session == GetSessionUserId();
}

/*
 * Maintenance (ANALYZE, REINDEX, REFRESH) runs as the owner of the object, who may be
 * an agent's role: that makes nobody's session an agent's.
 */
static inline bool
is_governed(void)
{
	return membership.by_login || ca_identity_presented() ||
		(membership.by_current && !InSecurityRestrictedOperation());
}

/* The answer is not the last one, as far as is known: find it, and tell others. */
static pg_noinline bool
find_answer(void)
{
	bool		answer;

	if (!is_known())
	{
		if (!IsTransactionState())
			return last_answer;
		find_membership();
	}

	answer = is_governed();
	if (answer != last_answer)
	{
		last_answer = answer;
		ca_epoch_advance();
		ResetPlanCache();
	}
	return answer;
}

bool
ca_session_governed(void)
{
	return likely(is_known() && is_governed() == last_answer) ? last_answer : find_answer();
}

bool
ca_session_enforced_leader(void)
{
	return IsParallelWorker() && ca_guc_mode == CA_MODE_ENFORCE &&
		(ca_guc_token_set() || ca_session_governed());
}

bool
ca_session_was_governed(void)
{
	return last_answer;
}

bool
ca_session_governed_by_login(void)
{
	return membership.valid && membership.by_login &&
		membership.session == GetSessionUserId();
}

bool
ca_session_enforced(void)
{
	return ca_guc_mode != CA_MODE_OFF &&
		ca_session_governed() &&
		!IsParallelWorker();
}

const char *
ca_session_client_addr(void)
{
	static char addr[NI_MAXHOST];
	static bool known = false;
	char	   *zone;

	if (MyProcPort == NULL)
		return NULL;
	if (!known)
	{
		if (MyProcPort->raddr.addr.ss_family == AF_UNIX ||
			pg_getnameinfo_all(&MyProcPort->raddr.addr,
							   MyProcPort->raddr.salen,
							   addr, sizeof(addr), NULL, 0,
							   NI_NUMERICHOST | NI_NUMERICSERV) != 0)
			addr[0] = '\0';
		/* inet knows no IPv6 zone */
		if ((zone = strchr(addr, '%')) != NULL)
			*zone = '\0';
		known = true;
	}
	return addr[0] != '\0' ? addr : NULL;
}

bool
ca_session_tls(void)
{
	return MyProcPort != NULL && MyProcPort->ssl_in_use;
}

const char *
ca_session_role(void)
{
	static char name[NAMEDATALEN];
	static Oid	known = InvalidOid;

	if (known != GetSessionUserId() && IsTransactionState())
	{
		char	   *found = GetUserNameFromId(GetSessionUserId(), true);

		strlcpy(name, found != NULL ? found : "", NAMEDATALEN);
		known = GetSessionUserId();
	}
	return name;
}
