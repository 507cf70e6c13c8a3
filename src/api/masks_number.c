/*-------------------------------------------------------------------------
 *
 * masks_number.c
 *	  Masks range and noise: roughly how much a number is.
 *
 * What has no neighbours, NaN and the infinities, becomes NULL.  A result that
 * the type, or a numeric column's precision, cannot hold becomes the nearest
 * one that it can.
 *
 * Both count in numeric, also for floats, which stand there for the shortest
 * decimal that is read back as the same float: 0.3 is in the bucket of 0.3 and
 * not, as in binary, in that of 0.2.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "api/masks.h"
#include "common/shortest_dec.h"
#include "crypto/digest.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

/* Decimals of noise on numerics that have no scale of their own. */
#define NOISE_SCALE		6

/* 2^-63, exactly: noise is so many of it */
#define NOISE_GRAIN		"0.000000000000000000108420217248550443400745280086994171142578125"

PG_FUNCTION_INFO_V1(contauth_mask_range_int2);
PG_FUNCTION_INFO_V1(contauth_mask_range_int4);
PG_FUNCTION_INFO_V1(contauth_mask_range_int8);
PG_FUNCTION_INFO_V1(contauth_mask_range_numeric);
PG_FUNCTION_INFO_V1(contauth_mask_range_float4);
PG_FUNCTION_INFO_V1(contauth_mask_range_float8);
PG_FUNCTION_INFO_V1(contauth_mask_noise_int2);
PG_FUNCTION_INFO_V1(contauth_mask_noise_int4);
PG_FUNCTION_INFO_V1(contauth_mask_noise_int8);
PG_FUNCTION_INFO_V1(contauth_mask_noise_numeric);
PG_FUNCTION_INFO_V1(contauth_mask_noise_float4);
PG_FUNCTION_INFO_V1(contauth_mask_noise_float8);

static Numeric
numeric_of_text(const char *number)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(number),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}

static char *
text_of_numeric(Numeric number)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
}

static Numeric
numeric_of_float8(float8 number)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(number, digits);
	return numeric_of_text(digits);
}

static Numeric
numeric_of_float4(float4 number)
{
	char		digits[FLOAT_SHORTEST_DECIMAL_LEN];

	float_to_shortest_decimal_buf(number, digits);
	return numeric_of_text(digits);
}

/* The nearest finite float; what is too small is 0. */
static float8
float8_of_numeric(Numeric number)
{
	float8		result = strtod(text_of_numeric(number), NULL);

	return Max(Min(result, DBL_MAX), -DBL_MAX);
}

static float4
float4_of_numeric(Numeric number)
{
	return (float4) Max(Min(float8_of_numeric(number), FLT_MAX), -FLT_MAX);
}

static bool
is_negative(Numeric number)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(number),
											 NumericGetDatum(int64_to_numeric(0)))) < 0;
}

static Numeric
round_to(Numeric number, int scale)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_round, NumericGetDatum(number),
											   Int32GetDatum(scale)));
}

/* Neither NaN nor an infinity? */
static bool
is_finite(Numeric number)
{
	return !numeric_is_nan(number) && !numeric_is_inf(number);
}

/* numeric(p,s) of a column: its two numbers; false when it has none. */
static bool
read_typmod(int32 typmod, int *precision, int *scale)
{
	char	   *text;

	if (typmod < 0)
		return false;
	text = DatumGetCString(DirectFunctionCall1(numerictypmodout, Int32GetDatum(typmod)));
	return sscanf(text, "(%d,%d)", precision, scale) == 2;
}

/* Bring a number into a column of numeric(p,s), which refuses what is greater. */
static Numeric
fit_column(Numeric number, int precision, int scale)
{
	char		digits[NUMERIC_MAX_PRECISION + 20];
	Datum		limit;

	memset(digits, '9', precision);
	snprintf(digits + precision, 20, "e%d", -scale);
	limit = NumericGetDatum(numeric_of_text(digits));
	number = round_to(number, scale);
	number = DatumGetNumeric(DirectFunctionCall2(numeric_smaller,
												 NumericGetDatum(number), limit));
	limit = DirectFunctionCall1(numeric_uminus, limit);
	return DatumGetNumeric(DirectFunctionCall2(numeric_larger,
											   NumericGetDatum(number), limit));
}

