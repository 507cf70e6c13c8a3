/*-------------------------------------------------------------------------
 *
 * json_text.h
 *	  JSON as text that is written member by member.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_JSON_TEXT_H
#define CA_BASE_JSON_TEXT_H

#include "lib/stringinfo.h"

/*
 * Append "name": "value" or "name": null to an object that begins with its
 * brace; the name needs no escapes.
 */
extern void ca_json_put_member(StringInfo json, const char *name, const char *value);

#endif							/* CA_BASE_JSON_TEXT_H */
