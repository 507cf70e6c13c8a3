/*-------------------------------------------------------------------------
 *
 * spool_file.c
 *	  The files of the spool.
 *
 * A file appears under its name with a whole head, by renaming.  Behind the
 * head stand records, each with its length and a CRC.  Invariant: nothing is
 * ever appended behind a record that is not whole, so that what a crash cut
 * off can only be the end of a file.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/spool.h"
#include "base/guc.h"
#include "base/uuid7.h"
#include "common/file_perm.h"
#include "nodes/pg_list.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/builtins.h"

#define CA_SPOOL_SUFFIX		".spool"
#define CA_SPOOL_TMP		".tmp"
#define CA_SPOOL_DAMAGED	".damaged"

/*
 * Number of the format.  It covers CaAuditHeader and the tags of fields: who
 * changes what stands there must go on reading the old ones.
 */
#define CA_SPOOL_MAGIC		"CASPOOL1"
#define CA_SPOOL_MAGIC_LEN	8

/* What stands before the records of a file. */
typedef struct FileHead
{
	char		magic[CA_SPOOL_MAGIC_LEN];
	uint32		header_size;	/* of CaAuditHeader */
	int32		segment;
	pg_uuid_t	spool_id;
	TimestampTz created_at;
	uint64		start;
	pg_crc32c	crc;			/* of all before it */
} FileHead;

/* CRC of a file's head. */
static pg_crc32c
head_crc(const FileHead *head)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, head, offsetof(FileHead, crc));
	FIN_CRC32C(crc);
	return crc;
}

/* What stands before a record of len bytes, the first of them here, the rest there. */
CaSpoolHead
ca_spool_head(uint32 len, const char *data, Size first, const char *rest)
{
	CaSpoolHead head = {len};

	INIT_CRC32C(head.crc);
	COMP_CRC32C(head.crc, &len, sizeof(len));
	COMP_CRC32C(head.crc, data, first);
	COMP_CRC32C(head.crc, rest, len - first);
	FIN_CRC32C(head.crc);
	return head;
}

/* Bytes that the folder may hold. */
uint64
ca_spool_limit(void)
{
	return (uint64) ca_guc_spool_size * 1024 * 1024;
}

/* Bytes that all files in the folder take, 0 without a folder. */
uint64
ca_spool_size(void)
{
	DIR		   *dir = opendir(CA_SPOOL_DIR);
	struct dirent *entry;
	uint64		size = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
	{
		char		path[MAXPGPATH * 2];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", CA_SPOOL_DIR, entry->d_name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			size += st.st_size;
	}
	closedir(dir);
	return size;
}

/* Raise an error about a file, after closing fd. */
static void
report_file(int fd, const char *what, const char *path)
{
	int			save_errno = errno;

	if (fd >= 0)
		close(fd);
	errno = save_errno;
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not %s file \"%s\": %m", what, path)));
}

/* The name of a file; allocates nothing.  The same records may be imported twice. */
static void
set_path(CaSpoolSegment *segment, bool imported)
{
	char		id[CA_UUID_TEXT_LEN];
	char		unique[CA_UUID_TEXT_LEN + 1] = "";

	ca_uuid_text(&segment->spool_id, id);
	if (imported)
	{
		pg_uuid_t	uuid;

		ca_ring_draw_uuid(&uuid);
		unique[0] = '.';
		ca_uuid_text(&uuid, unique + 1);
	}
	snprintf(segment->path, MAXPGPATH, "%s/%s.%08d%s%s", CA_SPOOL_DIR, id,
			 segment->segment, unique, CA_SPOOL_SUFFIX);
}

/* The same for a segment that was written here. */
void
ca_spool_set_path(CaSpoolSegment *segment)
{
	set_path(segment, false);
}

/* Where a position is in the file. */
off_t
ca_spool_offset(const CaSpoolSegment *segment, uint64 position)
{
	return sizeof(FileHead) + (position - segment->start);
}

/* Make the folder, if it is not there. */
static void
make_folder(void)
{
	if (MakePGDirectory(CA_SPOOL_DIR) == 0)
		fsync_fname(".", true);
	else if (errno != EEXIST)
		report_file(-1, "create", CA_SPOOL_DIR);
}

/* The head of a file. */
static void
fill_head(FileHead *head, const CaSpoolSegment *segment)
{
	memset(head, 0, sizeof(*head));
	memcpy(head->magic, CA_SPOOL_MAGIC, CA_SPOOL_MAGIC_LEN);
	head->header_size = sizeof(CaAuditHeader);
	head->segment = segment->segment;
	head->spool_id = segment->spool_id;
	head->created_at = segment->created_at;
	head->start = segment->start;
	head->crc = head_crc(head);
}

/*
 * Create the file of a segment, of which all but end and path is given.  Nobody
 * sees it before ca_spool_publish().  Returns a descriptor that the caller
 * closes.
 */
