/*-------------------------------------------------------------------------
 *
 * obligation_json.h
 *	  Masks and limits as jsonb, for functions that tell them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_API_OBLIGATION_JSON_H
#define CA_API_OBLIGATION_JSON_H

#include "policy/limits.h"

/* An object of texts that is being put together. */
typedef struct CaJsonObject
{
	JsonbParseState *state;
} CaJsonObject;

extern CaJsonObject *ca_json_begin(void);
extern void ca_json_add(CaJsonObject *object, const char *name, const char *text);
extern Datum ca_json_end(CaJsonObject *object);

/* {"limit": number or true} */
extern Datum ca_json_limits(const CaLimits *limits);

#endif							/* CA_API_OBLIGATION_JSON_H */
