/*-------------------------------------------------------------------------
 *
 * ff1.c
 *	  Format-preserving encryption FF1 (NIST SP 800-38G) on AES, without a
 *	  server.
 *
 * Names are those of the standard's algorithms 7 and 8.  Numerals are at most
 * CA_FF1_MAX_LEN digits and tweaks CA_FF1_MAX_TWEAK bytes, so that all memory
 * is on the stack; arithmetic is that of pen and paper, on digits and bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/ff1.h"

#define FF1_ROUNDS	10
#define AES_BLOCK	16

/* The longer half of a numeral, in digits, and then in bytes: radix <= 256. */
#define FF1_MAX_HALF ((CA_FF1_MAX_LEN + 1) / 2)

/* T, padding, round number, half, up to whole blocks */
#define FF1_MAX_Q	(CA_FF1_MAX_TWEAK + 1 + FF1_MAX_HALF + AES_BLOCK)

/* The bytes of S: d <= b + 7, up to whole blocks. */
#define FF1_MAX_S	(FF1_MAX_HALF + 7 + AES_BLOCK)

/* What stays the same in all rounds. */
typedef struct Ff1State
{
	EVP_CIPHER_CTX *aes;
	int			radix;
	int			b;				/* bytes of a half as a number */
	int			d;				/* bytes of a round's y */
	unsigned char p[AES_BLOCK];
	unsigned char q[FF1_MAX_Q]; /* b bytes of it change */
	int			qlen;
} Ff1State;

bool
ca_ff1_domain_ok(int radix, int len)
{
	double		domain = 1;

	for (int i = 0; i < len && domain < CA_FF1_MIN_DOMAIN; i++)
		domain *= radix;
	return domain >= CA_FF1_MIN_DOMAIN;
}

/* The value of a numeral as a number of len bytes, big-endian. */
static void
number_of(const unsigned char *digits, int ndigits, int radix,
		  unsigned char *number, int len)
{
	memset(number, 0, len);
	for (int i = 0; i < ndigits; i++)
	{
		unsigned int carry = digits[i];

		for (int j = len - 1; j >= 0; j--)
		{
			carry += number[j] * radix;
			number[j] = carry & 0xff;
			carry >>= 8;
		}
	}
}

/* Divide a number by the radix; the remainder is its last digit. */
static int
divide(unsigned char *number, int len, int radix)
{
	unsigned int rest = 0;

	for (int j = 0; j < len; j++)
	{
		rest = rest << 8 | number[j];
		number[j] = rest / radix;
		rest %= radix;
	}
	return rest;
}

/* numeral = (numeral + sign * number) mod radix^ndigits; number is used up */
static void
add_number(unsigned char *digits, int ndigits, int radix, int sign,
		   unsigned char *number, int len)
{
	int			carry = 0;

	for (int i = ndigits - 1; i >= 0; i--)
	{
		int			sum = digits[i] + sign * divide(number, len, radix) + carry;

		carry = sum < 0 ? -1 : sum / radix;
		digits[i] = sum - carry * radix;
	}
}

/* Bytes that the greatest numeral of that many digits takes as a number. */
static int
bytes_of(int ndigits, int radix)
{
	unsigned char greatest[FF1_MAX_HALF];
	unsigned char number[FF1_MAX_HALF];
	int			skip = 0;

	memset(greatest, radix - 1, ndigits);
	number_of(greatest, ndigits, radix, number, sizeof(number));
	while (number[skip] == 0)
		skip++;
	return (int) sizeof(number) - skip;
}

static bool
aes_block(EVP_CIPHER_CTX *aes, const unsigned char *in, unsigned char *out)
{
	int			outlen;

	return EVP_EncryptUpdate(aes, out, &outlen, in, AES_BLOCK) == 1 &&
		outlen == AES_BLOCK;
}

/* PRF: CBC-MAC of P || Q */
static bool
prf(const Ff1State *state, unsigned char r[AES_BLOCK])
{
	if (!aes_block(state->aes, state->p, r))
		return false;
	for (int at = 0; at < state->qlen; at += AES_BLOCK)
	{
		for (int i = 0; i < AES_BLOCK; i++)
			r[i] ^= state->q[at + i];
		if (!aes_block(state->aes, r, r))
			return false;
	}
	return true;
}