int
ca_spool_create(CaSpoolSegment *segment, bool imported)
{
	char		path[MAXPGPATH + 8];
	FileHead	head;
	int			fd;

	make_folder();
	set_path(segment, imported);
	segment->end = segment->start;
	fill_head(&head, segment);

	snprintf(path, sizeof(path), "%s%s", segment->path, CA_SPOOL_TMP);
	fd = BasicOpenFile(path, O_RDWR | O_CREAT | O_TRUNC | PG_BINARY);
	if (fd < 0)
		report_file(-1, "create", path);
	errno = ENOSPC;
	if (pg_pwrite(fd, &head, sizeof(head), 0) != sizeof(head))
		report_file(fd, "write", path);
	if (pg_fsync(fd) != 0)
		report_file(fd, "fsync", path);
	return fd;
}

/* Give up a file that has not been published. */
void
ca_spool_discard(int fd, const CaSpoolSegment *segment)
{
	char		path[MAXPGPATH + 8];

	snprintf(path, sizeof(path), "%s%s", segment->path, CA_SPOOL_TMP);
	(void) unlink(path);
	close(fd);
}

/* Give the file its name; on failure it is not there and fd is closed. */
void
ca_spool_publish(int fd, const CaSpoolSegment *segment)
{
	char		path[MAXPGPATH + 8];

	snprintf(path, sizeof(path), "%s%s", segment->path, CA_SPOOL_TMP);
	if (durable_rename(path, segment->path, LOG) != 0)
		report_file(fd, "rename", path);
}

/* Append a record in the form that it has in a file. */
void
ca_spool_encode(StringInfo out, const char *record, Size len)
{
	CaSpoolHead head = ca_spool_head((uint32) len, record, len, NULL);

	appendBinaryStringInfo(out, (const char *) &head, sizeof(head));
	appendBinaryStringInfo(out, record, (int) len);
}

/*
 * Write encoded records at the end of a file and make them durable.  Raises an
 * error after a failure, with the file as it was; where not even that can be
 * had, the server starts anew, rather than have a record twice.
 */
void
ca_spool_append(int fd, const CaSpoolSegment *segment, uint64 position,
				const char *data, Size len)
{
	off_t		offset = ca_spool_offset(segment, position);
	const char *what = "write";
	int			level = ERROR;
	int			save_errno;

	errno = ENOSPC;
	if (pg_pwrite(fd, data, len, offset) == (ssize_t) len)
	{
		if (pg_fdatasync(fd) == 0)
			return;
		what = "fsync";
		level = data_sync_elevel(ERROR);
	}
	save_errno = errno;
	if (ftruncate(fd, offset) != 0)
		level = PANIC;
	errno = save_errno;
	ereport(level,
			(errcode_for_file_access(),
			 errmsg("could not %s file \"%s\": %m", what, segment->path)));
}

/* Does name end with suffix? */
static bool
has_suffix(const char *name, const char *suffix)
{
	Size		len = strlen(name);
	Size		suffix_len = strlen(suffix);

	return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

/* Read the head of a file; false when it has none (any more). */
static bool
read_segment(CaSpoolSegment *segment, bool tidy)
{
	FILE	   *file = AllocateFile(segment->path, PG_BINARY_R);
	FileHead	head;
	struct stat st;
	bool		ok;

	if (file == NULL)
	{
		if (errno != ENOENT)
			report_file(-1, "open", segment->path);
		return false;
	}
	if (fstat(fileno(file), &st) != 0)
		report_file(-1, "stat", segment->path);
	ok = fread(&head, sizeof(head), 1, file) == 1 &&
		memcmp(head.magic, CA_SPOOL_MAGIC, CA_SPOOL_MAGIC_LEN) == 0 &&
		head.header_size == sizeof(CaAuditHeader) &&
		head.crc == head_crc(&head);
	if (!ok && ferror(file))
		report_file(-1, "read", segment->path);
	FreeFile(file);
	if (!ok)
	{
		if (tidy)
			ca_spool_set_aside(segment, _("Its head is not that of a file of this version."));
		return false;
	}
	segment->spool_id = head.spool_id;
	segment->segment = head.segment;
	segment->created_at = head.created_at;
	segment->start = head.start;
	segment->end = head.start + (st.st_size - sizeof(FileHead));
	return true;
}

/* Order in which segments are carried: as they were written. */
static int
compare_segments(const ListCell *a, const ListCell *b)
{
	const CaSpoolSegment *left = lfirst(a);
	const CaSpoolSegment *right = lfirst(b);
	int			by_id = memcmp(&left->spool_id, &right->spool_id, UUID_LEN);

	if (left->created_at != right->created_at)
		return left->created_at < right->created_at ? -1 : 1;
	if (by_id != 0)
		return by_id;
	if (left->segment != right->segment)
		return left->segment < right->segment ? -1 : 1;
	return left->start < right->start ? -1 : left->start > right->start;
}

/*
 * All files of the spool in the order in which they are to be carried.  With
 * tidy what is no such file is set aside, else it is passed over.
 */
List *
ca_spool_segments(bool tidy)
{
	List	   *segments = NIL;
	DIR		   *dir = AllocateDir(CA_SPOOL_DIR);
	struct dirent *entry;

	if (dir == NULL && errno == ENOENT)
		return NIL;
	while ((entry = ReadDir(dir, CA_SPOOL_DIR)) != NULL)
	{
		CaSpoolSegment *segment;

		if (!has_suffix(entry->d_name, CA_SPOOL_SUFFIX))
			continue;
		segment = palloc0(sizeof(CaSpoolSegment));
		snprintf(segment->path, MAXPGPATH, "%s/%s", CA_SPOOL_DIR, entry->d_name);
		if (read_segment(segment, tidy))
			segments = lappend(segments, segment);
	}
	FreeDir(dir);
	list_sort(segments, compare_segments);
	return segments;
}

/*
 * Remove the files that a crash left before they had their names.  Only while the
 * server starts: later, somebody may be at work on one.
 */
void
ca_spool_remove_unfinished(void)
{
	DIR		   *dir = AllocateDir(CA_SPOOL_DIR);
	struct dirent *entry;
	char		path[MAXPGPATH];

	if (dir == NULL && errno == ENOENT)
		return;
	while ((entry = ReadDirExtended(dir, CA_SPOOL_DIR, LOG)) != NULL)
	{
		if (!has_suffix(entry->d_name, CA_SPOOL_SUFFIX CA_SPOOL_TMP))
			continue;
		snprintf(path, sizeof(path), "%s/%s", CA_SPOOL_DIR, entry->d_name);
		if (unlink(path) != 0)
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not remove file \"%s\": %m", path)));
	}
	FreeDir(dir);
}

