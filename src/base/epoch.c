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

void
ca_epoch_advance(void)
{
	ca_epoch_current++;
}
