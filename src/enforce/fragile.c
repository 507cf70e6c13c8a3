/*-------------------------------------------------------------------------
 *
 * fragile.c
 *	  Plans that hold more than what is asked when they are started.
 *
 * What starts a plan asks whether its decision still holds (execute.c).  But
 * PL/pgSQL runs simple expressions without starting anything, so that neither
 * what the planner has folded into them, such as the result of a function that
 * somebody declared immutable, nor a permission that was looked at when they
 * were planned is asked about again.  Such plans are rare: once one was made,
 * all kept plans are let go when the epoch is another.
 *
 * For the rest of its transaction PL/pgSQL also keeps such expressions ready, and
 * what they call is asked about only when they are made so.  A new plan makes
 * them anew.
 *
 * SECURITY: test/t/004_plans.pl, test/t/012_pooler.pl, test/t/013_tamper.pl.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/epoch.h"
#include "enforce/fragile.h"
#include "storage/proc.h"
#include "utils/plancache.h"

static uint64 made_in = 0;		/* epoch of such plans; 0: there are none */
static uint64 ready_in = 0;		/* epoch of the first expression made ready
								 * ... */
static LocalTransactionId ready_lxid = InvalidLocalTransactionId;	/* ... in this
																	 * transaction */

void
ca_fragile_made(uint64 epoch)
{
	made_in = epoch;
}

void
ca_fragile_ready(void)
{
	LocalTransactionId lxid = ca_current_lxid();

	if (ready_lxid == lxid)
		return;
	ready_lxid = lxid;
	ready_in = ca_epoch_current;
}

/* Is anything kept that is not right in this epoch? */
static bool
is_outdated(void)
{
	if (made_in != 0 && made_in != ca_epoch_current)
		return true;
	return ready_in != 0 && ready_in != ca_epoch_current &&
		ready_lxid == ca_current_lxid();
}

void
ca_fragile_settle(void)
{
	if (!is_outdated())
		return;
	made_in = 0;
	ready_in = 0;
	ready_lxid = InvalidLocalTransactionId;
	ResetPlanCache();
}
