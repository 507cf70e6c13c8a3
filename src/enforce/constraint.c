/*-------------------------------------------------------------------------
 *
 * constraint.c
 *	  Deferred constraints, before they fail out of our sight.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "enforce/constraint.h"

void
ca_fire_deferred_constraints(void)
{
	ConstraintsSetStmt *immediate = makeNode(ConstraintsSetStmt);

	immediate->constraints = NIL;	/* all of them */
	immediate->deferred = false;
	AfterTriggerSetState(immediate);
}
