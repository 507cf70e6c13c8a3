/*-------------------------------------------------------------------------
 *
 * masks_time.c
 *	  Mask truncate: the beginning of the second, month, decade ... that a
 *	  date or time lies in.
 *
 * The units are those of date_trunc().  A timestamp with time zone is cut in
 * UTC: the session's zone is set by the agent, which could otherwise find a
 * value out by moving the beginnings of days.  Infinity stays.  A beginning
 * before the first date that the type has becomes that date.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/masks.h"
#include "policy/mask.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(contauth_mask_truncate_date);
PG_FUNCTION_INFO_V1(contauth_mask_truncate_time);
PG_FUNCTION_INFO_V1(contauth_mask_truncate_timestamp);

/* The unit, the second argument of the SQL functions. */
static CaMaskUnit
unit_argument(FunctionCallInfo fcinfo)
{
	CaMaskUnit	unit = CA_UNIT_DECADE;

	/* only policy/mask.c calls us, with what it has read itself */
	(void) ca_mask_unit(text_to_cstring(PG_GETARG_TEXT_PP(1)), &unit);
	return unit;
}

/* The first year of a decade.  (Year 0 is 1 BC, as in date_trunc().) */
static int
first_of_decade(int year)
{
	return year >= 0 ? year / 10 * 10 : -((9 - year) / 10 * 10);
}

/* The Julian day on which the unit begins that a day lies in. */
static int
first_day(int julian, CaMaskUnit unit)
{
	int			year,
				month,
				day;

	if (unit <= CA_UNIT_DAY)
		return julian;
	if (unit == CA_UNIT_WEEK)
		return Max(julian - (j2day(julian) + 6) % 7, 0);

	j2date(julian, &year, &month, &day);
	if (unit == CA_UNIT_QUARTER)
		month -= (month - 1) % 3;
	else if (unit >= CA_UNIT_YEAR)
		month = 1;
	if (unit == CA_UNIT_DECADE)
		year = first_of_decade(year);
	return Max(date2j(year, month, 1), 0);
}

/* The same for a time of day, in microseconds. */
static int64
cut_time(int64 time, CaMaskUnit unit)
{
	switch (unit)
	{
		case CA_UNIT_SECOND:
			return time - time % USECS_PER_SEC;
		case CA_UNIT_MINUTE:
			return time - time % USECS_PER_MINUTE;
		case CA_UNIT_HOUR:
			return time - time % USECS_PER_HOUR;
		default:
			return 0;
	}
}

/* mask_truncate(date, unit text, mask_call) */
Datum
contauth_mask_truncate_date(PG_FUNCTION_ARGS)
{
	DateADT		value = PG_GETARG_DATEADT(0);

	if (DATE_NOT_FINITE(value))
		PG_RETURN_DATEADT(value);
	PG_RETURN_DATEADT(first_day(value + POSTGRES_EPOCH_JDATE, unit_argument(fcinfo)) -
					  POSTGRES_EPOCH_JDATE);
}

/* mask_truncate(time, unit text, mask_call) */
Datum
contauth_mask_truncate_time(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMEADT(cut_time(PG_GETARG_TIMEADT(0), unit_argument(fcinfo)));
}

/*
 * mask_truncate(timestamp or timestamptz, unit text, mask_call).  Both are the
 * same number, and one with time zone is a time of UTC.
 */
Datum
contauth_mask_truncate_timestamp(PG_FUNCTION_ARGS)
{
	Timestamp	value = PG_GETARG_TIMESTAMP(0);
	CaMaskUnit	unit = unit_argument(fcinfo);
	int64		day;
	int64		time;

	if (TIMESTAMP_NOT_FINITE(value))
		PG_RETURN_TIMESTAMP(value);
	day = value / USECS_PER_DAY - (value % USECS_PER_DAY < 0);
	time = value - day * USECS_PER_DAY;
	day = first_day((int) day + POSTGRES_EPOCH_JDATE, unit) - POSTGRES_EPOCH_JDATE;
	PG_RETURN_TIMESTAMP(day * USECS_PER_DAY + cut_time(time, unit));
}
