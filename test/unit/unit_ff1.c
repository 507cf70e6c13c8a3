/*-------------------------------------------------------------------------
 *
 * unit_ff1.c
 *	  Format-preserving encryption FF1 against NIST's sample vectors.
 *
 * The vectors: the nine FF1 samples of NIST's FF1samples.pdf, for SP 800-38G.
 * Those of other lengths were made by a second implementation (Python's
 * integers): NIST's leave out rounds of more than one block, and numbers of
 * odd sizes.
 *
 * A failure means that masks do not encrypt as the standard says, or not one
 * to one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <openssl/err.h>

#include "crypto/ff1.h"

#include "tap.h"

static const char symbols[] =
"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static const unsigned char key[32] = {
	0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
	0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c,
	0xef, 0x43, 0x59, 0xd8, 0xd5, 0x80, 0xaa, 0x4f,
	0x7f, 0x03, 0x6d, 0x6f, 0x04, 0xfc, 0x6a, 0x94
};

/* NIST's keys are this one, cut to their length. */
static const struct
{
	const char *name;
	int			keylen;
	int			radix;
	const char *tweak;
	const char *plain;
	const char *cipher;
}			samples[] = {

	{"sample 1", 16, 10, "", "0123456789", "2433477484"},
	{"sample 2", 16, 10, "9876543210", "0123456789", "6124200773"},
	{"sample 3", 16, 36, "7777pqrs777", "0123456789abcdefghi", "a9tv40mll9kdu509eum"},
	{"sample 4", 24, 10, "", "0123456789", "2830668132"},
	{"sample 5", 24, 10, "9876543210", "0123456789", "2496655549"},
	{"sample 6", 24, 36, "7777pqrs777", "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"},
	{"sample 7", 32, 10, "", "0123456789", "6657667009"},
	{"sample 8", 32, 10, "9876543210", "0123456789", "1001623463"},
	{"sample 9", 32, 36, "7777pqrs777", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"},
};

/* Digit i is (7i + 3) mod radix; the tweak is that many times "t". */
static const struct
{
	int			radix;
	int			len;
	int			tweaklen;
	const char *cipher;
}			lengths[] = {

	{2, 20, 0, "01001001010000111101"},
	{2, 41, 1, "10110110111001110100011111000100011111010"},
	{10, 6, 0, "442759"},
	{10, 7, 16, "8473180"},
	{26, 5, 0, "eil1o"},
	{62, 100, 8,
		"Ng9d1SJe4VesrWdG0rZvAZVrzvRNSJaqOXefpynyN746IJKvaUIvFpi8Ry18g0xkqU"
		"DwhvxGL12MUz1gJprtT2DH9AifOfYIv6pc"},
	{10, 257, 255,
		"302480786079888229030008602196725273153037264010171619185208401718"
		"493190437798845297471289124516508302602857859234528726526922487730"
		"851095128921562129909647143107040470039423565110885722730262691555"
		"03844703630009853819020928258073584170318441070598472107624"},
	{62, 301, 0,
		"UQs8rQukEU0ETrE8guCo3BQQ8nkhj21uTerbxRXZA4MvdJNQyyG3GwcQVfr25Q8SBb"
		"sLWhhac5x8MZO0TPQZ3JgqXiT2B2Nt4ReLUKH6dPRonEzrpha5pmPGC0DXrX1p06VP"
		"94QEGKcJ6dONP8FcZiycU4M7TkHnslCqhL4zBUgWU1pgo7uGF60Yy96aYJ0ZS3KrJO"
		"lHZ78P5oCiwkBuESijXytjgPQTsWXf4Ma6CRRkuW4gTRJNIreDWNfHpyUfJYDJj0Mo"
		"vCSf6R90bbZshFNtaCoD3cWlTdegAA6j310zA"},
};

/* The digits of a text. */
static int
digits_of(const char *text, unsigned char *digits)
{
	int			len = strlen(text);

	for (int i = 0; i < len; i++)
		digits[i] = strchr(symbols, text[i]) - symbols;
	return len;
}

static void
test_samples(void)
{
	for (int i = 0; i < (int) lengthof(samples); i++)
	{
		CaFf1		ff1 = {key, samples[i].keylen, samples[i].tweak,
		strlen(samples[i].tweak), samples[i].radix};
		unsigned char digits[CA_FF1_MAX_LEN];
		unsigned char cipher[CA_FF1_MAX_LEN];
		unsigned char plain[CA_FF1_MAX_LEN];
		int			len = digits_of(samples[i].plain, plain);

		digits_of(samples[i].cipher, cipher);
		memcpy(digits, plain, len);
		tap_ok(ca_ff1_encrypt(&ff1, digits, len) && memcmp(digits, cipher, len) == 0,
			   "NIST encrypts", samples[i].name);
		memcpy(digits, cipher, len);
		tap_ok(ca_ff1_decrypt(&ff1, digits, len) && memcmp(digits, plain, len) == 0,
			   "NIST decrypts", samples[i].name);
	}
}

static void
test_lengths(void)
{
	char		tweak[CA_FF1_MAX_TWEAK];

	memset(tweak, 't', sizeof(tweak));
	for (int i = 0; i < (int) lengthof(lengths); i++)
	{
		CaFf1		ff1 = {key, 32, tweak, lengths[i].tweaklen, lengths[i].radix};
		unsigned char digits[CA_FF1_MAX_LEN];
		unsigned char cipher[CA_FF1_MAX_LEN];
		int			len = digits_of(lengths[i].cipher, cipher);
		bool		back = true;
		char		name[40];

		snprintf(name, sizeof(name), "%d digits of radix %d",
				 lengths[i].len, lengths[i].radix);
		for (int j = 0; j < len; j++)
			digits[j] = (7 * j + 3) % lengths[i].radix;
		tap_ok(len == lengths[i].len && ca_ff1_encrypt(&ff1, digits, len) &&
			   memcmp(digits, cipher, len) == 0, "encrypts", name);
		back = ca_ff1_decrypt(&ff1, digits, len);
		for (int j = 0; j < len; j++)
			back = back && digits[j] == (7 * j + 3) % lengths[i].radix;
		tap_ok(back, "decrypts", name);
	}
}

/* Every length that is allowed, and the extremes of digits. */
static void
test_round_trip(void)
{
	static const int radixes[] = {2, 3, 10, 26, 36, 62, 255, 256};

	for (int i = 0; i < (int) lengthof(radixes); i++)
	{
		CaFf1		ff1 = {key, 32, "tweak", 5, radixes[i]};
		char		name[20];
		bool		ok = true;

		for (int len = 2; len <= CA_FF1_MAX_LEN; len += len < 64 ? 1 : 37)
		{
			unsigned char digits[CA_FF1_MAX_LEN];
			unsigned char plain[CA_FF1_MAX_LEN];

			if (!ca_ff1_domain_ok(radixes[i], len))
				continue;
			memset(plain, radixes[i] - 1, len);
			plain[len / 2] = 0;
			memcpy(digits, plain, len);
			ok = ok && ca_ff1_encrypt(&ff1, digits, len) &&
				memcmp(digits, plain, len) != 0;
			for (int j = 0; j < len; j++)
				ok = ok && digits[j] < radixes[i];
			ok = ok && ca_ff1_decrypt(&ff1, digits, len) &&
				memcmp(digits, plain, len) == 0;
		}
		snprintf(name, sizeof(name), "radix %d", radixes[i]);
		tap_ok(ok, "every length there and back", name);
	}
}

/* Each bound is tried on both sides. */
static void
test_bounds(void)
{
	static char long_tweak[CA_FF1_MAX_TWEAK + 1];
	unsigned char digits[CA_FF1_MAX_LEN + 1] = {0};
	CaFf1		ff1 = {key, 32, NULL, 0, 10};

	tap_ok(!ca_ff1_encrypt(&ff1, digits, 5), "domain", "10^5 is refused");
	tap_ok(ca_ff1_encrypt(&ff1, digits, 6), "domain", "10^6 is not");
	tap_ok(!ca_ff1_domain_ok(2, 19) && ca_ff1_domain_ok(2, 20), "domain", "2^19 and 2^20");
	tap_ok(!ca_ff1_domain_ok(36, 3) && ca_ff1_domain_ok(36, 4), "domain", "36^3 and 36^4");
	memset(digits, 0, sizeof(digits));
	tap_ok(ca_ff1_encrypt(&ff1, digits, CA_FF1_MAX_LEN), "length", "the longest");
	memset(digits, 0, sizeof(digits));
	tap_ok(!ca_ff1_encrypt(&ff1, digits, CA_FF1_MAX_LEN + 1), "length", "one too many");
	digits[3] = 10;
	tap_ok(!ca_ff1_encrypt(&ff1, digits, 10), "digit", "as great as the radix");
	digits[3] = 0;
	ff1.keylen = 31;
	tap_ok(!ca_ff1_encrypt(&ff1, digits, 10), "key", "of no size of AES");
	ff1.keylen = 32;
	ff1.radix = 1;
	tap_ok(!ca_ff1_encrypt(&ff1, digits, 10), "radix", "1");
	ff1.radix = CA_FF1_MAX_RADIX + 1;
	tap_ok(!ca_ff1_encrypt(&ff1, digits, 10), "radix", "too great");
	ff1.radix = 10;
	ff1.tweak = long_tweak;
	ff1.tweaklen = sizeof(long_tweak);
	tap_ok(!ca_ff1_encrypt(&ff1, digits, 10), "tweak", "one byte too long");
	ff1.tweaklen--;
	tap_ok(ca_ff1_encrypt(&ff1, digits, 10), "tweak", "the longest");
}

int
main(void)
{
	test_samples();
	test_lengths();
	test_round_trip();
	test_bounds();
	tap_is((int) ERR_peek_error(), 0, "OpenSSL", "no error is left in the queue");
	return tap_done();
}
