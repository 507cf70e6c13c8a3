/*-------------------------------------------------------------------------
 *
 * unit_crypto.c
 *	  Digests and signatures against the published vectors of the RFCs.
 *
 * The vectors: FIPS 180-4 examples, RFC 4231, RFC 5869, RFC 7515 appendix A.2 to A.4,
 * RFC 7520 sections 4.1 to 4.3, RFC 8037 appendix A.
 *
 * A failure means that we do not speak the same language as everybody else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <openssl/err.h>

#include "crypto/signature.h"
#include "token/jwk.h"
#include "token/jws.h"

#include "arena.h"
#include "tap.h"

#define RFC7515_PAYLOAD \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl" \
	"LmNvbS9pc19yb290Ijp0cnVlfQ"

#define RFC7520_PAYLOAD \
	"SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIg" \
	"ZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVw" \
	"IHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJl" \
	"IHN3ZXB0IG9mZiB0by4"

/* The keys of the RFCs, under kids of ours. */
static const char rfc_jwks[] =
"{\"keys\":["
"{\"kid\":\"7515-A.2\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""
"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qP"
"CJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47s"
"oMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2"
"R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud"
"F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"},"
"{\"kid\":\"7515-A.3\",\"kty\":\"EC\",\"crv\":\"P-256\","
"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
"{\"kid\":\"7515-A.4\",\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\""
"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9"
"tsz4qUxcWceqwQGk\",\"y\":\""
"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZ"
"mh9ubmf63e3kyMj2\"},"
"{\"kid\":\"7520-3.3\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""
"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTD"
"vNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5yd"
"QLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bT"
"wJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwd"
"q_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw\"},"
"{\"kid\":\"8037-A\",\"kty\":\"OKP\",\"crv\":\"Ed25519\","
"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
"]}";

static const struct
{
	const char *kid;
	const char *alg;
	const char *jws;
}			rfc_signatures[] = {

	{"7515-A.2", "RS256",
		"eyJhbGciOiJSUzI1NiJ9." RFC7515_PAYLOAD "."
		"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuH"
		"Im4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdi"
		"uB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN"
		"9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2"
		"w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77"
	"Rw"},
	{"7515-A.3", "ES256",
		"eyJhbGciOiJFUzI1NiJ9." RFC7515_PAYLOAD "."
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQ"
	"xfKTUJqPP3-Kg6NU1Q"},
	{"7515-A.4", "ES512",
		"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
		"AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2"
		"SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqO"
	"gzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"},
	{"7520-3.3", "RS256",
		"eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBs"
		"ZSJ9." RFC7520_PAYLOAD "."
		"MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM"
		"1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWR"
		"a-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnH"
		"XFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KL"
		"UQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDqu"
	"Dg"},
	{"7520-3.3", "PS384",
		"eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBs"
		"ZSJ9." RFC7520_PAYLOAD "."
		"cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tP"
		"id6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8b"
		"iiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrx"
		"UeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlq"
		"RHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72E"
	"aw"},
	{"8037-A", "EdDSA",
		"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsP"
	"t9g7sVvpAr_MuM0KAg"},
};

/* The published signatures verify; with one bit changed they do not. */
static void
test_rfc_signatures(void)
{
	CaJwks	   *jwks;
	int			nkeys;

	tap_is(ca_jwks_parse(rfc_jwks, sizeof(rfc_jwks) - 1, &jwks, &nkeys),
		   CA_TOKEN_OK, "RFC", "key set");
	for (int i = 0; i < (int) lengthof(rfc_signatures); i++)
	{
		const CaSignatureAlg *alg = ca_signature_alg(rfc_signatures[i].alg);
		CaPublicKey *key = ca_jwks_key(jwks, ca_jwks_find(jwks, rfc_signatures[i].kid,
														  alg, -1));
		const char *text = rfc_signatures[i].jws;
		CaJws		jws;

		tap_is(ca_jws_parse(text, strlen(text), &jws), CA_TOKEN_OK,
			   rfc_signatures[i].kid, "parse");
		tap_is(ca_signature_verify(alg, key, jws.signing_input,
								   jws.signing_input_len, jws.signature,
								   jws.signature_len),
			   CA_SIGNATURE_GOOD, rfc_signatures[i].kid, rfc_signatures[i].alg);
		jws.signature[jws.signature_len - 1] ^= 1;
		tap_is(ca_signature_verify(alg, key, jws.signing_input,
								   jws.signing_input_len, jws.signature,
								   jws.signature_len),
			   CA_SIGNATURE_BAD, rfc_signatures[i].kid, "one bit changed");
	}
	ca_jwks_free(jwks);
	arena_reset();
}

