/*-------------------------------------------------------------------------
 *
 * signing_key.c
 *	  The file with the private key that signs checkpoints.
 *
 * Only the audit worker reads it.  A file that is not right is a problem to
 * report, never an error: records are written all the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/signing_key.h"
#include "storage/fd.h"

/*
 * Is the file one that only the server can read?  The rule is that of
 * ssl_key_file: of the server's user and closed to all others, or root's and
 * at most readable for its group.
 */
static char *
permission_problem(const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return pstrdup("It is not a regular file.");
	if (status->st_uid != geteuid() && status->st_uid != 0)
		return pstrdup("It belongs neither to the server's user nor to root.");

	/*
	 * SECURITY: whoever can read it can forge the audit
	 * (t/021_tamper_audit.pl)
	 */
	if ((status->st_uid == geteuid() && (status->st_mode & (S_IRWXG | S_IRWXO))) ||
		(status->st_uid == 0 && (status->st_mode & (S_IWGRP | S_IXGRP | S_IRWXO))))
		return pstrdup("It has group or world access; permissions must be u=rw (0600) or less if it belongs to the server's user, or u=rw,g=r (0640) or less if it belongs to root.");
	if (status->st_size > CA_SIGNER_FILE_MAX)
		return pstrdup("It is too large to be a key.");
	return NULL;
}

/* Read the whole of an open file and take it for a key. */
static CaPublicKey *
read_key(int fd, char **problem)
{
	char	   *text = palloc(CA_SIGNER_FILE_MAX + 1);
	size_t		len = 0;
	ssize_t		n;
	CaPublicKey *key = NULL;

	while (len <= CA_SIGNER_FILE_MAX &&
		   (n = read(fd, text + len, CA_SIGNER_FILE_MAX + 1 - len)) > 0)
		len += n;
	if (len > 0)
		key = ca_signer_read(text, len);
	explicit_bzero(text, CA_SIGNER_FILE_MAX + 1);
	pfree(text);
	if (key == NULL)
		*problem = pstrdup("It does not hold an unencrypted private key in PEM, Ed25519 or P-256.");
	return key;
}

/* See signing_key.h. */
CaPublicKey *
ca_signing_key_read(const char *path, char **problem)
{
	CaPublicKey *key = NULL;
	struct stat status;

	/* without O_NONBLOCK a FIFO would stop the worker for ever */
	int			fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);

	*problem = NULL;
	if (fd < 0 || fstat(fd, &status) != 0)
		*problem = psprintf("It could not be opened: %m.");
	else if ((*problem = permission_problem(&status)) == NULL)
		key = read_key(fd, problem);
	if (fd >= 0)
		CloseTransientFile(fd);
	return key;
}
