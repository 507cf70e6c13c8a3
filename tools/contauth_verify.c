/*-------------------------------------------------------------------------
 *
 * contauth_verify.c
 *	  contauth-verify: check an export of the audit, without a server.
 *
 * Reads files that an enemy may have written, and trusts nothing but the keys
 * and the earlier result that it is given.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <getopt.h>

#include "common/fe_memutils.h"
#include "verify_export.h"

#define EXIT_INTACT		0
#define EXIT_DAMAGED	1
#define EXIT_UNVERIFIED	2

/* Bytes read at a time. */
#define READ_SIZE		(128 * 1024)

static const char help[] =
"contauth-verify checks an export of contauth's audit, without a server.\n"
"\n"
"Usage:\n"
"  contauth-verify [OPTION]... EXPORT\n"
"\n"
"EXPORT is what contauth_audit.export() returned, a line for each record; \"-\" is\n"
"standard input.\n"
"\n"
"Options:\n"
"  --checkpoints=FILE  what contauth_audit.export_checkpoints() returned, before\n"
"                      the export or in the same snapshot; needs --keys\n"
"  --keys=FILE         public keys that are trusted, in PEM, one or more\n"
"  --after=SEQ:HASH    the last record of an earlier verification, as \"last\" told\n"
"                      it: it must be there, unchanged.  The export begins with\n"
"                      record 1, or with this one\n"
"  --from=SEQ          the export begins with this record; what was before it is\n"
"                      not looked at\n"
"  --to=SEQ            the export ends with this record\n"
"  --max-unsigned=N    at most so many records behind the last checkpoint\n"
"  --help              show this, and exit\n"
"\n"
"Output: lines of \"name: value\".  \"result\" is intact or damaged.  If damaged,\n"
"\"damage\" is one of edited, missing, duplicated, reordered, truncated, rewritten,\n"
"checkpoint_forged, checkpoint_missing, malformed; \"first_bad\" is the first record\n"
"that is not proven to be right.  \"last\" is for the next verification; \"signed\" is\n"
"the newest record that a trusted checkpoint stands for: who can write the\n"
"database could have rewritten what comes after it.\n"
"\n"
"Exit status: 0 intact, 1 damaged, 2 not verified (usage, or a file cannot be\n"
"read).\n";

/* Say why nothing can be verified, and exit. */
static void
give_up(const char *what, const char *why)
{
	fprintf(stderr, "contauth-verify: %s: %s\n", what, why);
	exit(EXIT_UNVERIFIED);
}

/* Open a file for reading. */
static FILE *
open_file(const char *path)
{
	FILE	   *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");

	if (file == NULL)
		give_up(path, strerror(errno));
	return file;
}

typedef void (*LineFunction) (CaVerifier *verifier, const char *line,
							  size_t len);

/*
 * Hand over the complete lines in buffer[0, *len) and keep the rest at its
 * start.
 */
static void
take_lines(CaVerifier *v, LineFunction take, char *buffer, size_t *len)
{
	char	   *line = buffer;
	char	   *end = buffer + *len;
	char	   *feed;

	while ((feed = memchr(line, '\n', end - line)) != NULL)
	{
		*feed = '\0';
		take(v, line, feed - line);
		line = feed + 1;
	}
	*len = end - line;
	memmove(buffer, line, *len);
}

/* Read a file line by line.  A last line may lack its line feed. */
static void
read_lines(CaVerifier *v, const char *path, LineFunction take)
{
	FILE	   *file = open_file(path);
	size_t		size = CA_EXPORT_LINE_MAX + READ_SIZE + 1;
	char	   *buffer = pg_malloc(size);
	size_t		len = 0;
	size_t		n;

	while ((n = fread(buffer + len, 1, READ_SIZE, file)) > 0)
	{
		len += n;
		take_lines(v, take, buffer, &len);
		if (len > CA_EXPORT_LINE_MAX)
		{
			/* not a line of an export, which is what the reader will say */
			take(v, "", 0);
			break;
		}
	}
	if (ferror(file))
		give_up(path, strerror(errno));
	if (len > 0 && len <= CA_EXPORT_LINE_MAX)
	{
		buffer[len] = '\0';
		take(v, buffer, len);
	}
	if (file != stdin)
		fclose(file);
	pg_free(buffer);
}

/* Read the file of trusted keys. */
static void
read_keys(CaVerifier *v, const char *path)
{
	static char text[CA_SIGNER_FILE_MAX + 1];
	FILE	   *file = open_file(path);
	size_t		len = fread(text, 1, sizeof(text), file);

	if (ferror(file))
		give_up(path, strerror(errno));
	if (len > CA_SIGNER_FILE_MAX || !ca_verifier_trust(v, text, len))
		give_up(path, "not public keys in PEM, Ed25519 or P-256");
	fclose(file);
}