/* Is the hexadecimal text of digest this? */
static bool
hex_is(const unsigned char *digest, const char *expected)
{
	char		hex[CA_SHA256_HEXLEN + 1];

	ca_digest_hex(digest, hex);
	return strcmp(hex, expected) == 0;
}

/* SHA-256 of the standard's examples; HMAC of RFC 4231 cases 1, 2 and 6. */
static void
test_digests(void)
{
	unsigned char out[CA_SHA256_LEN];
	unsigned char key[131];

	tap_ok(ca_sha256("abc", 3, out) &&
		   hex_is(out, "ba7816bf8f01cfea414140de5dae2223"
				  "b00361a396177a9cb410ff61f20015ad"), "SHA-256", "abc");
	tap_ok(ca_sha256("", 0, out) &&
		   hex_is(out, "e3b0c44298fc1c149afbf4c8996fb924"
				  "27ae41e4649b934ca495991b7852b855"), "SHA-256", "empty");

	memset(key, 0x0b, 20);
	tap_ok(ca_hmac_sha256(key, 20, "Hi There", 8, out) &&
		   hex_is(out, "b0344c61d8db38535ca8afceaf0bf12b"
				  "881dc200c9833da726e9376c2e32cff7"), "HMAC", "RFC 4231 case 1");
	tap_ok(ca_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out) &&
		   hex_is(out, "5bdcc146bf60754e6a042426089575c7"
				  "5a003f089d2739839dec58b964ec3843"), "HMAC", "RFC 4231 case 2");
	memset(key, 0xaa, 131);
	tap_ok(ca_hmac_sha256(key, 131, "Test Using Larger Than Block-Size Key - "
						  "Hash Key First", 54, out) &&
		   hex_is(out, "60e431591ee0b67f0d8a26aacbf5b77f"
				  "8e0bc6213728c5140546040f0ee37f54"), "HMAC", "RFC 4231 case 6");
	tap_ok(ca_hmac_sha256(NULL, 0, "", 0, out) &&
		   hex_is(out, "b613679a0814d9ec772f95d778c35fc5"
				  "ff1697c493715653c6c712144292c5ad"), "HMAC", "empty key and text");
	tap_ok(!ca_hmac_sha256(key, (size_t) PG_INT32_MAX + 1, "", 0, out),
		   "HMAC", "key longer than an int");
}

/* HKDF of RFC 5869, cases 1 and 3, as far as its first block. */
static void
test_key_derivation(void)
{
	unsigned char out[CA_SHA256_LEN];
	unsigned char secret[22];
	unsigned char salt[13];
	unsigned char label[CA_HKDF_MAX_LABEL + 1];

	memset(secret, 0x0b, sizeof(secret));
	for (int i = 0; i < (int) sizeof(salt); i++)
		salt[i] = i;
	for (int i = 0; i < (int) sizeof(label); i++)
		label[i] = 0xf0 + i;
	tap_ok(ca_hkdf_sha256(secret, 22, salt, 13, label, 10, out) &&
		   hex_is(out, "3cb25f25faacd57a90434f64d0362f2a"
				  "2d2d0a90cf1a5a4c5db02d56ecc4c5bf"), "HKDF", "RFC 5869 case 1");
	tap_ok(ca_hkdf_sha256(secret, 22, NULL, 0, "", 0, out) &&
		   hex_is(out, "8da4e775a563c18f715f802a063c5a31"
				  "b8a11f5c5ee1879ec3454e5f3c738d2d"), "HKDF", "RFC 5869 case 3");
	tap_ok(ca_hkdf_sha256(secret, 22, salt, 13, label, CA_HKDF_MAX_LABEL, out) &&
		   !ca_hkdf_sha256(secret, 22, salt, 13, label, CA_HKDF_MAX_LABEL + 1, out),
		   "HKDF", "label too long");
}

/* The table knows ten names and no others. */
static void
test_algorithms(void)
{
	static const char *const unknown[] = {
		"none", "HS256", "HS384", "HS512", "ES256K", "rs256", "RS256 ", "",
		"Ed25519", "EDDSA", "RSA1_5"
	};

	for (int i = 0; i < (int) lengthof(unknown); i++)
		tap_ok(ca_signature_alg(unknown[i]) == NULL,
			   "unknown algorithm", unknown[i]);
}

/* Failures inside OpenSSL leave no errors for the TLS code to find. */
static void
test_error_queue(void)
{
	unsigned char ones[64];

	memset(ones, 0xff, sizeof(ones));
	ERR_clear_error();
	tap_ok(ca_pubkey_ec(CA_KEY_P256, ones, 32, ones, 32) == NULL,
		   "error queue", "a point that is not on the curve");
	tap_ok(ERR_peek_error() == 0, "error queue", "empty afterwards");
}

int
main(void)
{
	test_digests();
	test_key_derivation();
	test_algorithms();
	test_rfc_signatures();
	test_error_queue();
	return tap_done();
}
