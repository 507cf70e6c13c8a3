/*-------------------------------------------------------------------------
 *
 * epoch.c
 *	  One number that changes whenever a decision could change.
 *
 * Backend-local; callable from anywhere, invalidation callbacks included.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/epoch.h"

uint64		ca_epoch_current = 1;
uint64		ca_epoch_world = 1;

static uint64 last_epoch = 1;

void
ca_epoch_advance(void)
{
	ca_epoch_world++;
	ca_epoch_current = ++last_epoch;
}

void
ca_epoch_leave(void)
{
	ca_epoch_current = ++last_epoch;
}

void
ca_epoch_renew(CaEpoch *epoch)
{
	epoch->world = 0;
}

void
ca_epoch_enter(CaEpoch *epoch)
{
	if (epoch->world != ca_epoch_world)
	{
		epoch->world = ca_epoch_world;
		epoch->number = ++last_epoch;
	}
	ca_epoch_current = epoch->number;
}