/* Steps 6.i to 6.iv: the d bytes that a round makes of one half. */
static bool
round_function(Ff1State *state, int round, const unsigned char *half, int len,
			   unsigned char s[FF1_MAX_S])
{
	unsigned char r[AES_BLOCK];

	state->q[state->qlen - state->b - 1] = round;
	number_of(half, len, state->radix, state->q + state->qlen - state->b, state->b);
	if (!prf(state, r))
		return false;

	memcpy(s, r, AES_BLOCK);
	for (int j = 1; j * AES_BLOCK < state->d; j++)
	{
		unsigned char block[AES_BLOCK];

		memcpy(block, r, AES_BLOCK);
		block[AES_BLOCK - 2] ^= j >> 8;
		block[AES_BLOCK - 1] ^= j & 0xff;
		if (!aes_block(state->aes, block, s + j * AES_BLOCK))
			return false;
	}
	return true;
}

static void
put_uint32(unsigned char *out, uint32 value)
{
	for (int i = 0; i < 4; i++)
		out[i] = value >> (24 - 8 * i);
}

/* Steps 1 to 5, and the part of Q that stays. */
static void
prepare(Ff1State *state, const CaFf1 *ff1, int len)
{
	int			u = len / 2;

	state->radix = ff1->radix;
	state->b = bytes_of(len - u, ff1->radix);
	state->d = 4 * ((state->b + 3) / 4) + 4;

	put_uint32(state->p + 2, ff1->radix);
	state->p[0] = 1;
	state->p[1] = 2;
	state->p[2] = 1;			/* above the three bytes of the radix */
	state->p[6] = FF1_ROUNDS;
	state->p[7] = u & 0xff;
	put_uint32(state->p + 8, len);
	put_uint32(state->p + 12, ff1->tweaklen);

	state->qlen = TYPEALIGN(AES_BLOCK, ff1->tweaklen + state->b + 1);
	memset(state->q, 0, state->qlen);
	if (ff1->tweaklen > 0)
		memcpy(state->q, ff1->tweak, ff1->tweaklen);
}

/*
 * The ten rounds.  Halves need not trade places: round i changes A when it is
 * even and B when it is odd, and feeds on the other one.
 */
static bool
run_rounds(Ff1State *state, unsigned char *digits, int len, bool encrypt)
{
	int			u = len / 2;
	unsigned char s[FF1_MAX_S];
	bool		ok = true;

	for (int n = 0; n < FF1_ROUNDS && ok; n++)
	{
		int			round = encrypt ? n : FF1_ROUNDS - 1 - n;
		bool		even = round % 2 == 0;

		ok = round_function(state, round, even ? digits + u : digits,
							even ? len - u : u, s);
		if (ok)
			add_number(even ? digits : digits + u, even ? u : len - u,
					   state->radix, encrypt ? 1 : -1, s, state->d);
	}
	OPENSSL_cleanse(s, sizeof(s));
	return ok;
}

static const EVP_CIPHER *
cipher_for(int keylen)
{
	switch (keylen)
	{
		case 16:
			return EVP_aes_128_ecb();
		case 24:
			return EVP_aes_192_ecb();
		case 32:
			return EVP_aes_256_ecb();
		default:
			return NULL;
	}
}

static bool
arguments_ok(const CaFf1 *ff1, const unsigned char *digits, int len)
{
	if (cipher_for(ff1->keylen) == NULL || ff1->tweaklen > CA_FF1_MAX_TWEAK ||
		ff1->radix < 2 || ff1->radix > CA_FF1_MAX_RADIX ||
		len < 2 || len > CA_FF1_MAX_LEN || !ca_ff1_domain_ok(ff1->radix, len))
		return false;
	for (int i = 0; i < len; i++)
	{
		if (digits[i] >= ff1->radix)
			return false;
	}
	return true;
}

static bool
run(const CaFf1 *ff1, unsigned char *digits, int len, bool encrypt)
{
	Ff1State	state;
	bool		ok;

	if (!arguments_ok(ff1, digits, len))
		return false;

	ERR_set_mark();
	state.aes = EVP_CIPHER_CTX_new();
	ok = state.aes != NULL &&
		EVP_EncryptInit_ex(state.aes, cipher_for(ff1->keylen), NULL, ff1->key, NULL) == 1 &&
		EVP_CIPHER_CTX_set_padding(state.aes, 0) == 1;
	if (ok)
	{
		prepare(&state, ff1, len);
		ok = run_rounds(&state, digits, len, encrypt);
	}
	EVP_CIPHER_CTX_free(state.aes);
	OPENSSL_cleanse(&state, sizeof(state));
	ERR_pop_to_mark();
	return ok;
}

bool
ca_ff1_encrypt(const CaFf1 *ff1, unsigned char *digits, int len)
{
	return run(ff1, digits, len, true);
}

bool
ca_ff1_decrypt(const CaFf1 *ff1, unsigned char *digits, int len)
{
	return run(ff1, digits, len, false);
}
