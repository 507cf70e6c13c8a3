/*-------------------------------------------------------------------------
 *
 * unit_signer.c
 *	  Keys that sign the audit, and the checkpoints that they sign.
 *
 * The Ed25519 key is that of RFC 8037 appendix A, whose thumbprint stands
 * there; the others are made with the openssl command, and the thumbprint of
 * the P-256 key with Python.
 *
 * A failure means that a file is taken for a key that it is not, or that a
 * checkpoint could be changed without losing its signature.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <openssl/err.h>

#include "crypto/checkpoint_form.h"

#include "tap.h"

static const char ed_private[] =
"-----BEGIN PRIVATE KEY-----\n"
"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
"-----END PRIVATE KEY-----\n";

static const char ed_public[] =
"-----BEGIN PUBLIC KEY-----\n"
"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
"-----END PUBLIC KEY-----\n";

static const char ec_private[] =
"-----BEGIN PRIVATE KEY-----\n"
"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMKQa16BUKFFbF/yt\n"
"R5UPsXIldJSZH7J4xBk7fzPzzuShRANCAATpJGworNArZ4wc+PCf0MOA8wVJDzoE\n"
"iqgyBxI0ZbUsQ6hqV30b5ftRg0HPR9Yr11EmH88oSUNVGbPCWgnq4zgn\n"
"-----END PRIVATE KEY-----\n";

static const char ec_sec1[] =
"-----BEGIN EC PRIVATE KEY-----\n"
"MHcCAQEEIDCkGtegVChRWxf8rUeVD7FyJXSUmR+yeMQZO38z887koAoGCCqGSM49\n"
"AwEHoUQDQgAE6SRsKKzQK2eMHPjwn9DDgPMFSQ86BIqoMgcSNGW1LEOoald9G+X7\n"
"UYNBz0fWK9dRJh/PKElDVRmzwloJ6uM4Jw==\n"
"-----END EC PRIVATE KEY-----\n";

static const char ec_public[] =
"-----BEGIN PUBLIC KEY-----\n"
"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE6SRsKKzQK2eMHPjwn9DDgPMFSQ86\n"
"BIqoMgcSNGW1LEOoald9G+X7UYNBz0fWK9dRJh/PKElDVRmzwloJ6uM4Jw==\n"
"-----END PUBLIC KEY-----\n";

static const char p384_private[] =
"-----BEGIN PRIVATE KEY-----\n"
"MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCh8UOvv1CeZDA+DR/O\n"
"U0dCJrle2Oti6SZDNson1Padnx66GhZ8Er2Dfi2AHcingxqhZANiAAQ78b63AJ+h\n"
"HG2NmoAVZic/W7hF2l4NzTXzQY8/jm9pmIhABS9NlI2N6jSNo/ue7u+wsA0Wwy72\n"
"R+dZKTXehQCT3eESYtJeGpeF6/vhbbs6pksD/6Ut33x7z5NNN7nlmlI=\n"
"-----END PRIVATE KEY-----\n";

static const char p384_public[] =
"-----BEGIN PUBLIC KEY-----\n"
"MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEO/G+twCfoRxtjZqAFWYnP1u4RdpeDc01\n"
"80GPP45vaZiIQAUvTZSNjeo0jaP7nu7vsLANFsMu9kfnWSk13oUAk93hEmLSXhqX\n"
"hev74W27OqZLA/+lLd98e8+TTTe55ZpS\n"
"-----END PUBLIC KEY-----\n";

static const char encrypted[] =
"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
"MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi2GMbVGBzTqQICCAAw\n"
"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPzg4girJRYwGhGaCCx6nXUEQFbI\n"
"kT4NVfSGLX2bzxWDGYFReJv4LvdG/co7QzujiebfUeVT5eRKX3hkWolNWLWtQNmc\n"
"kogtZibiAnZFMuS0EWg=\n"
"-----END ENCRYPTED PRIVATE KEY-----\n";

/* of the canonical form of make_checkpoint(), signed with the Ed25519 key */
#define FORM_DIGEST \
	"27e91d06e98fec9af7a8848d9fe4011d74f59196319745df01cfa0c4f23f2c1c"

#define ED_ID "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
#define EC_ID "lX-6GGGwdboklP_UueOzIF-NXIYnEzY1njrF8ljmq5s"

/* Which texts are private keys, of which kind, and with which identifier. */
static void
test_private(void)
{
	static const struct
	{
		const char *name;
		const char *pem;
		const char *alg;		/* NULL: refused */
		const char *id;
	}			cases[] = {
		{"Ed25519", ed_private, "EdDSA", ED_ID},
		{"P-256", ec_private, "ES256", EC_ID},
		{"P-256, SEC 1", ec_sec1, "ES256", EC_ID},
		{"P-384", p384_private, NULL, NULL},
		{"encrypted", encrypted, NULL, NULL},
		{"public", ed_public, NULL, NULL},
		{"empty", "", NULL, NULL},
		{"not PEM", "x", NULL, NULL},
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		CaPublicKey *key = ca_signer_read(cases[i].pem, strlen(cases[i].pem));
		char		id[CA_SIGNER_ID_LEN + 1] = "";

		tap_ok((key != NULL) == (cases[i].alg != NULL), "private key",
			   cases[i].name);
		if (key == NULL)
			continue;
		tap_ok(strcmp(ca_signer_alg(key)->name, cases[i].alg) == 0,
			   "algorithm", cases[i].name);
		tap_ok(ca_signer_id(key, id) && strcmp(id, cases[i].id) == 0,
			   "identifier", cases[i].name);
		ca_pubkey_free(key);
	}
	tap_ok(ERR_peek_error() == 0, "error queue", "empty afterwards");
}

