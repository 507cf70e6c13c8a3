/*-------------------------------------------------------------------------
 *
 * masks_fpe.c
 *	  Mask fpe: format-preserving encryption with FF1.
 *
 * A digit becomes a digit and a letter a letter of the same case, each in its
 * place; all other ASCII characters stay.  So the values of one form (which
 * places hold digits, small and capital letters) are encrypted one to one
 * among themselves.  A value of a form that has less than CA_FF1_MIN_DOMAIN
 * values, or more characters than FF1 takes here, or any that is not ASCII,
 * is hidden as a whole.
 *
 * Where all places have the same radix, this is FF1 of that radix.  Where
 * digits and letters meet, the value is a number in mixed radix, which FF1
 * encrypts in binary, again and again until the result is one of the form's
 * numbers ("cycle walking"): FF1 is a permutation, so it comes back to them,
 * on average after less than two steps.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/masks.h"
#include "common/int.h"
#include "crypto/digest.h"
#include "crypto/ff1.h"
#include "miscadmin.h"
#include "utils/builtins.h"

/* Digits of the greatest bigint. */
#define INT64_DIGITS	19

PG_FUNCTION_INFO_V1(contauth_mask_fpe_text);
PG_FUNCTION_INFO_V1(contauth_mask_fpe_int4);
PG_FUNCTION_INFO_V1(contauth_mask_fpe_int8);

/* What of a text is encrypted: digits, each of its place's radix. */
typedef struct Form
{
	int			len;
	bool		mixed;			/* places of different radixes */
	unsigned char digits[CA_FF1_MAX_LEN];
	unsigned char radixes[CA_FF1_MAX_LEN];
} Form;

/* The cipher; the second argument of the SQL functions is the tweak. */
static CaFf1
cipher(FunctionCallInfo fcinfo)
{
	text	   *tweak = PG_GETARG_TEXT_PP(1);
	CaFf1		ff1 = {ca_mask_key(fcinfo, "fpe"), CA_SHA256_LEN};

	ff1.tweak = VARDATA_ANY(tweak);
	ff1.tweaklen = VARSIZE_ANY_EXHDR(tweak);
	return ff1;
}

static void
encrypt(const CaFf1 *ff1, unsigned char *digits, int len)
{
	if (!ca_ff1_encrypt(ff1, digits, len))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not encrypt for mask fpe")));
}

/* The first symbol of the class that a character belongs to, '\0' for none. */
static char
class_of(char c)
{
	return c >= '0' && c <= '9' ? '0' :
		c >= 'a' && c <= 'z' ? 'a' :
		c >= 'A' && c <= 'Z' ? 'A' : '\0';
}

/* Read the form off a text; false when it cannot be encrypted. */
static bool
read_form(const char *value, size_t len, Form *form)
{
	double		domain = 1;

	memset(form, 0, sizeof(*form));
	for (size_t i = 0; i < len; i++)
	{
		char		base = class_of(value[i]);
		int			radix = base == '0' ? 10 : 26;

		if (IS_HIGHBIT_SET(value[i]))
			return false;
		if (base == '\0')
			continue;
		if (form->len >= CA_FF1_MAX_LEN)
			return false;
		form->digits[form->len] = value[i] - base;
		form->radixes[form->len] = radix;
		form->mixed |= radix != form->radixes[0];
		form->len++;
		domain = Min(domain * radix, CA_FF1_MIN_DOMAIN);
	}
	return domain >= CA_FF1_MIN_DOMAIN;
}

/* The number that digits of mixed radix make, in binary; false: too great. */
static bool
to_binary(const Form *form, const unsigned char *digits, unsigned char *bits)
{
	memset(bits, 0, CA_FF1_MAX_LEN);
	for (int i = 0; i < form->len; i++)
	{
		int			carry = digits[i];

		for (int j = CA_FF1_MAX_LEN - 1; j >= 0; j--)
		{
			carry += bits[j] * form->radixes[i];
			bits[j] = carry & 1;
			carry >>= 1;
		}
		if (carry != 0)
			return false;
	}
	return true;
}

