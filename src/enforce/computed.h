/*-------------------------------------------------------------------------
 *
 * computed.h
 *	  What the server computes from the stored row when it is updated.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_COMPUTED_H
#define CA_ENFORCE_COMPUTED_H

#include "policy/authorize.h"

/*
 * Can an error of what the server computes at an update of the relation be
 * about a column that the agent does not see as it is stored?  seen is an
 * authorized access with action select.
 */
extern bool ca_computed_reveals(const CaAccess *seen);

/*
 * Would a write call, as a trigger, a function of a governed role with a row of
 * which the agent does not see every column as it is stored?
 */
extern bool ca_computed_by_agent(const CaAccess *seen);

#endif							/* CA_ENFORCE_COMPUTED_H */
