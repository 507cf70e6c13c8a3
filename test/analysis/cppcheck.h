/*
 * What cppcheck has to know of the server's headers, which it does not read: the macros
 * that loop, and those that do not return.
 */
#define PG_VERSION_NUM 150000
#define foreach(cell, list) for (cell = (list); cell != 0; cell = next_cell(cell))
#define dlist_foreach(iter, head) for (iter.cur = first_node(head); iter.cur != 0; iter.cur = next_node(iter.cur))
#define dlist_foreach_modify(iter, head) dlist_foreach(iter, head)
#define forboth(a, la, b, lb) for (a = (la), b = (lb); a != 0 && b != 0; a = next_cell(a), b = next_cell(b))
#define PG_TRY() if (1)
#define PG_CATCH() else
#define PG_FINALLY() if (1)
#define PG_END_TRY()
#define PG_RETURN_NULL() return 0
#define PG_RETURN_DATUM(x) return (x)
#define ereport(level, rest) do { if ((level) >= 21) abort(); } while (0)
#define elog(level, ...) do { if ((level) >= 21) abort(); } while (0)
#define ERROR 21
#define FATAL 22
#define PANIC 23
#define pg_noreturn
#define gettext_noop(x) (x)
#define INT64_FORMAT "%ld"
#define UINT64_FORMAT "%lu"
