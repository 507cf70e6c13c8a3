/*-------------------------------------------------------------------------
 *
 * ff1.h
 *	  Format-preserving encryption FF1 (NIST SP 800-38G) on AES.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_CRYPTO_FF1_H
#define CA_CRYPTO_FF1_H

#define CA_FF1_MIN_DOMAIN	1000000 /* SP 800-38G revision 1, section 5.1 */
#define CA_FF1_MAX_RADIX	256
#define CA_FF1_MAX_LEN		512
#define CA_FF1_MAX_TWEAK	255

typedef struct CaFf1
{
	const unsigned char *key;
	int			keylen;			/* 16, 24 or 32 bytes */
	const void *tweak;
	size_t		tweaklen;		/* at most CA_FF1_MAX_TWEAK */
	int			radix;			/* 2 to CA_FF1_MAX_RADIX */
} CaFf1;

/* Are there enough numerals of that radix and length to hide among? */
extern bool ca_ff1_domain_ok(int radix, int len);

/*
 * Encrypt or decrypt a numeral in place: len digits below the radix, the most
 * significant first.  False, with digits undefined, when an argument is out
 * of bounds, the domain too small, or OpenSSL fails.
 */
extern bool ca_ff1_encrypt(const CaFf1 *ff1, unsigned char *digits, int len);
extern bool ca_ff1_decrypt(const CaFf1 *ff1, unsigned char *digits, int len);

#endif							/* CA_CRYPTO_FF1_H */