/* The number of an option. */
static int64
number_of(const char *option, const char *text, int64 min, char **end)
{
	long long	value;

	errno = 0;
	value = strtoll(text, end, 10);
	if (errno != 0 || *end == text || value < min)
		give_up(option, "not a number that it can be");
	return value;
}

/* A number, and nothing behind it. */
static int64
whole_number_of(const char *option, const char *text, int64 min)
{
	char	   *end;
	int64		value = number_of(option, text, min, &end);

	if (*end != '\0')
		give_up(option, "not a number that it can be");
	return value;
}

/* SEQ:HASH of an earlier verification. */
static void
set_after(CaVerifier *v, const char *text)
{
	char	   *end;

	v->after_seq = number_of("--after", text, 1, &end);
	if (*end != ':' || !ca_export_hash(end + 1, v->after_hash))
		give_up("--after", "not SEQ:HASH with 64 lower-case hexadecimal digits");
	v->after_open = true;
}

/* Print a hash in hexadecimal. */
static void
print_last(const CaVerifier *v)
{
	char		hex[CA_SHA256_HEXLEN + 1];

	if (v->checked == 0)
		return;
	ca_digest_hex(v->prev, hex);
	printf("last: %lld:%s\n", (long long) v->expected - 1, hex);
}

/* Print the result; the exit status. */
static int
print_result(const CaVerifier *v, const CaDamage *damage)
{
	printf("result: %s\n", damage == NULL ? "intact" : "damaged");
	printf("records: %lld\n", (long long) v->checked);
	if (damage != NULL)
	{
		printf("damage: %s\n", damage->kind);
		printf("first_bad: %lld\n", (long long) damage->first_bad);
		printf("detail: %s\n", damage->detail);
	}
	else
		print_last(v);
	if (v->signatures)
	{
		printf("checkpoints: %d\n", v->ncheckpoints);
		printf("signed: %lld\n", (long long) v->signed_seq);
	}
	if (fflush(stdout) != 0)
		give_up("standard output", strerror(errno));
	return damage == NULL ? EXIT_INTACT : EXIT_DAMAGED;
}

/* What the command line asks for besides the verifier's own settings. */
typedef struct Files
{
	const char *checkpoints;
	const char *keys;
	const char *export;
} Files;

/* Take the command line in. */
static void
read_options(int argc, char **argv, CaVerifier *v, Files *files)
{
	static const struct option options[] = {
		{"checkpoints", required_argument, NULL, 'c'},
		{"keys", required_argument, NULL, 'k'},
		{"after", required_argument, NULL, 'a'},
		{"from", required_argument, NULL, 'f'},
		{"to", required_argument, NULL, 't'},
		{"max-unsigned", required_argument, NULL, 'u'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}
	};
	int			option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		switch (option)
		{
			case 'c':
				files->checkpoints = optarg;
				break;
			case 'k':
				files->keys = optarg;
				break;
			case 'a':
				set_after(v, optarg);
				break;
			case 'f':
				v->from = whole_number_of("--from", optarg, 1);
				break;
			case 't':
				v->to = whole_number_of("--to", optarg, 1);
				break;
			case 'u':
				v->max_unsigned = whole_number_of("--max-unsigned", optarg, 0);
				break;
			case 'h':
				fputs(help, stdout);
				exit(EXIT_INTACT);
			default:
				give_up("usage", "see contauth-verify --help");
		}
	}
	if (optind != argc - 1)
		give_up("usage", "one export is needed; see contauth-verify --help");
	files->export = argv[optind];
}

/* Options that do not go together. */
static void
check_options(CaVerifier *v, const Files *files)
{
	/* SECURITY: checkpoints prove nothing without keys from elsewhere */
	if ((files->checkpoints == NULL) != (files->keys == NULL))
		give_up("usage", "--checkpoints and --keys are given together");
	v->signatures = files->keys != NULL;
	if (!v->signatures && v->max_unsigned != PG_INT64_MAX)
		give_up("usage", "--max-unsigned needs --checkpoints and --keys");
	if (v->after_seq > 0 && v->from > v->after_seq)
		give_up("usage", "--from lies behind --after");
	if (v->to < v->from)
		give_up("usage", "--to lies before --from");
}

int
main(int argc, char **argv)
{
	static CaVerifier v = {.from = 1,.to = PG_INT64_MAX,.max_unsigned = PG_INT64_MAX};
	Files		files = {NULL, NULL, NULL};
	int			status;

	read_options(argc, argv, &v, &files);
	check_options(&v, &files);
	if (v.signatures)
	{
		read_keys(&v, files.keys);
		read_lines(&v, files.checkpoints, ca_verifier_checkpoint);
	}
	read_lines(&v, files.export, ca_verifier_record);
	status = print_result(&v, ca_verifier_finish(&v));
	ca_verifier_free(&v);
	return status;
}
