/*-------------------------------------------------------------------------
 *
 * internal.c
 *	  Marks work that contauth itself does inside an agent's statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/internal.h"

int			ca_internal_depth = 0;
int			ca_inert_depth = 0;