/* And back; bits are used up. */
static void
from_binary(Form *form, unsigned char *bits)
{
	for (int i = form->len - 1; i >= 0; i--)
	{
		int			rest = 0;

		for (int j = 0; j < CA_FF1_MAX_LEN; j++)
		{
			rest = rest << 1 | bits[j];
			bits[j] = rest / form->radixes[i];
			rest %= form->radixes[i];
		}
		form->digits[i] = rest;
	}
}

/* Encrypt in mixed radix; false when the form has too many values. */
static bool
encrypt_mixed(CaFf1 *ff1, Form *form)
{
	unsigned char greatest[CA_FF1_MAX_LEN];
	unsigned char bits[CA_FF1_MAX_LEN];
	int			skip = 0;

	for (int i = 0; i < form->len; i++)
		greatest[i] = form->radixes[i] - 1;
	if (!to_binary(form, greatest, bits))
		return false;
	memcpy(greatest, bits, CA_FF1_MAX_LEN);
	while (greatest[skip] == 0)
		skip++;

	to_binary(form, form->digits, bits);
	ff1->radix = 2;
	do
	{
		CHECK_FOR_INTERRUPTS();
		encrypt(ff1, bits + skip, CA_FF1_MAX_LEN - skip);
	} while (memcmp(bits, greatest, CA_FF1_MAX_LEN) > 0);
	from_binary(form, bits);
	return true;
}

/* mask_fpe(text, tweak text, mask_call) */
Datum
contauth_mask_fpe_text(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_P_COPY(0);
	char	   *p = VARDATA(value);
	CaFf1		ff1 = cipher(fcinfo);
	Form		form;

	if (!read_form(p, VARSIZE(value) - VARHDRSZ, &form))
		PG_RETURN_TEXT_P(ca_mask_wholly(value));
	if (form.mixed)
	{
		if (!encrypt_mixed(&ff1, &form))
			PG_RETURN_TEXT_P(ca_mask_wholly(value));
	}
	else
	{
		ff1.radix = form.radixes[0];
		encrypt(&ff1, form.digits, form.len);
	}

	for (int i = 0; i < form.len; p++)
	{
		char		base = class_of(*p);

		if (base != '\0')
			*p = base + form.digits[i++];
	}
	PG_RETURN_TEXT_P(value);
}

/*
 * Encrypt a number among those with as many decimal digits, up to limit, by
 * cycle walking; false when these are too few.
 */
static bool
encrypt_number(CaFf1 *ff1, uint64 *number, uint64 limit)
{
	unsigned char digits[INT64_DIGITS];
	uint64		smallest = 1;	/* of so many digits */
	uint64		rest = *number;
	int			len = 1;

	for (; smallest <= *number / 10; len++)
		smallest *= 10;
	ff1->radix = 10;
	if (!ca_ff1_domain_ok(ff1->radix, len))
		return false;

	for (int i = len - 1; i >= 0; i--)
	{
		digits[i] = rest % 10;
		rest /= 10;
	}
	do
	{
		CHECK_FOR_INTERRUPTS();
		encrypt(ff1, digits, len);
		*number = 0;
		for (int i = 0; i < len; i++)
			*number = *number * 10 + digits[i];
	} while (*number < smallest || *number > limit);
	return true;
}

/* mask_fpe(integer, tweak text, mask_call) */
Datum
contauth_mask_fpe_int4(PG_FUNCTION_ARGS)
{
	int64		value = PG_GETARG_INT32(0);
	uint64		number = value < 0 ? -value : value;
	CaFf1		ff1 = cipher(fcinfo);

	/* there is one more negative number */
	if (!encrypt_number(&ff1, &number, (uint64) PG_INT32_MAX + (value < 0)))
		PG_RETURN_NULL();
	PG_RETURN_INT32((int32) (value < 0 ? -(int64) number : (int64) number));
}

/* mask_fpe(bigint, tweak text, mask_call) */
Datum
contauth_mask_fpe_int8(PG_FUNCTION_ARGS)
{
	int64		value = PG_GETARG_INT64(0);
	uint64		number = value < 0 ? -(uint64) value : (uint64) value;
	CaFf1		ff1 = cipher(fcinfo);

	if (!encrypt_number(&ff1, &number, (uint64) PG_INT64_MAX + (value < 0)))
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) (value < 0 ? -number : number));
}
