/*-------------------------------------------------------------------------
 *
 * signing_key.h
 *	  The file with the private key that signs checkpoints.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_SIGNING_KEY_H
#define CA_AUDIT_SIGNING_KEY_H

#include "crypto/signer.h"

/*
 * Read the key of a file, for the caller to release with ca_pubkey_free().
 * NULL, and *problem says why in the form of an error's detail (palloc'd),
 * when the file cannot be read, others can read it, or it holds no such key.
 */
extern CaPublicKey *ca_signing_key_read(const char *path, char **problem);

#endif							/* CA_AUDIT_SIGNING_KEY_H */
