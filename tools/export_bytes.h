/*-------------------------------------------------------------------------
 *
 * export_bytes.h
 *	  What export_form.c does to many bytes at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_EXPORT_BYTES_H
#define CA_EXPORT_BYTES_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* One more than the values of hexadecimal digits; 0 for all other bytes. */
static const unsigned char hex_values[256] = {
	['0'] = 1,['1'] = 2,['2'] = 3,['3'] = 4,['4'] = 5,['5'] = 6,
	['6'] = 7,['7'] = 8,['8'] = 9,['9'] = 10,['a'] = 11,['b'] = 12,
	['c'] = 13,['d'] = 14,['e'] = 15,['f'] = 16
};

/* The value of a lower-case hexadecimal digit, or -1. */
static inline int
hex_value(char c)
{
	return hex_values[(unsigned char) c] - 1;
}

#ifdef __SSE2__

/* Eight bytes from 16 hexadecimal digits; false when they are not all digits. */
static inline bool
eight_from_hex(const char *p, unsigned char *out)
{
	const __m128i text = _mm_loadu_si128((const __m128i *) p);
	__m128i		digit = _mm_sub_epi8(text, _mm_set1_epi8('0'));
	__m128i		letter = _mm_sub_epi8(text, _mm_set1_epi8('a'));
	__m128i		is_digit = _mm_cmpeq_epi8(digit, _mm_min_epu8(digit, _mm_set1_epi8(9)));
	__m128i		is_letter = _mm_cmpeq_epi8(letter, _mm_min_epu8(letter, _mm_set1_epi8(5)));
	__m128i		value;

	letter = _mm_add_epi8(letter, _mm_set1_epi8(10));
	value = _mm_or_si128(_mm_and_si128(is_digit, digit), _mm_and_si128(is_letter, letter));

	/* of each two, the first is the byte's upper half */
	value = _mm_or_si128(_mm_slli_epi16(value, 4), _mm_srli_epi16(value, 8));
	value = _mm_and_si128(value, _mm_set1_epi16(0xff));
	_mm_storel_epi64((__m128i *) out, _mm_packus_epi16(value, value));
	return _mm_movemask_epi8(_mm_or_si128(is_digit, is_letter)) == 0xffff;
}

/* Which of 16 bytes end a run of plain text: a quote, \, control? */
static inline unsigned int
run_ends(__m128i bytes)
{
	__m128i		quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i		backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	__m128i		control = _mm_cmpeq_epi8(bytes, _mm_min_epu8(bytes, _mm_set1_epi8(0x1f)));

	return (unsigned int) _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
}

/*
 * Copy plain text from p, as far as it can be looked at by many bytes before end;
 * how many were copied.  More may have been written: out has room for end - p.
 */
static inline size_t
copy_plain(unsigned char *out, const char *p, const char *end)
{
	size_t		n = 0;

	while (end - (p + n) >= (ptrdiff_t) sizeof(__m128i))
	{
		__m128i		bytes = _mm_loadu_si128((const __m128i *) (p + n));
		unsigned int ends = run_ends(bytes);

		_mm_storeu_si128((__m128i *) (out + n), bytes);
		if (ends != 0)
			return n + __builtin_ctz(ends);
		n += sizeof(bytes);
	}
	return n;
}

#else

static inline bool
eight_from_hex(const char *p, unsigned char *out)
{
	int			all = 0;

	for (int i = 0; i < 8; i++)
	{
		int			high = hex_value(p[2 * i]);
		int			low = hex_value(p[2 * i + 1]);

		all |= high | low;		/* negative, if one is none */
		out[i] = (unsigned char) ((unsigned int) high << 4 | low);
	}
	return all >= 0;
}

/* Does one of eight bytes end a run of plain text: a quote, \, control? */
static inline bool
ends_run(uint64 bytes)
{
	const uint64 ones = UINT64CONST(0x0101010101010101);
	uint64		quote = bytes ^ ones * '"';
	uint64		backslash = bytes ^ ones * '\\';

	return (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
			((bytes - ones * 0x20) & ~bytes)) & (ones * 0x80);
}

static inline size_t
copy_plain(unsigned char *out, const char *p, const char *end)
{
	size_t		n = 0;
	uint64		bytes;

	while (end - (p + n) >= (ptrdiff_t) sizeof(bytes))
	{
		memcpy(&bytes, p + n, sizeof(bytes));
		if (ends_run(bytes))
			break;
		memcpy(out + n, &bytes, sizeof(bytes));
		n += sizeof(bytes);
	}
	return n;
}

#endif							/* __SSE2__ */

#endif							/* CA_EXPORT_BYTES_H */