/* Begin to read a file at a position, at which a record begins. */
void
ca_spool_read_from(CaSpoolReader *reader, const CaSpoolSegment *segment,
				   uint64 position)
{
	memset(reader, 0, sizeof(*reader));
	reader->position = position;
	reader->limit = segment->end;
	reader->file = AllocateFile(segment->path, PG_BINARY_R);
	if (reader->file == NULL)
		report_file(-1, "open", segment->path);
	if (fseeko(reader->file, ca_spool_offset(segment, position), SEEK_SET) != 0)
		report_file(-1, "seek in", segment->path);
}

/*
 * Read the next record; false at the limit, and where no whole record stands.
 * The position then tells which of the two it is, and blank whether nothing has
 * been written there: a segment of the journal is made longer than what it holds.
 */
bool
ca_spool_read(CaSpoolReader *reader)
{
	CaSpoolHead head;

	if (reader->position + sizeof(head) > reader->limit ||
		fread(&head, sizeof(head), 1, reader->file) != 1)
		return false;
	reader->blank = head.len == 0 && head.crc == 0;
	if (head.len < sizeof(CaAuditHeader) || head.len > CA_SPOOL_RECORD_MAX ||
		reader->position + sizeof(head) + head.len > reader->limit)
		return false;
	reader->record = palloc(head.len);
	reader->len = head.len;
	if (fread(reader->record, head.len, 1, reader->file) != 1 ||
		ca_spool_head(head.len, reader->record, head.len, NULL).crc != head.crc)
		return false;
	reader->position += sizeof(head) + head.len;
	return true;
}

/* Close the file; raises what the operating system had to say. */
void
ca_spool_read_end(CaSpoolReader *reader)
{
	bool		failed = ferror(reader->file) != 0;

	FreeFile(reader->file);
	if (failed)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("could not read a file in \"%s\"", CA_SPOOL_DIR)));
}

/* Bytes that a record of len bytes takes. */
Size
ca_spool_record_size(Size len)
{
	return sizeof(CaSpoolHead) + len;
}

/* Remove a file; it may be gone. */
void
ca_spool_remove(const CaSpoolSegment *segment)
{
	if (unlink(segment->path) == 0)
		fsync_fname(CA_SPOOL_DIR, true);
	else if (errno != ENOENT)
		report_file(-1, "remove", segment->path);
}

/* Keep a file that holds what cannot be carried, under another name. */
void
ca_spool_set_aside(const CaSpoolSegment *segment, const char *why)
{
	char		path[MAXPGPATH + 16];

	snprintf(path, sizeof(path), "%s%s", segment->path, CA_SPOOL_DAMAGED);
	ereport(WARNING,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("file \"%s\" has not been carried as a whole into the audit tables",
					segment->path),
			 errdetail_internal("%s", why),
			 errhint("The file is kept as \"%s\".", path)));
	(void) durable_rename(segment->path, path, WARNING);
}