/* ---- range ---- */

/* The lower bound of the bucket, or the type's least number. */
static int64
lower_bound_int(int64 value, int64 step, int64 least)
{
	int64		above = value % step;

	if (above < 0)
		above += step;
	return value < least + above ? least : value - above;
}

/* The same of a finite numeric; numeric remainders are exact. */
static Numeric
lower_bound(Numeric value, Numeric step)
{
	bool		failed = false;
	Numeric		above = numeric_mod_opt_error(value, step, &failed);
	Numeric		bound = numeric_sub_opt_error(value, above, &failed);
	Numeric		lower = bound;

	if (is_negative(above))
		lower = numeric_sub_opt_error(bound, step, &failed);

	/* one that numeric cannot hold: the bucket above is the least */
	if (failed)
		lower = bound;
	return round_to(lower, DatumGetInt32(DirectFunctionCall1(numeric_scale,
															 NumericGetDatum(step))));
}

/* mask_range(smallint, step bigint, mask_call) */
Datum
contauth_mask_range_int2(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16(lower_bound_int(PG_GETARG_INT16(0), PG_GETARG_INT64(1), PG_INT16_MIN));
}

/* mask_range(integer, step bigint, mask_call) */
Datum
contauth_mask_range_int4(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(lower_bound_int(PG_GETARG_INT32(0), PG_GETARG_INT64(1), PG_INT32_MIN));
}

/* mask_range(bigint, step bigint, mask_call) */
Datum
contauth_mask_range_int8(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(lower_bound_int(PG_GETARG_INT64(0), PG_GETARG_INT64(1), PG_INT64_MIN));
}

/* mask_range(numeric, step numeric, typmod integer, mask_call) */
Datum
contauth_mask_range_numeric(PG_FUNCTION_ARGS)
{
	Numeric		value = PG_GETARG_NUMERIC(0);
	int			precision,
				scale;

	if (!is_finite(value))
		PG_RETURN_NULL();
	value = lower_bound(value, PG_GETARG_NUMERIC(1));
	if (read_typmod(PG_GETARG_INT32(2), &precision, &scale))
		value = fit_column(value, precision, scale);
	PG_RETURN_NUMERIC(value);
}

