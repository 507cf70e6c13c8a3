/*-------------------------------------------------------------------------
 *
 * arena.c
 *	  palloc for programs without a server, emptied as a memory context is.
 *
 * Takes the place of PostgreSQL's frontend palloc, which is plain malloc.
 * Each piece is still one malloc, so that AddressSanitizer sees its bounds;
 * all of them are on a list, so that a test can count what a call left behind
 * and a fuzzer can go on for ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "arena.h"

/* Every piece begins with this; the alignment is malloc's. */
typedef struct Piece
{
	struct Piece *prev;
	struct Piece *next;
} Piece;

static Piece all = {&all, &all};
static int	live = 0;

/* Put a new piece on the list and return its usable part. */
static void *
link_piece(Piece *piece)
{
	if (piece == NULL)
		abort();
	piece->prev = &all;
	piece->next = all.next;
	all.next->prev = piece;
	all.next = piece;
	live++;
	return piece + 1;
}

/* Take a piece off the list. */
static Piece *
unlink_piece(void *pointer)
{
	Piece	   *piece = (Piece *) pointer - 1;

	piece->prev->next = piece->next;
	piece->next->prev = piece->prev;
	live--;
	return piece;
}

void *
palloc(Size size)
{
	return link_piece(malloc(sizeof(Piece) + size));
}

void *
palloc0(Size size)
{
	return link_piece(calloc(1, sizeof(Piece) + size));
}

void *
repalloc(void *pointer, Size size)
{
	return link_piece(realloc(unlink_piece(pointer), sizeof(Piece) + size));
}

void
pfree(void *pointer)
{
	free(unlink_piece(pointer));
}

char *
pnstrdup(const char *in, Size len)
{
	char	   *out;

	len = strnlen(in, len);
	out = palloc(len + 1);
	memcpy(out, in, len);
	out[len] = '\0';
	return out;
}

char *
pstrdup(const char *in)
{
	return pnstrdup(in, strlen(in));
}

/* The names that programs of PostgreSQL use. */
void *
pg_malloc(size_t size)
{
	return palloc(size);
}

void *
pg_realloc(void *pointer, size_t size)
{
	return repalloc(pointer, size);
}

void
pg_free(void *pointer)
{
	if (pointer != NULL)
		pfree(pointer);
}

void
arena_reset(void)
{
	while (all.next != &all)
		pfree(all.next + 1);
}

int
arena_live(void)
{
	return live;
}