/* Several public keys in one text; what is none of them ends it. */
static void
test_public(void)
{
	char		text[2048];
	const char *pem = text;
	size_t		len;
	CaPublicKey *key;
	char		id[CA_SIGNER_ID_LEN + 1];

	len = snprintf(text, sizeof(text), "\n%s\n%s", ed_public, ec_public);
	key = ca_signer_read_public(&pem, &len);
	tap_ok(key != NULL && ca_signer_id(key, id) && strcmp(id, ED_ID) == 0,
		   "public keys", "the first");
	ca_pubkey_free(key);
	key = ca_signer_read_public(&pem, &len);
	tap_ok(key != NULL && ca_signer_id(key, id) && strcmp(id, EC_ID) == 0,
		   "public keys", "the second");
	ca_pubkey_free(key);
	tap_is((int) len, 0, "public keys", "the end");

	pem = p384_public;
	len = strlen(pem);
	tap_ok(ca_signer_read_public(&pem, &len) == NULL, "public keys", "P-384");
	pem = ed_private;
	len = strlen(pem);
	tap_ok(ca_signer_read_public(&pem, &len) == NULL, "public keys", "private");
	pem = ed_public;
	len = strlen(pem) - 5;
	tap_ok(ca_signer_read_public(&pem, &len) == NULL, "public keys", "cut off");
	tap_ok(ERR_peek_error() == 0, "error queue", "empty afterwards");
}

/* DER there and back, and nothing behind it. */
static void
test_der(const char *name, const char *pem)
{
	CaPublicKey *key = ca_signer_read(pem, strlen(pem));
	unsigned char der[CA_SIGNER_SPKI_MAX + 1] = {0};
	size_t		len = ca_signer_to_der(key, der);
	CaPublicKey *again = ca_signer_from_der(der, len);

	tap_ok(again != NULL, "DER", name);
	ca_pubkey_free(again);
	tap_ok(ca_signer_from_der(der, len + 1) == NULL, "DER, a byte more", name);
	tap_ok(ca_signer_from_der(der, len - 1) == NULL, "DER, a byte less", name);
	ca_pubkey_free(key);
}

/* A checkpoint with something in every field. */
static CaCheckpoint
make_checkpoint(void)
{
	CaCheckpoint c = {0};

	c.checkpoint_id = 7;
	c.seq = INT64CONST(0x0102030405060708);
	memset(c.record_hash, 0xaa, sizeof(c.record_hash));
	c.records = 500;
	memset(c.boot_id, 0xbb, sizeof(c.boot_id));
	c.created_at = -1;
	memset(c.prev_checkpoint, 0xcc, sizeof(c.prev_checkpoint));
	return c;
}

/* Each part that is signed, changed. */
static void
test_changes(const CaCheckpoint *good, CaPublicKey *key, const char *name)
{
	CaCheckpoint c;

#define CHANGED(change, what) \
	do { \
		c = *good; \
		change; \
		tap_ok(!ca_checkpoint_signed_by(&c, key), name, what); \
	} while (0)

	CHANGED(c.checkpoint_id++, "another number");
	CHANGED(c.seq--, "another record");
	CHANGED(c.record_hash[31] ^= 1, "another hash");
	CHANGED(c.records = 0, "another count");
	CHANGED(c.boot_id[0] ^= 1, "another start");
	CHANGED(c.created_at++, "another time");
	CHANGED(c.prev_checkpoint[0] ^= 0x80, "another one before");
	CHANGED(c.key_id[0] ^= 1, "another key named");
	CHANGED(strcpy(c.alg, "RS256"), "another algorithm named");
	CHANGED(c.signature[63] ^= 1, "another signature");
}

/* Sign and verify, with a key and with the wrong one. */
static void
test_signatures(const char *name, const char *pem, const char *other_pem)
{
	CaPublicKey *key = ca_signer_read(pem, strlen(pem));
	CaPublicKey *other = ca_signer_read(other_pem, strlen(other_pem));
	CaCheckpoint c = make_checkpoint();

	tap_ok(ca_checkpoint_sign(&c, key, NULL), name, "sign");
	tap_ok(ca_checkpoint_signed_by(&c, key), name, "signed");
	tap_ok(!ca_checkpoint_signed_by(&c, other), name, "not by the other");
	tap_ok(!ca_checkpoint_crossed_by(&c, other), name, "not crossed");
	test_changes(&c, key, name);

	tap_ok(ca_checkpoint_sign(&c, key, other), name, "sign with two");
	tap_ok(ca_checkpoint_signed_by(&c, key), name, "signed");
	tap_ok(ca_checkpoint_crossed_by(&c, other), name, "crossed");
	tap_ok(!ca_checkpoint_crossed_by(&c, key), name, "not by itself");
	c.seq++;
	tap_ok(!ca_checkpoint_crossed_by(&c, other), name, "crossed, changed");
	ca_pubkey_free(key);
	ca_pubkey_free(other);
}

/* The canonical form, against the digest that Python makes of it. */
static void
test_form(void)
{
	CaPublicKey *key = ca_signer_read(ed_private, strlen(ed_private));
	CaCheckpoint c = make_checkpoint();
	unsigned char digest[CA_SHA256_LEN];
	char		hex[CA_SHA256_HEXLEN + 1] = "";

	if (ca_checkpoint_sign(&c, key, NULL) && ca_checkpoint_digest(&c, digest))
		ca_digest_hex(digest, hex);
	tap_ok(strcmp(hex, FORM_DIGEST) == 0, "canonical form", hex);
	ca_pubkey_free(key);
}

int
main(void)
{
	test_private();
	test_public();
	test_der("Ed25519", ed_private);
	test_der("P-256", ec_private);
	test_signatures("Ed25519", ed_private, ec_private);
	test_signatures("P-256", ec_private, ed_private);
	test_form();
	return tap_done();
}