/* mask_range(real, step numeric, mask_call) */
Datum
contauth_mask_range_float4(PG_FUNCTION_ARGS)
{
	float4		value = PG_GETARG_FLOAT4(0);

	if (isnan(value) || isinf(value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT4(float4_of_numeric(lower_bound(numeric_of_float4(value),
												   PG_GETARG_NUMERIC(1))));
}

/* mask_range(double precision, step numeric, mask_call) */
Datum
contauth_mask_range_float8(PG_FUNCTION_ARGS)
{
	float8		value = PG_GETARG_FLOAT8(0);

	if (isnan(value) || isinf(value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(float8_of_numeric(lower_bound(numeric_of_float8(value),
												   PG_GETARG_NUMERIC(1))));
}

/* ---- noise ---- */

/*
 * What a number changes by: a fraction of it from -fraction to +fraction,
 * drawn by HMAC-SHA-256 from the number, whatever its type, and the fraction.
 *
 * SECURITY: two masks with different fractions must not share their draw, or
 * both results together would give the number away.  The draw has 64 bits so
 * that a result does not betray by its last digits which numbers it can come
 * from.
 */
static Numeric
draw(FunctionCallInfo fcinfo, Numeric value)
{
	Numeric		fraction = PG_GETARG_NUMERIC(1);
	char	   *drawn = psprintf("%s:%s", numeric_normalize(fraction),
								 numeric_normalize(value));
	unsigned char digest[CA_SHA256_LEN];
	uint64		bits = 0;

	if (!ca_hmac_sha256(ca_mask_key(fcinfo, "noise"), CA_SHA256_LEN,
						drawn, strlen(drawn), digest))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a noise mask")));
	for (int i = 0; i < (int) sizeof(bits); i++)
		bits = bits << 8 | digest[i];
	return numeric_mul_opt_error(numeric_mul_opt_error(int64_to_numeric((int64) bits),
													   numeric_of_text(NOISE_GRAIN), NULL),
								 fraction, NULL);
}

/* A finite number with noise, rounded. */
static Numeric
add_noise(FunctionCallInfo fcinfo, Numeric value, int scale)
{
	bool		failed = false;
	Numeric		noise = numeric_mul_opt_error(value, draw(fcinfo, value), NULL);
	Numeric		result = numeric_add_opt_error(value, noise, &failed);

	/* greater than numeric can hold: the other way is as good */
	if (failed)
		result = numeric_sub_opt_error(value, noise, NULL);
	return round_to(result, scale);
}

static int64
add_noise_int(FunctionCallInfo fcinfo, int64 value, int64 least, int64 greatest)
{
	Numeric		result = add_noise(fcinfo, int64_to_numeric(value), 0);

	/* what does not fit into 64 bits becomes the nearest number that does */
	int64		number = strtoi64(text_of_numeric(result), NULL, 10);

	return Max(Min(number, greatest), least);
}

/* mask_noise(smallint, fraction numeric, mask_call) */
Datum
contauth_mask_noise_int2(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16(add_noise_int(fcinfo, PG_GETARG_INT16(0), PG_INT16_MIN, PG_INT16_MAX));
}

/* mask_noise(integer, fraction numeric, mask_call) */
Datum
contauth_mask_noise_int4(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(add_noise_int(fcinfo, PG_GETARG_INT32(0), PG_INT32_MIN, PG_INT32_MAX));
}

/* mask_noise(bigint, fraction numeric, mask_call) */
Datum
contauth_mask_noise_int8(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(add_noise_int(fcinfo, PG_GETARG_INT64(0), PG_INT64_MIN, PG_INT64_MAX));
}

/* mask_noise(numeric, fraction numeric, typmod integer, mask_call) */
Datum
contauth_mask_noise_numeric(PG_FUNCTION_ARGS)
{
	Numeric		value = PG_GETARG_NUMERIC(0);
	int			precision,
				scale;

	if (!is_finite(value))
		PG_RETURN_NULL();
	if (read_typmod(PG_GETARG_INT32(2), &precision, &scale))
		PG_RETURN_NUMERIC(fit_column(add_noise(fcinfo, value, scale), precision, scale));

	/* what is equal must stay so: no more digits than the number needs */
	scale = DatumGetInt32(DirectFunctionCall1(numeric_min_scale, NumericGetDatum(value)));
	PG_RETURN_NUMERIC(add_noise(fcinfo, value, Max(scale, NOISE_SCALE)));
}

/* value * (1 + noise), with as many digits as a float has */
static float8
add_noise_float(FunctionCallInfo fcinfo, float8 value, Numeric exact)
{
	return value + value * float8_of_numeric(draw(fcinfo, exact));
}

/* mask_noise(real, fraction numeric, mask_call) */
Datum
contauth_mask_noise_float4(PG_FUNCTION_ARGS)
{
	float4		value = PG_GETARG_FLOAT4(0);
	float8		result;

	if (isnan(value) || isinf(value))
		PG_RETURN_NULL();
	result = add_noise_float(fcinfo, value, numeric_of_float4(value));
	PG_RETURN_FLOAT4((float4) Max(Min(result, FLT_MAX), -FLT_MAX));
}

/* mask_noise(double precision, fraction numeric, mask_call) */
Datum
contauth_mask_noise_float8(PG_FUNCTION_ARGS)
{
	float8		value = PG_GETARG_FLOAT8(0);
	float8		result;

	if (isnan(value) || isinf(value))
		PG_RETURN_NULL();
	result = add_noise_float(fcinfo, value, numeric_of_float8(value));
	PG_RETURN_FLOAT8(Max(Min(result, DBL_MAX), -DBL_MAX));
}
