/*-------------------------------------------------------------------------
 *
 * forecast.h
 *	  What a condition can come to in the sessions that an agent could have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_FORECAST_H
#define CA_POLICY_FORECAST_H

#include "policy/request.h"

/* A set of CaTruth, one bit for each that is possible; never empty. */
typedef int CaOutlook;

#define CA_POSSIBLY(truth)	(1 << (truth))
#define CA_OUTLOOK_ANY \
	(CA_POSSIBLY(CA_FALSE) | CA_POSSIBLY(CA_TRUE) | CA_POSSIBLY(CA_UNKNOWN))

/* A condition ready to be forecast. */
typedef struct CaForecast CaForecast;

/* As ca_condition_compile(). */
extern CaForecast *ca_forecast_compile(const char *text);

/* What of the columns that are asked about does it look at? */
extern bool ca_forecast_uses_columns(const CaForecast *forecast);
extern bool ca_forecast_uses_labels(const CaForecast *forecast);

/*
 * What the condition can come to.  Known are the agent as it is registered, what
 * is asked about, and this database; everything else may be anything.  Never
 * leaves out what is possible.
 */
extern CaOutlook ca_forecast(CaForecast *forecast, const CaRequest *request);

#endif							/* CA_POLICY_FORECAST_H */
