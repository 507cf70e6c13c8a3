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
 * SECURITY: test/t/012_pooler.pl, test/t/013_tamper.pl.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/epoch.h"
#include "enforce/fragile.h"
#include "utils/plancache.h"

static uint64 made_in = 0;		/* epoch of such plans; 0: there are none */

void
ca_fragile_made(uint64 epoch)
{
	made_in = epoch;
}

void
ca_fragile_settle(void)
{
	if (made_in == 0 || made_in == ca_epoch_current)
		return;
	made_in = 0;
	ResetPlanCache();
}
