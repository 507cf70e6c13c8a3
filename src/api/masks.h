/*-------------------------------------------------------------------------
 *
 * masks.h
 *	  What the functions behind column masks share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_API_MASKS_H
#define CA_API_MASKS_H

#include "base/compat.h"
#include "fmgr.h"
#include "policy/mask.h"

/*
 * A key of CA_SHA256_LEN bytes for one use of this database's secret, read
 * once per query; it takes the call's fn_extra.
 */
extern const unsigned char *ca_mask_key(FunctionCallInfo fcinfo, const char *use);

/* The text with "*" in place of each character. */
extern text * ca_mask_wholly(const text * value);

#endif							/* CA_API_MASKS_H */
